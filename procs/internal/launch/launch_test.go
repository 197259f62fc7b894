package launch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// start runs this test binary as a stub and returns what it says and what the program writes.
func start(t *testing.T, o Order, program string, argv ...string) (string, error) {
	t.Helper()
	status, end, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer status.Close()
	o.Status = 3
	cmd := exec.Command(Path)
	if cmd.Args, err = o.Argv(program, argv); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles, cmd.Env = &out, &out, []*os.File{end}, []string{"ONLY=this"}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := end.Close(); err != nil {
		t.Fatal(err)
	}
	fault := ReadFault(status)
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if fault != nil && (exit == nil || exit.ExitCode() != refused) {
		t.Errorf("it said %v and ended with %v", fault, err)
	}
	return out.String(), fault
}

func TestStubBecomesTheProgram(t *testing.T) {
	nice, mask := 4, 0o077
	out, err := start(t, Order{Rlimits: map[string]int64{"nofile": 50, "core": 0}, Nice: &nice, Umask: &mask},
		"/bin/sh", "called-so", "-c", "echo $0 $1 $ONLY $(ulimit -Hn) $(umask); env", "a", "b")
	if err != nil || !strings.HasPrefix(out, "a b this 50 0077\n") || strings.Contains(out, Name) {
		t.Errorf("%q %v", out, err)
	}
}

func TestStubRefuses(t *testing.T) {
	for want, test := range map[string]struct {
		order   Order
		program string
		errno   syscall.Errno
	}{
		"no such file":                   {Order{}, "/no/such/program", syscall.ENOENT},
		"permission denied":              {Order{}, "/etc/passwd", syscall.EACCES},
		"this version knows no such":     {Order{Rlimits: map[string]int64{"made-up": 1}}, "/bin/true", 0},
		"cannot set nofile to 100000000": {Order{Rlimits: map[string]int64{"nofile": 1e8}}, "/bin/true", 0},
	} {
		_, err := start(t, test.order, test.program, "x")
		if err == nil || !strings.Contains(err.Error(), want) || test.errno != 0 && !errors.Is(err, test.errno) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if _, err := start(t, Order{Rlimits: map[string]int64{"nofile": 20}}, ""); err != nil {
		t.Errorf("only trying: %v", err)
	}
}

// FuzzReadFault: whatever comes through the pipe is a fault that says something, and nothing is none.
func FuzzReadFault(f *testing.F) {
	good, err := json.Marshal(Fault{Errno: syscall.ENOENT, Text: "no such file"})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{good, nil, []byte("{"), []byte("panic: x"), bytes.Repeat([]byte("x"), 5000), []byte("null")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		// A pipe holds 64 KiB without a reader; a stub says far less.
		if _, err := io.Copy(w, bytes.NewReader(said[:min(len(said), 32<<10)])); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := ReadFault(r); (err == nil) != (len(said) == 0) || err != nil && err.Error() == "" {
			t.Errorf("%q: %v", said, err)
		}
	})
}
