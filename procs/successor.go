package procs

import (
	"errors"
	"strings"
	"syscall"
	"time"
)

const (
	heirPause    = 10 * time.Millisecond
	heirPatience = 5 * time.Second // with a daemon that should have noticed by itself that its keeper is dead
)

// succeed opens the listeners. The daemon of a keeper that was killed holds the same addresses for a moment longer,
// while it ends what it is at; one that does not let go is ended.
func (h *host) succeed(cfg KeeperConfig) (*listenerSet, error) {
	for began := h.now(); ; time.Sleep(heirPause) {
		set, err := openListeners(cfg)
		if !errors.Is(err, syscall.EADDRINUSE) {
			return set, err
		}
		old, fault := h.oldDaemons()
		if fault != nil {
			return nil, errors.Join(err, fault)
		}
		if len(old) == 0 {
			return openListeners(cfg) // it may have ended between the two looks
		}
		if h.now().Sub(began) < heirPatience {
			continue
		}
		for _, l := range old {
			h.endLeader(l, childGrace)
		}
	}
}

// oldDaemons are the daemons that an earlier keeper on the same directory has left.
func (h *host) oldDaemons() ([]leftover, error) {
	left, err := h.leftovers()
	daemons, _ := split(left, func(l leftover) bool { return strings.HasPrefix(l.id, childID) && l.leads() })
	return daemons, err
}
