package kernel

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestLastPID(t *testing.T) {
	before := LastPID()
	if out, err := exec.Command("true").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if after := LastPID(); before == 0 || after == before {
		t.Errorf("the last pid was %d and is %d after a fork", before, after)
	}
}

func TestOwner(t *testing.T) {
	if uid, gid, err := Owner(os.Getpid()); err != nil || uid != os.Geteuid() || gid != os.Getegid() {
		t.Errorf("%d %d %v", uid, gid, err)
	}
	if _, _, err := Owner(-1); err == nil {
		t.Error("an owner of no process")
	}
}

func TestOpenFiles(t *testing.T) {
	before, err := OpenFiles(os.Getpid())
	if err != nil || before < 3 {
		t.Fatalf("%d %v", before, err)
	}
	for range 5 {
		file, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
	}
	if after, err := OpenFiles(os.Getpid()); err != nil || after < before+4 {
		t.Errorf("%d descriptors, then %d: %v", before, after, err)
	}
	if _, err := OpenFiles(-1); err == nil {
		t.Error("descriptors of no process")
	}
}

func TestParseStat(t *testing.T) {
	line := "42 (a) b (c)) S 7 42 41 0 -1 4194560 1 2 3 4 10 20 5 6 20 0 1 0 123456 4096 77" + strings.Repeat(" 1", 27) + " 256\n"
	got, err := ParseStat([]byte(line))
	want := Stat{PID: 42, PPID: 7, Group: 42, Session: 41, State: 'S', Start: 123456, CPUTicks: 30, ChildCPUTicks: 11, ResidentPages: 77, exitStatus: 256}
	if err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
	for _, bad := range []string{"", "42", "42 (x", "x (y) S 1", "42 (x) S 1 2 3", "42 (x) S a b c d e f g h i j k l m n o p q r s t u v"} {
		if _, err := ParseStat([]byte(bad)); err == nil {
			t.Errorf("accepted %q", bad)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (a) S 7 42 41 0 -1 4194560 1 2 3 4 10 20 5 6 20 0 1 0 123456 4096 77"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if stat, err := ParseStat(line); err == nil && stat.State == 0 {
			t.Errorf("no state in %q", line)
		}
	})
}

func TestOwnFacts(t *testing.T) {
	stat, err := ReadStat(os.Getpid())
	if err != nil || stat.PPID != os.Getppid() || !stat.Alive() || Age(stat) <= 0 {
		t.Errorf("%+v %v", stat, err)
	}
	if env, err := Environ(os.Getpid()); err != nil || len(env) == 0 {
		t.Errorf("%v %v", env, err)
	}
	if argv, err := Cmdline(os.Getpid()); err != nil || argv[0] != os.Args[0] {
		t.Errorf("%v %v", argv, err)
	}
	if id, err := BootID(); err != nil || len(id) != 36 {
		t.Errorf("%q %v", id, err)
	}
}

// start runs a shell line in a group of its own and returns a pidfd of it.
func start(t *testing.T, line string) (*exec.Cmd, *Pidfd) {
	t.Helper()
	cmd := exec.Command("sh", "-c", line)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p, err := OpenPidfd(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return cmd, p
}

func TestPidfdTellsTheExit(t *testing.T) {
	tests := map[string]Exit{"exit 3": {Code: 3}, "kill -SEGV $$": {Signal: syscall.SIGSEGV}, "true": {}}
	for line, want := range tests {
		cmd, p := start(t, line)
		if err := p.Wait(); err != nil {
			t.Fatal(err)
		}
		stat, err := ReadStat(cmd.Process.Pid)
		if err != nil || stat.Alive() {
			t.Fatalf("no zombie: %+v %v", stat, err)
		}
		fromStat, err := stat.Exit()
		if err != nil || fromStat != want {
			t.Errorf("%s: the zombie says %+v %v", line, fromStat, err)
		}
		if got, err := p.PeekExit(); err != nil || got != want {
			t.Errorf("%s: peek %+v %v", line, got, err)
		}
		if got, err := p.Reap(); err != nil || got != want {
			t.Errorf("%s: reap %+v %v", line, got, err)
		}
		if err := p.Signal(syscall.SIGTERM); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("%s: signal to the dead: %v", line, err)
		}
		if got, err := p.ReportedExit(); err == nil && got != want || err != nil && !errors.Is(err, ErrExitUnknown) {
			t.Errorf("%s: the kernel reports %+v %v", line, got, err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestPidfdOfOthers(t *testing.T) {
	p, err := OpenPidfd(1)
	if err != nil {
		t.Fatal(err)
	}
	if exited, err := p.Exited(); err != nil || exited {
		t.Errorf("init has exited? %v", err)
	}
	if _, err := p.PeekExit(); !errors.Is(err, ErrExitUnknown) {
		t.Errorf("%v", err)
	}
	waiting := make(chan error)
	go func() { waiting <- p.Wait() }()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; err == nil {
		t.Error("Wait returned without an error though nothing exited")
	}
}

func TestMakeFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	for range 2 {
		if err := MakeFIFO(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := MakeFIFO(path); err == nil {
		t.Error("a plain file passes for a fifo")
	}
}
