package ports

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// ErrExhausted is returned when no port of the range can be had.
var ErrExhausted = errors.New("no port left")

// Ledger keeps who has which port, across restarts. Lease must refuse a port that somebody else has and may
// refuse an owner that has another; Unlease of what is not there is no error.
type Ledger interface {
	Leases(ctx context.Context) (map[int]string, error) // owner by port
	LeaseOf(ctx context.Context, owner string) (port int, ok bool, err error)
	Lease(ctx context.Context, port int, owner string) error
	Unlease(ctx context.Context, port int, owner string) error
}

// Options of an Allocator. Logger nil means slog.Default.
type Options struct {
	Logger *slog.Logger
}

// Allocator gives out ports. Its methods may be called from any number of goroutines.
type Allocator struct {
	ports  Range
	ledger Ledger
	log    *slog.Logger
	system system
	// turn holds one token: whoever has it looks at ledger and system and writes what follows from that.
	turn chan struct{}
	// foreign are the strangers that were told of already, by port; guarded by turn.
	foreign map[int]string
}

// system is what the allocator asks the machine.
type system interface {
	probe(port int) error         // nil, or why a service could not listen there
	holder(port int) string       // who listens there, for people; "" when unknown
	anyPort() (port int, _ error) // a port the kernel has free
}

// New returns an allocator over a range and a ledger.
func New(r Range, l Ledger, o Options) (*Allocator, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Allocator{ports: r, ledger: l, log: o.Logger, system: linux{}, turn: make(chan struct{}, 1), foreign: map[int]string{}}, nil
}

// Acquire returns owner's port, leasing one when it has none. A port kept from before is given again while a
// service can listen there; when a stranger took it meanwhile, owner moves to another. Do not call it while
// owner's own process may be listening, which would look like a stranger: ask Kept then.
func (a *Allocator) Acquire(ctx context.Context, owner string) (int, error) {
	return a.alone(ctx, owner, func(kept int, has bool) (int, error) {
		if has && a.ports.Contains(kept) && a.usable(kept) {
			return kept, nil
		}
		return a.replace(ctx, owner, kept, has)
	})
}

// Move gives owner another port than the one it has.
func (a *Allocator) Move(ctx context.Context, owner string) (int, error) {
	return a.alone(ctx, owner, func(kept int, has bool) (int, error) { return a.replace(ctx, owner, kept, has) })
}

// Kept returns the port owner has in the ledger, without looking at who listens there.
func (a *Allocator) Kept(ctx context.Context, owner string) (port int, ok bool, err error) {
	port, ok, err = a.ledger.LeaseOf(ctx, owner)
	if err != nil {
		return 0, false, fmt.Errorf("port of %s: %w", owner, err)
	}
	return port, ok, nil
}

// Release gives back what owner has; having nothing is no error.
func (a *Allocator) Release(ctx context.Context, owner string) error {
	_, err := a.alone(ctx, owner, func(kept int, has bool) (int, error) {
		if !has {
			return 0, nil
		}
		return 0, a.ledger.Unlease(ctx, kept, owner)
	})
	return err
}

// alone runs f on what owner has in the ledger, with nobody else changing it.
func (a *Allocator) alone(ctx context.Context, owner string, f func(kept int, has bool) (int, error)) (int, error) {
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return 0, fmt.Errorf("port for %s: %w", owner, ctx.Err())
	}
	kept, has, err := a.ledger.LeaseOf(ctx, owner)
	if err != nil {
		return 0, fmt.Errorf("port for %s: %w", owner, err)
	}
	port, err := f(kept, has)
	if err != nil {
		return 0, fmt.Errorf("port for %s: %w", owner, err)
	}
	return port, nil
}

// replace finds a new port before it lets the old one go: a full range leaves owner what it has. The old lease
// ends first, for one owner has one port; a crash in between leaves owner with none, which Acquire mends.
func (a *Allocator) replace(ctx context.Context, owner string, old int, has bool) (int, error) {
	leases, err := a.ledger.Leases(ctx)
	if err != nil {
		return 0, err
	}
	port, err := a.find(leases)
	if err != nil {
		return 0, err
	}
	if has {
		if err := a.ledger.Unlease(ctx, old, owner); err != nil {
			return 0, err
		}
		a.log.Info("port changed", "owner", owner, "from", old, "to", port)
	}
	if err := a.ledger.Lease(ctx, port, owner); err != nil {
		return 0, err
	}
	return port, nil
}

func (a *Allocator) find(leases map[int]string) (int, error) {
	if a.ports == (Range{}) {
		return a.findAny(leases)
	}
	for port := a.ports.First; port <= a.ports.Last; port++ {
		if _, taken := leases[port]; !taken && a.usable(port) {
			return port, nil
		}
	}
	return 0, a.exhausted(leases)
}

// findAny asks the kernel, which may name a port that is leased to an instance not running now.
func (a *Allocator) findAny(leases map[int]string) (int, error) {
	const attempts = 1000
	for range attempts {
		port, err := a.system.anyPort()
		if err != nil {
			return 0, fmt.Errorf("%w: the kernel has no free port: %w", ErrExhausted, err)
		}
		if _, taken := leases[port]; !taken && a.usable(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("%w: %d ports the kernel named were all in use; set a range with --ports", ErrExhausted, attempts)
}

// usable tests a port and tells of each stranger once.
func (a *Allocator) usable(port int) bool {
	err := a.system.probe(port)
	if err == nil {
		delete(a.foreign, port)
		return true
	}
	if _, told := a.foreign[port]; !told {
		who := a.system.holder(port)
		a.foreign[port] = who
		a.log.Warn("port is taken by another program", "port", port, "holder", who, "err", err)
	}
	return false
}

func (a *Allocator) exhausted(leases map[int]string) error {
	leased := 0
	for port := range leases {
		if a.ports.Contains(port) {
			leased++
		}
	}
	strangers := a.strangers(leases)
	text := fmt.Sprintf("all %d ports of %s are in use: %d leased to instances, %d held by other programs",
		a.ports.Last-a.ports.First+1, a.ports, leased, len(strangers))
	if n := len(strangers); n > 0 {
		text += " (" + strings.Join(strangers[:min(n, 5)], ", ")
		if n > 5 {
			text += ", …"
		}
		text += ")"
	}
	return fmt.Errorf("%w: %s; remove services, end those programs, or give the daemon a wider --ports", ErrExhausted, text)
}

// strangers lists the ports of the range that others hold, by number.
func (a *Allocator) strangers(leases map[int]string) []string {
	var held []int
	for port := range a.foreign {
		if _, ours := leases[port]; !ours && a.ports.Contains(port) {
			held = append(held, port)
		}
	}
	slices.Sort(held)
	texts := make([]string, len(held))
	for i, port := range held {
		who := a.foreign[port]
		if who == "" {
			who = "an unknown program"
		}
		texts[i] = fmt.Sprintf("%d by %s", port, who)
	}
	return texts
}
