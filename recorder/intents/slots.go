package intents

import (
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"time"
)

const (
	firstSlots = 2    // made in advance, and kept when they are free
	maxLive    = 4    // segments before the few open intents of the oldest are carried over
	maxCarry   = 1000 // … so few
	maxSlots   = 64
	tryAgain   = time.Second // after no slot could be made
)

// slots are the files of one journal.
type slots struct {
	dir     string
	log     *slog.Logger
	live    []*slot // segments, oldest first; the last one is written to
	free    []*slot
	made    int // for their names
	number  uint64
	failing bool
	retry   time.Time // no slot is made before
}

func (s *slots) current() *slot {
	if len(s.live) == 0 {
		return nil
	}
	return s.live[len(s.live)-1]
}

// open is how many intents are not settled.
func (s *slots) open() int {
	n := 0
	for _, l := range s.live {
		n += l.count
	}
	return n
}

func (s *slots) make() error {
	one, err := newSlot(s.dir, s.made)
	if err != nil {
		return err
	}
	s.made++
	s.free = append(s.free, one)
	return nil
}

// take returns a free slot, nil when there is none and none can be made.
func (s *slots) take(now time.Time) *slot {
	if len(s.free) == 0 {
		if now.Before(s.retry) || len(s.live) >= maxSlots {
			return nil
		}
		if err := s.make(); err != nil {
			s.failed(err, now)
			return nil
		}
	}
	last := len(s.free) - 1
	one := s.free[last]
	s.free = s.free[:last]
	return one
}

// failed says once that intents are not listed.
func (s *slots) failed(err error, now time.Time) {
	s.retry = now.Add(tryAgain)
	if s.failing {
		return
	}
	s.failing = true
	s.log.Error("accepted requests cannot be listed: if the daemon is killed now, those under way are missing in the ledger; check the disk's free space and permissions",
		"dir", s.dir, "error", err)
}

func (s *slots) recovered() {
	if s.failing {
		s.failing = false
		s.log.Info("accepted requests are listed again", "dir", s.dir)
	}
}

// release frees the oldest segments in which nothing is open. One after an open one stays: it tells what became of that one's
// other intents. For the same reason a freed one is emptied at once: those after it may be overwritten before it is.
func (s *slots) release() {
	for len(s.live) > 1 && s.live[0].count == 0 {
		one := s.live[0]
		s.live = slices.Delete(s.live, 0, 1)
		if len(s.free) < firstSlots && one.empty() == nil {
			s.free = append(s.free, one)
		} else if err := one.remove(); err != nil {
			s.log.Warn("file of intents not removed", "file", one.path, "error", err)
		}
	}
}

func (s *slots) close() error {
	var errs []error
	for _, one := range slices.Concat(s.live, s.free) {
		errs = append(errs, one.close())
	}
	s.live, s.free = nil, nil
	return errors.Join(errs...)
}

// rotate begins a segment, with the ledger as it is. It returns nil when there is no place for one.
func (j *Journal) rotate() *slot {
	now := time.Now()
	if j.lock == nil {
		if now.Before(j.slots.retry) {
			return nil
		}
		if err := j.settleIn(); err != nil {
			j.slots.failed(err, now)
			return nil
		}
	}
	one := j.slots.take(now)
	if one == nil {
		return nil
	}
	j.slots.number++
	if err := j.start(one); err != nil {
		j.slots.failed(errors.Join(err, one.remove()), time.Now())
		return nil
	}
	j.slots.recovered()
	j.slots.live = append(j.slots.live, one)
	j.carry(one)
	j.slots.release()
	return one
}

// start writes what a segment begins with.
func (j *Journal) start(one *slot) error {
	if err := one.begin(j.slots.number); err != nil {
		return err
	}
	sums := j.sums()
	for service, n := range j.unlisted {
		l := sums[service]
		l.Accepted, l.InFlight = l.Accepted-n, l.InFlight-n
		sums[service] = l
	}
	totals, err := json.Marshal(sums)
	if err != nil {
		return err
	}
	if len(totals) > segmentSize/2 {
		return errors.New("too many services for a ledger of half a segment")
	}
	b := append(make([]byte, entryHead), totals...)
	seal(b, one.number, kindTotals)
	return one.put(b)
}

// carry lists the open intents of the oldest segment anew when they are few, so that a request that lasts for days does not keep
// the segments of days.
func (j *Journal) carry(to *slot) {
	oldest := j.slots.live[0]
	if len(j.slots.live) <= maxLive || oldest.count > maxCarry {
		return
	}
	for e := oldest.open; e != nil && to.room() > segmentSize/4; e = oldest.open {
		b := appendIntent(make([]byte, entryHead, 256), e)
		if !j.write(to, kindCarried, b) {
			return
		}
		oldest.unlink(e)
		to.link(e)
	}
}
