package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// daemon is the one that is loaded.
type daemon struct {
	program, data string
	cmd           *exec.Cmd
	ended         chan error
	gateway, api  string
	token         string
}

// start returns once the daemon answers.
func start(program, dir string) (*daemon, error) {
	program, err := filepath.Abs(program)
	if err != nil {
		return nil, err
	}
	d := &daemon{program: program, data: filepath.Join(dir, "data"), ended: make(chan error, 1)}
	d.cmd = exec.Command(program, "daemon", "--data-dir", d.data, "--listen", "127.0.0.1:0", "--gateway-listen", "127.0.0.1:0", "--ports", "22001-22099")
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { d.ended <- d.cmd.Wait() }()
	for deadline := time.Now().Add(time.Minute); ; {
		_, err := d.command("status")
		if err == nil {
			return d, d.place()
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("the daemon does not answer: %w", err), d.stop())
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// place reads where the daemon listens.
func (d *daemon) place() error {
	var state struct{ API, Gateway string }
	data, err := os.ReadFile(filepath.Join(d.data, "run", "daemon.json"))
	if err == nil {
		err = json.Unmarshal(data, &state)
	}
	if err != nil {
		return err
	}
	token, err := os.ReadFile(filepath.Join(d.data, "api.token"))
	d.api, d.gateway, d.token = bare(state.API), bare(state.Gateway), strings.TrimSpace(string(token))
	return err
}

func bare(address string) string {
	return strings.TrimSuffix(strings.TrimPrefix(address, "http://"), "/")
}

func (d *daemon) command(args ...string) (string, error) {
	var out, said bytes.Buffer
	cmd := exec.Command(d.program, append([]string{"--data-dir", d.data}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("aictl %s: %w: %s", strings.Join(args, " "), err, said.String())
	}
	return out.String(), nil
}

func (d *daemon) deploy() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir := filepath.Join(filepath.Dir(d.data), "soak")
	manifest := fmt.Sprintf("name: soak\nruntime: command\ncommand: %s instance\n", self)
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "aictl.yaml"), []byte(manifest), 0o600)); err != nil {
		return err
	}
	_, err = d.command("deploy", dir)
	return err
}

// stop ends the daemon and everything it runs.
func (d *daemon) stop() error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-d.ended:
		return err
	case <-time.After(time.Minute):
		return errors.Join(errors.New("the daemon did not stop within a minute"), d.cmd.Process.Kill())
	}
}

// watch loads the gateway and samples the daemon until length is over.
func (d *daemon) watch(ctx context.Context, l *load, length, every time.Duration) (samples []sample, err error) {
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	over := make(chan struct{})
	go func() { defer close(over); l.run(ctx) }()
	tick := time.NewTicker(every)
	defer tick.Stop()
	begun, before := time.Now(), int64(0)
	for {
		select {
		case <-over:
			return samples, nil
		case <-tick.C:
		}
		s, err := d.sample()
		if err != nil {
			cancel()
			<-over
			return nil, err
		}
		s.Seconds, s.Requests = time.Since(begun).Seconds(), l.done.Load()-before
		before += s.Requests
		samples = append(samples, s)
		fmt.Println(s)
	}
}

// worker is the process of the keeper's that does the work.
func (d *daemon) worker() (int, error) {
	keeper := d.cmd.Process.Pid
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", keeper)) // by the thread that started them
	if err != nil {
		return 0, err
	}
	for _, list := range lists {
		data, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(data)) {
			argv, err := os.ReadFile("/proc/" + field + "/cmdline")
			if err == nil && strings.Contains(string(argv), "\x00--worker") {
				return strconv.Atoi(field)
			}
		}
	}
	return 0, errors.New("the keeper has no daemon")
}

func (d *daemon) sample() (s sample, err error) {
	pid, err := d.worker()
	if err != nil {
		return s, err
	}
	rss, err := residentBytes(pid)
	if err != nil {
		return s, err
	}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return s, err
	}
	goroutines, err := d.metric("go_goroutines")
	if err != nil {
		return s, err
	}
	wal, err := filepath.Glob(filepath.Join(d.data, "records", "*-wal"))
	if err != nil {
		return s, err
	}
	s = sample{RSS: rss, FDs: int64(len(fds)), Goroutines: goroutines, Worker: pid}
	for _, path := range append(wal, filepath.Join(d.data, "aictl.db-wal")) {
		if info, err := os.Stat(path); err == nil {
			s.WAL += info.Size()
		}
	}
	return s, nil
}

func residentBytes(pid int) (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kib); n == 1 {
			return kib << 10, nil
		}
	}
	return 0, errors.New("no VmRSS in the daemon's status")
}

func (d *daemon) metric(name string) (int64, error) {
	req, err := http.NewRequest(http.MethodGet, "http://"+d.api+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+d.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseInt(value, 10, 64)
		}
	}
	return 0, errors.Join(lines.Err(), fmt.Errorf("/metrics answered %d and no %s", res.StatusCode, name))
}

// settled waits until nothing is in flight, and returns an error when the ledger does not add up or anything was lost.
func (d *daemon) settled() error {
	var doc struct {
		Ledger struct {
			Accepted, Recorded int64
			InFlight           int64 `json:"in_flight"`
			NoBody             int64 `json:"no_body"`
			Dropped            map[string]int64
		}
	}
	for range 100 {
		out, err := d.command("records", "stats", "-o", "json")
		if err == nil {
			err = json.Unmarshal([]byte(out), &doc)
		}
		if err != nil {
			return err
		}
		if doc.Ledger.InFlight == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	l := doc.Ledger
	fmt.Printf("ledger: %d accepted, %d recorded, %d in flight, %d without bodies, dropped %v\n", l.Accepted, l.Recorded, l.InFlight, l.NoBody, l.Dropped)
	if l.Accepted != l.Recorded || l.NoBody > 0 {
		return errors.New("not everything that was accepted is recorded with its bodies")
	}
	return nil
}
