// Command bench measures aictl beside Supervisor, pm2, runit and nginx, one after the other on the same machine in one run.
//
//	make bench                                # everything, about fifteen minutes
//	make bench BENCHFLAGS='-only scale'       # what aictl costs with 10 to 1,000 services
//	make bench BENCHFLAGS='-only aictl -runs 1 -idle 5s -settle 3s'
//
// All services are the same static program (service/service.c), which reports to the benchmark when it runs. The report
// goes to stdout in Markdown and, with every single figure, to bench/results in JSON. Whatever is started is stopped.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

//go:embed service/service.c
var serviceSource []byte

type flags struct {
	program, only, pm2, out string
	scale, plot             string
	services                int
	gatewayTime             time.Duration
	options
}

func main() {
	var f flags
	cache, _ := os.UserCacheDir() // the default only; without a home -pm2 says where
	flag.StringVar(&f.program, "aictl", "bin/aictl", "the program to measure")
	flag.StringVar(&f.only, "only", "supervisor,pm2,runit,aictl,gateway,scale", "what to measure")
	flag.StringVar(&f.pm2, "pm2", filepath.Join(cache, "aictl-bench"), "where npm has put pm2")
	flag.StringVar(&f.out, "out", "bench/results", "where the JSON report goes")
	flag.IntVar(&f.services, "services", 100, "how many services")
	flag.IntVar(&f.runs, "runs", 5, "how often what is not a series is repeated; the median is reported")
	flag.IntVar(&f.crashes, "crashes", 30, "how many services are killed")
	flag.StringVar(&f.scale, "scale", "10,30,100,300,1000", "with how many services aictl is measured for its growth")
	flag.StringVar(&f.plot, "plot", "", "measure nothing: draw docs/benchmarks-scale.svg from this JSON report")
	flag.DurationVar(&f.idle, "idle", 30*time.Second, "how long idle processor time is measured")
	flag.DurationVar(&f.settle, "settle", 15*time.Second, "how long services are left alone before they are measured")
	flag.DurationVar(&f.gatewayTime, "gateway-time", 5*time.Second, "how long each gateway is loaded, per run")
	flag.Int64Var(&f.logBytes, "log-bytes", 400<<20, "how much a service writes")
	reverse := flag.String("reverse-proxy", "", "measure nothing: be a bare ReverseProxy, LISTEN=UPSTREAM")
	flag.Parse()
	if *reverse != "" {
		fmt.Fprintln(os.Stderr, "bench:", serveReverseProxy(*reverse))
		os.Exit(1)
	}
	if f.plot != "" {
		if err := plot(f.plot, "docs/benchmarks-scale.svg"); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, f); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench prepares a directory, measures, and cleans up.
func bench(ctx context.Context, f flags) (err error) {
	sizes, err := scaleSizes(f.scale)
	if err != nil {
		return err
	}
	program, err := filepath.Abs(f.program)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "aictl-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	service, err := compile(dir)
	if err != nil {
		return err
	}
	b, err := newBeacon(filepath.Join(dir, "beacon"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()

	if program, err = installed(program, dir); err != nil {
		return err
	}
	wanted := strings.Split(f.only, ",")
	rep := report{Machine: machine(), Date: time.Now().UTC(), Options: fmt.Sprintf("%d services, medians of %d runs", f.services, f.runs)}
	for _, m := range []manager{&supervisor{}, &pm2{prefix: f.pm2}, &runit{}, &aictl{program: program}} {
		name := strings.ToLower(m.name())
		if !slices.Contains(wanted, name) || ctx.Err() != nil {
			continue
		}
		p := plan{dir: filepath.Join(dir, name), service: service, socket: b.path, services: f.services}
		if err := os.Mkdir(p.dir, 0o700); err != nil {
			return err
		}
		r, err := measure(m, p, b, f.options)
		if err != nil {
			return errors.Join(err, tail(filepath.Join(p.dir, "manager.log")))
		}
		rep.Managers = append(rep.Managers, r)
	}
	if slices.Contains(wanted, "gateway") && ctx.Err() == nil {
		p := plan{dir: filepath.Join(dir, "gateway"), service: service, socket: b.path}
		if rep.Gateway, rep.Versions, err = measureGateway(&aictl{program: program}, p, f.runs, f.gatewayTime); err != nil {
			return errors.Join(err, tail(filepath.Join(p.dir, "manager.log")))
		}
	}
	if slices.Contains(wanted, "scale") && ctx.Err() == nil {
		p := plan{dir: filepath.Join(dir, "scale"), service: service, socket: b.path}
		if rep.Scale, err = measureScale(ctx, &aictl{program: program}, p, b, sizes, f.options); err != nil {
			return errors.Join(err, tail(filepath.Join(p.dir, "manager.log")))
		}
	}
	return rep.write(f.out)
}

// compile builds the service, static so that starting it costs as little as can be.
func compile(dir string) (string, error) {
	source, program := filepath.Join(dir, "service.c"), filepath.Join(dir, "service")
	if err := os.WriteFile(source, serviceSource, 0o600); err != nil {
		return "", err
	}
	_, err := run(dir, nil, "gcc", "-O2", "-static", "-o", program, source)
	return program, err
}

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

// poll asks until yes, for half a minute.
func poll(what string, yes func() bool) error {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if yes() {
			return nil
		}
	}
	return fmt.Errorf("%s: not within 30 s", what)
}

func kill(pid int) error {
	if pid <= 1 {
		return fmt.Errorf("pid %d is not a service's", pid)
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

// tail is the end of a log as an error, nil when there is none.
func tail(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	return fmt.Errorf("the end of its log:\n%s", data[max(0, len(data)-2000):])
}

// installed copies the program the way `make install` does. A file as the linker leaves it lies in the page cache in large
// pieces, which the kernel maps as a whole: it would look three times as large in memory as what users run.
func installed(program, dir string) (string, error) {
	to := filepath.Join(dir, "installed-aictl")
	_, err := run("", nil, "install", "-m", "755", program, to)
	return to, err
}
