package procs

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"aictl/procs/internal/cgroups"
)

// The variables every service finds in its environment. The nonce tells its processes from all others.
const (
	envInstance = "AICTL_INSTANCE"
	envNonce    = "AICTL_NONCE"
)

// host is what all instances of one keeper share.
type host struct {
	runDir    string
	mark      string // of the data directory, at the front of every nonce
	bootID    string
	log       *slog.Logger
	now       func() time.Time
	random    func() float64
	mount     cgroups.Mount
	groups    *cgroups.Tree // nil without cgroups
	subreaper bool
	null      *os.File // what services read as standard input
	children  *children
	pipes     *pipeBudget
	feed      *feed
	slots     chan struct{} // see limited
	handing   atomic.Bool   // instances let go for the next program, not for good
	stopping  atomic.Bool   // instances are removed because the keeper ends
}

// limited does work that keeps a thread busy in the kernel, a few at a time: hundreds of instances starting at once
// would leave as many threads behind. It must not be nested, and it must not touch a disk that may hang for one
// instance alone.
func (h *host) limited(work func() error) error {
	h.slots <- struct{}{}
	defer func() { <-h.slots }()
	return work()
}

// directoryMark is short, and the same for every keeper that ever runs on runDir.
func directoryMark(runDir string) string {
	sum := sha256.Sum256([]byte(runDir))
	return hex.EncodeToString(sum[:6])
}

func (h *host) newNonce() string { return h.mark + "-" + rand.Text() }

func (h *host) fifoPath(id, stream string) string {
	return filepath.Join(h.runDir, "fifo", escapeID(id)+"."+stream)
}

func (h *host) statePath(id string) string {
	return filepath.Join(h.runDir, "instances", escapeID(id)+".json")
}

// children are the processes this keeper spawned and reaps by itself; every other child is an adopted orphan.
// The lock is held over a spawn, so that a child is never seen before it is known.
type children struct {
	mu    sync.Mutex
	known map[int]bool
	freed chan struct{} // told when a known child was reaped
}

func newChildren() *children {
	return &children{known: make(map[int]bool), freed: make(chan struct{}, 1)}
}

func (c *children) spawn(start func() (int, error)) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	pid, err := start()
	if err == nil {
		c.known[pid] = true
	}
	return pid, err
}

func (c *children) isKnown(pid int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[pid]
}

// reaped must be called after the child's pid was freed.
func (c *children) reaped(pid int) {
	c.mu.Lock()
	delete(c.known, pid)
	c.mu.Unlock()
	select {
	case c.freed <- struct{}{}:
	default:
	}
}
