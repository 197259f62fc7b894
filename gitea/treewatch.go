package gitea

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Times of a TreeWatch.
const (
	treeSettle  = 150 * time.Millisecond // a folder must be left alone for so long before it is looked at
	treeLongest = 2 * time.Second        // but not longer: something may write without end
	treeRecheck = 10 * time.Second       // it is looked at without being told, too: some file systems tell nothing
)

// ErrWatchLimit is wrapped by errors about the kernel's bounds on inotify.
var ErrWatchLimit = errors.New("the kernel's limit is reached")

// TreeWatch tells of changes to the files of a folder that OpenTree would take: ignored ones, those of editors and
// version control do not count. Folders may come, go and be renamed. It is for one goroutine.
type TreeWatch struct {
	dir     string
	notify  *fsnotify.Watcher
	add     func(dir string) error
	watched map[string]bool
	seen    map[string]stamp
	recheck time.Duration
}

// stamp tells two states of a file apart without reading it.
type stamp struct {
	mode  fs.FileMode
	size  int64
	mtime time.Time
}

// WatchTree begins to watch dir: whatever changes after it has returned is told by Next. The error wraps ErrWatchLimit
// when the kernel allows no more, and says what to do.
func WatchTree(dir string) (*TreeWatch, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, watchFault(dir, err)
	}
	w := &TreeWatch{dir: dir, notify: notify, add: notify.Add, watched: map[string]bool{}, recheck: treeRecheck}
	if _, err := w.look(); err != nil {
		return nil, errors.Join(err, notify.Close())
	}
	return w, nil
}

// Close ends the watch.
func (w *TreeWatch) Close() error { return w.notify.Close() }

// Next waits until files are others than they were and have been left alone for a moment. It returns their paths below
// the folder, sorted.
func (w *TreeWatch) Next(ctx context.Context) ([]string, error) {
	quiet := time.NewTimer(w.recheck)
	defer quiet.Stop()
	var first time.Time // when the changes began; zero before
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case ev, open := <-w.notify.Events:
			if !open {
				return nil, fsnotify.ErrClosed
			}
			if passing(filepath.Base(ev.Name)) {
				continue
			}
			now := time.Now()
			if first.IsZero() {
				first = now
			}
			quiet.Reset(min(treeSettle, max(0, treeLongest-now.Sub(first))))
		case <-w.notify.Errors:
			quiet.Reset(treeSettle) // events were lost: looking finds what they told
		case <-quiet.C:
			changed, err := w.look()
			if err != nil || len(changed) > 0 {
				return changed, err
			}
			first = time.Time{}
			quiet.Reset(w.recheck)
		}
	}
}

// look reads the whole tree, watches the folders it finds and returns what is not as it was the last time.
func (w *TreeWatch) look() ([]string, error) {
	for {
		now, folders, err := w.scan()
		if err != nil {
			return nil, err
		}
		more, err := w.follow(folders)
		if err != nil {
			return nil, err
		}
		if more { // what came into a new folder before it was watched is found by looking again
			continue
		}
		was := w.seen
		w.seen = now
		if was == nil {
			return nil, nil
		}
		return differing(was, now), nil
	}
}

// scan lists the files and folders that count.
func (w *TreeWatch) scan() (files map[string]stamp, folders map[string]bool, err error) {
	files, folders = map[string]stamp{}, map[string]bool{}
	ignore := newIgnores(w.dir)
	var enter func(rel string) error
	enter = func(rel string) error {
		entries, err := os.ReadDir(filepath.Join(w.dir, rel))
		if err != nil {
			if rel != "" && errors.Is(err, fs.ErrNotExist) {
				return nil // gone meanwhile
			}
			return err
		}
		folders[filepath.Join(w.dir, rel)] = true
		ignore.enter(rel)
		for _, e := range entries {
			name := filepath.Join(rel, e.Name())
			if passing(e.Name()) || ignore.match(name, e.IsDir()) {
				continue
			}
			if e.IsDir() {
				if err := enter(name); err != nil {
					return err
				}
				continue
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			files[name] = stamp{info.Mode(), info.Size(), info.ModTime()}
		}
		return nil
	}
	if err := enter(""); err != nil {
		return nil, nil, fmt.Errorf("watch %s: %w", w.dir, err)
	}
	return files, folders, nil
}

// follow watches the folders and no others; more says that some are new.
func (w *TreeWatch) follow(folders map[string]bool) (more bool, err error) {
	// First those that are gone: a renamed folder shares the kernel's watch with its old name.
	for dir := range w.watched {
		if folders[dir] {
			continue
		}
		delete(w.watched, dir)
		if err := w.notify.Remove(dir); err != nil && !errors.Is(err, fsnotify.ErrNonExistentWatch) && !errors.Is(err, syscall.EINVAL) {
			return false, fmt.Errorf("watch %s: %w", w.dir, err)
		}
	}
	held := w.held()
	for _, dir := range slices.Sorted(maps.Keys(folders)) {
		if w.watched[dir] && held[dir] {
			continue
		}
		err := w.add(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the next look will not find it
		}
		if err != nil {
			return false, watchFault(w.dir, err)
		}
		w.watched[dir], more = true, true
	}
	return more, nil
}

// held are the folders that the kernel still watches: one that was replaced by another of its name is not among them.
func (w *TreeWatch) held() map[string]bool {
	held := map[string]bool{}
	for _, dir := range w.notify.WatchList() {
		held[dir] = true
	}
	return held
}

func differing(was, now map[string]stamp) []string {
	var out []string
	for name, s := range now {
		if old, had := was[name]; !had || old.mode != s.mode || old.size != s.size || !old.mtime.Equal(s.mtime) {
			out = append(out, name)
		}
	}
	for name := range was {
		if _, has := now[name]; !has {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// watchFault says which of the kernel's bounds stands in the way.
func watchFault(dir string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("watch %s: %w: a user may watch %s folders (fs.inotify.max_user_watches); raise it with `sysctl fs.inotify.max_user_watches=524288`, or name folders without code in %s",
			dir, ErrWatchLimit, limitOf("max_user_watches"), IgnoreFile)
	case errors.Is(err, syscall.EMFILE):
		return fmt.Errorf("watch %s: %w: a user may have %s watchers (fs.inotify.max_user_instances); raise it with `sysctl fs.inotify.max_user_instances=1024`, or end programs that watch files",
			dir, ErrWatchLimit, limitOf("max_user_instances"))
	}
	return fmt.Errorf("watch %s: %w", dir, err)
}

func limitOf(name string) string {
	text, err := os.ReadFile("/proc/sys/fs/inotify/" + name)
	if err != nil {
		return "so many"
	}
	return cmp.Or(strings.TrimSpace(string(text)), "so many")
}
