package procs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// The states of an UpgradeStatus.
const (
	UpgradeNone    = "none"
	UpgradeRunning = "running"
	UpgradeDone    = "done"
	UpgradeFailed  = "failed" // the old program goes on
)

// UpgradeStatus is what came of the last upgrade of a keeper.
type UpgradeStatus struct {
	State   string `json:"state"`
	Program string `json:"program,omitempty"`
	From    string `json:"from,omitempty"` // versions
	To      string `json:"to,omitempty"`
	Reason  string `json:"reason,omitempty"` // why it failed
}

type upgradeRequest struct {
	Program  string        `json:"program,omitempty"`  // an absolute path; "" for the one the keeper was started from
	Patience time.Duration `json:"patience,omitempty"` // see Keeper.Upgrade
}

const (
	// DefaultUpgradePatience is how long a new program may take to come up, unless something else is said.
	DefaultUpgradePatience = 30 * time.Second
	trialPatience          = 10 * time.Second
	longestUpgrade         = time.Hour
)

// upgrade is one replacement of the program, under way.
type upgrade struct {
	program  string
	own      bool // the keeper's own file is meant: the way back
	patience time.Duration
	news     *upgradeNews
}

func (u *upgrade) fail(err error) { u.news.end(err) }

// upgradeNews is the status of the last upgrade; one runs at a time.
type upgradeNews struct {
	mu     sync.Mutex
	status UpgradeStatus
}

func (n *upgradeNews) get() UpgradeStatus {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.status.State == "" {
		return UpgradeStatus{State: UpgradeNone}
	}
	return n.status
}

func (n *upgradeNews) begin(status UpgradeStatus) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.status.State == UpgradeRunning {
		return fmt.Errorf("%w: one runs already, to %s; wait for it", ErrUpgrade, n.status.Program)
	}
	status.State = UpgradeRunning
	n.status = status
	return nil
}

func (n *upgradeNews) setTo(version string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.status.To = version
}

func (n *upgradeNews) end(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.status.State = UpgradeDone
	if err != nil {
		n.status.State, n.status.Reason = UpgradeFailed, err.Error()
	}
}

// Trial is what a program says of itself when it is asked whether it can take a keeper over: one JSON object.
type Trial struct {
	Version     string `json:"version"`
	MinProtocol int    `json:"min_protocol"`
	MaxProtocol int    `json:"max_protocol"`
	Handover    int    `json:"handover"` // the format of handover documents
}

// OwnTrial is what this program says.
func OwnTrial(version string) Trial {
	return Trial{Version: version, MinProtocol: minProtocol, MaxProtocol: maxProtocol, Handover: handoverFormat}
}

func (t Trial) check() error {
	if t.Handover != handoverFormat || t.MaxProtocol < since[verbStandby] || t.MinProtocol > maxProtocol {
		return fmt.Errorf("version %s cannot take over from this one while services run (handover format %d, wanted %d; protocol %d to %d, spoken %d to %d): stop and start aictl instead",
			orDefault(t.Version, "unknown"), t.Handover, handoverFormat, t.MinProtocol, t.MaxProtocol, minProtocol, maxProtocol)
	}
	return nil
}

// Upgrade tries the program at an absolute path ("" for the one this keeper was started from) and, when it passes, begins to replace
// keeper and daemon by it. Within patience (0 for DefaultUpgradePatience) each step has to be done. What comes
// of it is told by UpgradeStatus.
func (k *Keeper) Upgrade(ctx context.Context, program string, patience time.Duration) (UpgradeStatus, error) {
	if k.child == nil {
		return UpgradeStatus{}, fmt.Errorf("%w: this keeper runs no daemon", ErrUpgrade)
	}
	if patience = orDefault(patience, DefaultUpgradePatience); patience < 0 || patience > longestUpgrade {
		return UpgradeStatus{}, fmt.Errorf("%w: a patience of %s is not between 0 and %s", ErrInvalidRequest, patience, longestUpgrade)
	}
	program = orDefault(program, k.child.spec.Argv[0])
	if err := k.news.begin(UpgradeStatus{Program: program, From: k.version}); err != nil {
		return UpgradeStatus{}, err
	}
	k.reloading("upgrading to " + program)
	up := &upgrade{program: program, patience: patience, news: &k.news}
	if err := k.try(ctx, up); err != nil {
		up.fail(err)
		k.tell("READY=1", "STATUS=serving")
		return UpgradeStatus{}, fmt.Errorf("%w: %w", ErrUpgrade, err)
	}
	k.host.log.Info("upgrade begins", "program", program, "from", k.version, "to", k.news.get().To)
	select {
	case k.child.upgrades <- up:
		return k.news.get(), nil
	case <-k.stopping:
		up.fail(ErrShuttingDown)
		return UpgradeStatus{}, ErrShuttingDown
	}
}

