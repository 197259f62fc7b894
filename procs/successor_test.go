package procs

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// The next keeper waits for an address that the daemon of a killed one still holds, and for no other.
func TestAddressOfTheOldDaemon(t *testing.T) {
	t.Parallel()
	k := startKeeper(t)
	daemon := k.spec(t, childID, "wait")
	h := k.Keeper.host
	p, err := h.spawn(command{id: childID, argv: daemon.Argv, dir: daemon.Dir, env: daemon.Env, nonce: h.newNonce(), stdout: 1, stderr: 2})
	if err != nil {
		t.Fatal(err)
	}
	attempts := 0
	cfg := KeeperConfig{Listen: func() (map[string]net.Listener, error) {
		attempts++
		if attempts < 3 {
			return nil, &os.SyscallError{Syscall: "bind", Err: syscall.EADDRINUSE}
		}
		l, err := net.Listen("unix", filepath.Join(k.dir, "x.sock"))
		return map[string]net.Listener{"x": l}, err
	}}
	set, err := h.succeed(cfg)
	if err != nil || attempts != 3 {
		t.Fatalf("after %d attempts: %v", attempts, err)
	}
	if err := set.close(); err != nil {
		t.Error(err)
	}
	ended := make(chan Exit, 1)
	p.watch(func(exit Exit) { ended <- exit })
	kill9(t, p.pid)
	<-ended // only now it can be reaped
	if err := p.release(); err != nil {
		t.Error(err)
	}
	attempts = -1000
	began := time.Now()
	if _, err := h.succeed(cfg); !errors.Is(err, syscall.EADDRINUSE) || attempts != -998 {
		t.Errorf("an address that a stranger holds: %v after %d attempts and %s", err, attempts+1000, time.Since(began))
	}
}
