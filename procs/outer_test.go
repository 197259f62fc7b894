package procs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// outerKeeper is a keeper in a process of its own, which a test may kill.
type outerKeeper struct {
	testKeeper
	cmd *exec.Cmd
	log bytes.Buffer
	cgr bool
}

func startOuter(t *testing.T, cgroups bool) *outerKeeper {
	o := &outerKeeper{cgr: cgroups}
	o.dir = filepath.Join(t.TempDir(), "run")
	o.begin(t)
	t.Cleanup(func() { o.finish(t) })
	return o
}

func (o *outerKeeper) begin(t testing.TB) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o.cmd = exec.Command(exe, o.dir, strconv.FormatBool(o.cgr))
	o.cmd.Env = append(os.Environ(), modeVariable+"=keeper")
	o.cmd.Stderr = &o.log
	if err := o.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "keeper", func() bool {
		o.client, err = Dial(t.Context(), filepath.Join(o.dir, SocketName))
		return err == nil
	})
}

// crash kills the keeper as nothing can prevent.
func (o *outerKeeper) crash(t testing.TB) {
	t.Helper()
	kill9(t, o.cmd.Process.Pid)
	if err := o.cmd.Wait(); err == nil {
		t.Fatal("the keeper ended by itself")
	}
	<-o.client.Done()
	if err := o.client.Close(); err != nil {
		t.Fatal(err)
	}
}

func (o *outerKeeper) finish(t testing.TB) {
	if err := o.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := o.cmd.Wait(); err != nil {
		t.Errorf("keeper: %v\n%s", err, o.log.String())
	}
	if err := o.client.Close(); err != nil {
		t.Error(err)
	}
	noTraces(t, o.dir)
	if t.Failed() {
		t.Log(o.log.String())
	}
}

func (o *outerKeeper) list(t *testing.T) map[string]Status {
	t.Helper()
	list, err := o.client.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byID := make(map[string]Status)
	for _, s := range list {
		byID[s.ID] = s
	}
	return byID
}