func (k *Keeper) reloading(status string) {
	if err := k.manager.reloading(status); err != nil {
		k.host.log.Warn("service manager was not told", "err", err)
	}
}

// try runs the program once, harmlessly.
func (k *Keeper) try(ctx context.Context, up *upgrade) error {
	info, err := os.Stat(up.program)
	switch {
	case !filepath.IsAbs(up.program):
		return fmt.Errorf("%s is not an absolute path", up.program)
	case err != nil:
		return fmt.Errorf("the new program: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file: name the program itself", up.program)
	case unix.Access(up.program, unix.X_OK) != nil:
		return fmt.Errorf("%s is not executable: run chmod +x on it", up.program)
	case len(k.trial) == 0:
		return nil
	}
	answer, err := k.child.trial(ctx, append([]string{up.program}, k.trial...), min(trialPatience, up.patience))
	if err != nil {
		return fmt.Errorf("the trial of %s failed: %w", up.program, err)
	}
	if err := answer.check(); err != nil {
		return err
	}
	up.news.setTo(answer.Version)
	return nil
}

// trial runs a program that says what it is and ends.
func (c *child) trial(ctx context.Context, argv []string, patience time.Duration) (Trial, error) {
	fd, err := unix.MemfdCreate("aictl-trial", unix.MFD_CLOEXEC)
	if err != nil {
		return Trial{}, err
	}
	out := os.NewFile(uintptr(fd), "trial")
	defer func() {
		if err := out.Close(); err != nil {
			c.host.log.Warn("close what a trial printed", "err", err)
		}
	}()
	nonce := c.host.newNonce()
	p, err := c.host.spawn(command{id: trialID, argv: argv, dir: c.spec.Dir, env: c.spec.Env, nonce: nonce, stdout: fd, stderr: fd})
	if err != nil {
		return Trial{}, err
	}
	d := &daemonProcess{process: p, id: trialID, nonce: nonce, exits: make(chan Exit, 1)}
	c.watch(d)
	exit, err := c.trialEnd(ctx, d, patience)
	c.finish(d)
	text, fault := io.ReadAll(io.NewSectionReader(out, 0, 64<<10))
	if err = errors.Join(err, fault); err == nil && exit != (Exit{At: exit.At, Uptime: exit.Uptime}) {
		err = errChildEnded{exit}
	}
	if err != nil {
		return Trial{}, fmt.Errorf("%w%s", err, printed(text))
	}
	return parseTrial(text)
}

const trialID = childID + "-trial"

func (c *child) trialEnd(ctx context.Context, p *daemonProcess, patience time.Duration) (Exit, error) {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	var fault error
	select {
	case exit := <-p.exits:
		return exit, nil
	case <-limit.C:
		fault = fmt.Errorf("it did not end within %s", short(patience))
	case <-ctx.Done():
		fault = ctx.Err()
	}
	c.kill(p)
	return Exit{}, fault
}

// parseTrial reads a trial's answer, the last line of what was printed.
func parseTrial(text []byte) (Trial, error) {
	var t Trial
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &t); err != nil {
		return t, fmt.Errorf("it does not say what it is; is it aictl, and new enough?%s", printed(text))
	}
	return t, nil
}

// printed are the last lines of a text, to go behind an error.
func printed(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if lines[0] == "" {
		return ""
	}
	return "; it printed: " + strings.Join(lines[max(0, len(lines)-trailLines):], "\n")
}

// beginUpgrade answers when the program has passed its trial.
func (k *Keeper) beginUpgrade(req upgradeRequest) (waiting, error) {
	return func(ctx context.Context) (any, error) {
		return k.Upgrade(ctx, req.Program, req.Patience)
	}, nil
}
