package logs

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// How often a follower looks by itself: rarely when it is told of changes, often when it is not.
const (
	slowPoll = time.Second
	fastPoll = 200 * time.Millisecond
)

// watcher waits until one of the logs may have grown. Where the system has no watch left to give, it polls.
type watcher struct {
	notify *fsnotify.Watcher // nil when there is none
	prefix []string          // cleaned paths of the current files
	absent map[string]bool   // folders that are not watched (yet)
	timer  *time.Timer
}

func newWatcher(sources []Source) *watcher {
	w := &watcher{absent: map[string]bool{}, timer: time.NewTimer(slowPoll)}
	for _, s := range sources {
		path := filepath.Clean(s.Path)
		w.prefix = append(w.prefix, path)
		w.absent[filepath.Dir(path)] = true
	}
	if notify, err := fsnotify.NewWatcher(); err == nil {
		w.notify = notify
		w.watchAbsent()
	}
	return w
}

// watchAbsent tries the folders that could not be watched so far, because they did not exist.
func (w *watcher) watchAbsent() {
	if w.notify == nil {
		return
	}
	for dir := range w.absent {
		if w.notify.Add(dir) == nil {
			delete(w.absent, dir)
		}
	}
}

// wait returns nil when it is worth looking again, or the context's error.
func (w *watcher) wait(ctx context.Context) error {
	w.watchAbsent()
	interval := slowPoll
	if len(w.absent) > 0 {
		interval = fastPoll
	}
	w.timer.Reset(interval)
	var events chan fsnotify.Event
	var faults chan error
	if w.notify != nil {
		events, faults = w.notify.Events, w.notify.Errors
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.timer.C:
			return nil
		case <-faults: // lost events, mostly: look
			return nil
		case ev := <-events:
			if w.mine(ev) {
				w.drain(events)
				return nil
			}
		}
	}
}

// drainMost bounds drain: a busy log makes events faster than they can be taken.
const drainMost = 1024

// drain takes events that tell nothing new.
func (w *watcher) drain(events chan fsnotify.Event) {
	for range drainMost {
		select {
		case ev := <-events:
			w.mine(ev)
		default:
			return
		}
	}
}

// mine reports whether the event is about one of the logs. A watched folder that is gone is watched again when it
// comes back.
func (w *watcher) mine(ev fsnotify.Event) bool {
	for _, p := range w.prefix {
		if ev.Name == filepath.Dir(p) && ev.Has(fsnotify.Remove|fsnotify.Rename) {
			w.absent[ev.Name] = true
		}
		if strings.HasPrefix(ev.Name, p) {
			return true
		}
	}
	return false
}

func (w *watcher) Close() error {
	w.timer.Stop()
	if w.notify == nil {
		return nil
	}
	if err := w.notify.Close(); err != nil && !errors.Is(err, fsnotify.ErrClosed) {
		return err
	}
	return nil
}
