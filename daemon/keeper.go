package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"syscall"

	"aictl/configs"
	"aictl/procs"
)

// The names of the listeners that the keeper holds for the daemon.
const (
	listenAPI     = "api"
	listenGateway = "gateway"
	listenSocket  = "socket"
)

// ExitRefused is the exit code of a daemon that cannot start and would not the next time either: a database of a
// newer schema, a lost key. A keeper that runs no service ends with it instead of trying for ever.
const ExitRefused = 78 // EX_CONFIG of sysexits.h

// KeeperOptions is how the keeper starts the daemon and what it says of itself.
type KeeperOptions struct {
	Worker  []string // argv of the daemon
	Trial   []string // arguments with which a program prints its procs.Trial
	Version string
	Logger  *slog.Logger
}

// RunKeeper is the process that systemd, a container or a shell starts. It holds the listeners and runs the daemon and
// the services until ctx ends, then stops everything in order. After an upgrade it is called in the same process again, by
// the next program.
func RunKeeper(ctx context.Context, s configs.Settings, o KeeperOptions) error {
	// The keeper does little and lives long: a small heap is worth more to it than fewer collections.
	debug.SetGCPercent(50)
	go slim(ctx, o.Logger)
	if err := hold(s); err != nil {
		return err
	}
	err := keep(ctx, s, o)
	if errors.Is(err, errNotBegun) {
		return err
	}
	return errors.Join(err, forgetState(Layout{s.DataDir}))
}

// errNotBegun is wrapped by what keeps a keeper from beginning. Nothing on disk is its own then.
var errNotBegun = errors.New("keeper not started")

// newKeeper makes a keeper, of what the program before this one has handed over when there is such a thing.
func newKeeper(s configs.Settings, o KeeperOptions, handover *procs.Handover) (*procs.Keeper, error) {
	dir := Layout{s.DataDir}
	if err := dir.prepare(); err != nil {
		return nil, err
	}
	manager, err := procs.FindServiceManager(os.Getenv, os.Getpid())
	if err != nil {
		return nil, fmt.Errorf("%w: correct the environment this is started with", err)
	}
	var passed []procs.Activated
	if handover == nil {
		passed, err = procs.ActivatedListeners(os.Getenv, os.Getpid())
	} else if err := dir.noteVersion(o.Version); err != nil {
		o.Logger.Warn("version not noted", "err", err) // it only tells people
	}
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return procs.NewKeeper(procs.KeeperConfig{
		RunDir:    dir.Run(),
		Logger:    o.Logger,
		Listen:    func() (map[string]net.Listener, error) { return listen(dir, s, o.Version, passed) },
		Child:     &procs.ChildSpec{Argv: o.Worker, Own: o.Worker[0] == self, Env: os.Environ(), Refused: ExitRefused},
		Version:   o.Version,
		Manager:   manager,
		Subreaper: true,
		Cgroups:   true,
		Trial:     o.Trial,
		Handover:  handover,
	})
}

func forgetState(dir Layout) error {
	var errs []error
	for _, path := range []string{dir.State(), dir.APISocket(), dir.keptSettings()} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func listenTCP(addr, flag string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is taken by another program: stop it, or choose another address with %s: %w", addr, flag, err)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("no permission to listen on %s: choose a port above 1023 with %s: %w", addr, flag, err)
	case err != nil:
		return nil, fmt.Errorf("listen on %s (%s): %w", addr, flag, err)
	}
	return ln, nil
}

// listenUnix opens the socket of the API for this user alone. One that lies there already is a dead keeper's.
func listenUnix(path string) (net.Listener, error) {
	// The kernel's limit on the path of a unix socket.
	if len(path) > 107 {
		return nil, fmt.Errorf("%s is too long for a unix socket (%d of 107 bytes): choose a shorter --data-dir", path, len(path))
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove the old socket: %w", err)
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("listen on %s: %w", path, err), ln.Close())
	}
	return ln, nil
}

// urlOf is the address that a browser on this machine opens for a listener.
func urlOf(addr net.Addr, files configs.TLSSettings) string {
	scheme := "http://"
	if files.On() {
		scheme = "https://"
	}
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return scheme + addr.String()
	}
	if ip := net.ParseIP(strings.TrimSuffix(host, "%")); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + net.JoinHostPort(host, port)
}
