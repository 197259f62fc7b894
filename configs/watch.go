package configs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settle is how long a file must be left alone before it is read: editors write in several steps.
	settle = 200 * time.Millisecond
	// recheck is how often the file is looked at without being told of a change.
	recheck = 5 * time.Second
)

// Watch calls fn whenever the file at path was changed, with what load gives then: settings that are checked, or
// the error that says what is wrong with them. Changes that leave the content as it was are not told. It returns
// ctx's error when the context ends.
func Watch(ctx context.Context, path string, load func() (Settings, error), fn func(Settings, error)) (err error) {
	return watch(ctx, path, recheck, load, fn)
}

func watch(ctx context.Context, path string, recheck time.Duration, load func() (Settings, error), fn func(Settings, error)) (err error) {
	path = filepath.Clean(path)
	w := &fileWatch{path: path, seen: digest(path), recheck: recheck}
	if notify, noWatch := fsnotify.NewWatcher(); noWatch == nil {
		w.notify = notify
		defer func() { err = errors.Join(err, notify.Close()) }()
	}
	for {
		if err := w.changed(ctx); err != nil {
			return err
		}
		fn(load())
	}
}

// WatchFile calls fn whenever the content of the file at path was changed. It returns ctx's error when the context ends.
func WatchFile(ctx context.Context, path string, fn func()) error {
	return watch(ctx, path, recheck, func() (Settings, error) { return Settings{}, nil }, func(Settings, error) { fn() })
}

type fileWatch struct {
	path     string
	seen     []byte
	recheck  time.Duration
	notify   *fsnotify.Watcher // nil when the system has none to give
	watching bool
}

// changed returns nil when the file's content is another than before.
func (w *fileWatch) changed(ctx context.Context) error {
	timer := time.NewTimer(w.recheck)
	defer timer.Stop()
	var events chan fsnotify.Event
	var faults chan error
	if w.notify != nil {
		events, faults = w.notify.Events, w.notify.Errors
	}
	for {
		// The folder is watched, not the file: editors and configuration tools replace files.
		if w.notify != nil && !w.watching {
			w.watching = w.notify.Add(filepath.Dir(w.path)) == nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case ev := <-events:
			if w.mine(ev) {
				timer.Reset(settle)
			}
		case <-faults:
			timer.Reset(settle)
		case <-timer.C:
			if now := digest(w.path); !bytes.Equal(now, w.seen) {
				w.seen = now
				return nil
			}
			timer.Reset(w.recheck)
		}
	}
}

// mine reports whether an event may be about the file. Others must not put off its reading for ever.
func (w *fileWatch) mine(ev fsnotify.Event) bool {
	dir := filepath.Dir(w.path)
	if ev.Name == dir && ev.Has(fsnotify.Remove|fsnotify.Rename) {
		w.watching = false
	}
	// Mounted configuration is a link to ..data/NAME, and ..data is what is replaced.
	return ev.Name == dir || ev.Name == w.path || ev.Name == filepath.Join(dir, "..data")
}

// digest tells two contents apart; a file that cannot be read has one of its own.
func digest(path string) []byte {
	data, err := readBounded(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return []byte(reason(err))
	}
	sum := sha256.Sum256(data)
	return sum[:]
}
