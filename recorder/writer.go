package recorder

import (
	"log/slog"
	"time"

	"aictl/store/records"
)

// writer is the only caller of the store's Append. It is used by one goroutine.
type writer struct {
	to      Appender
	backoff []time.Duration
	log     *slog.Logger
	now     func() time.Time

	health  health // what others know of failing
	failing bool
	since   time.Time
	lost    int
	warned  map[*policy]bool
}

// maxRefusals is how many exchanges in a row may fail alone before the whole store is taken to be failing.
const maxRefusals = 3

// batch applies each service's policy, stores the batch, and sets item.dropped on what could not be stored.
func (w *writer) batch(batch []*item) {
	xs := make([]*records.Exchange, len(batch))
	for i, it := range batch {
		w.prepare(it)
		xs[i] = it.x
	}
	err := w.append(xs)
	if err == nil {
		w.recovered()
		return
	}
	if !w.failing && len(batch) > 1 && w.oneByOne(batch) {
		return
	}
	for _, it := range batch {
		it.dropped = DropDisk
	}
	w.failed(err, len(batch))
}

// prepare is the one place where secrets leave an exchange.
func (w *writer) prepare(it *item) {
	err := it.policy.apply(it.x)
	if err == nil || w.warned[it.policy] {
		return
	}
	if w.warned == nil {
		w.warned = map[*policy]bool{}
	}
	w.warned[it.policy] = true
	w.log.Warn("bodies withheld: they could not be redacted", "service", it.x.Service, "record", it.x.ID, "error", err)
}

// append retries a healthy store; a store known to fail gets one attempt a batch, so that the queue does not back up behind it.
func (w *writer) append(xs []*records.Exchange) error {
	err := w.to.Append(xs)
	if w.failing {
		return err
	}
	for _, wait := range w.backoff {
		if err == nil {
			return nil
		}
		time.Sleep(wait)
		err = w.to.Append(xs)
	}
	return err
}

// oneByOne saves a batch that holds an exchange the store cannot take. It reports false when the store takes none.
func (w *writer) oneByOne(batch []*item) bool {
	var last error
	taken, inRow := 0, 0
	for i, it := range batch {
		err := w.to.Append([]*records.Exchange{it.x})
		if err == nil {
			taken, inRow = taken+1, 0
			continue
		}
		it.dropped, last = DropRejected, err
		if inRow++; inRow == maxRefusals {
			if taken > 0 {
				w.giveUp(batch[i+1:], err)
			}
			return taken > 0
		}
	}
	if taken > 0 && last != nil {
		w.log.Error("records refused by the store", "error", last)
	}
	return taken > 0
}

// giveUp drops the rest of a batch whose store failed in the middle of it.
func (w *writer) giveUp(rest []*item, err error) {
	for _, it := range rest {
		it.dropped = DropDisk
	}
	w.failed(err, len(rest))
}

func (w *writer) failed(err error, n int) {
	w.lost += n
	w.health.set(false, w.now())
	if w.failing {
		return
	}
	w.failing, w.since = true, w.now()
	w.log.Error("records cannot be written and are dropped until the store recovers; check the disk's free space and permissions",
		"error", err, "dropped", n)
}

func (w *writer) recovered() {
	if !w.failing {
		return
	}
	w.log.Info("records are written again", "dropped", w.lost, "after", w.now().Sub(w.since))
	w.failing, w.lost = false, 0
	w.health.set(true, w.now())
}
