package logs

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Source is one log to read.
type Source struct {
	Instance string // copied into the entries
	Path     string // the current file, as given to the Writer
}

// Query says what to read. Grep, Since and Streams choose lines; Lines counts only chosen ones.
type Query struct {
	Sources []Source
	Lines   int       // the last N lines of all sources together; -1 for all; 0 for none before Follow
	Since   time.Time // lines ended at or after this time; the zero time for all
	Grep    *regexp.Regexp
	Streams StreamSet
	Follow  bool // go on with new lines until the context ends
}

// Entry is one line. Text has no newline, may hold any byte, and is valid until the callback returns.
type Entry struct {
	Time      time.Time // when the line's end was seen, UTC
	Instance  string
	Stream    Stream
	Text      []byte
	Truncated bool // the line was longer than Text: longer than 1 MiB, or begun before what is kept
}

// Read calls fn for every line that the query asks for, in the order of time; lines of one source keep their
// order. It ends with fn's first error, with ctx's error (the only end of Follow), or when all is read. Logs that do not exist
// are empty; lines that are not in the log format are skipped.
func Read(ctx context.Context, q Query, fn func(Entry) error) (err error) {
	sources := make([]*source, 0, len(q.Sources))
	defer func() {
		for _, s := range sources {
			err = errors.Join(err, s.Close())
		}
	}()
	// The watch begins before the first read, so that nothing falls between the two.
	var watch *watcher
	if q.Follow {
		watch = newWatcher(q.Sources)
		defer func() { err = errors.Join(err, watch.Close()) }()
	}
	for _, src := range q.Sources {
		s, err := openSource(&q, src)
		if err != nil {
			return fmt.Errorf("read log %s: %w", src.Path, err)
		}
		sources = append(sources, s)
	}
	if err := readKept(ctx, &q, sources, fn); err != nil || !q.Follow {
		return err
	}
	return follow(ctx, sources, watch, fn)
}

// readKept reads what is there now.
func readKept(ctx context.Context, q *Query, sources []*source, fn func(Entry) error) error {
	if q.Lines < 0 {
		return merge(ctx, nexts(sources), 0, fn)
	}
	var total int
	lists := make([]next, len(sources))
	for i, s := range sources {
		entries, err := s.tail(ctx, q.Lines)
		if err != nil {
			return fmt.Errorf("read log %s: %w", s.path, err)
		}
		total += len(entries)
		lists[i] = fromList(entries)
	}
	return merge(ctx, lists, max(0, total-q.Lines), fn)
}

// follow reads what comes, until the context ends.
func follow(ctx context.Context, sources []*source, watch *watcher, fn func(Entry) error) error {
	for {
		for _, s := range sources {
			if err := s.grow(); err != nil {
				return fmt.Errorf("follow log %s: %w", s.path, err)
			}
		}
		if err := merge(ctx, nexts(sources), 0, fn); err != nil {
			return err
		}
		if err := watch.wait(ctx); err != nil {
			return err
		}
	}
}

// next returns one entry after the other; ok is false when there is none (now).
type next func() (e Entry, ok bool, err error)

func nexts(sources []*source) []next {
	list := make([]next, len(sources))
	for i, s := range sources {
		list[i] = s.next
	}
	return list
}

func fromList(entries []Entry) next {
	return func() (e Entry, ok bool, err error) {
		if len(entries) == 0 {
			return e, false, nil
		}
		e, entries = entries[0], entries[1:]
		return e, true, nil
	}
}

// ctxEvery is after how many entries a reader looks whether it should stop.
const ctxEvery = 256

// merge calls fn with the entries of all lists in the order of time, without the first skip ones.
func merge(ctx context.Context, lists []next, skip int, fn func(Entry) error) error {
	heads := make([]Entry, 0, len(lists))
	live := make([]next, 0, len(lists))
	for _, n := range lists {
		e, ok, err := n()
		if err != nil {
			return err
		}
		if ok {
			heads, live = append(heads, e), append(live, n)
		}
	}
	for count := 0; len(live) > 0; count++ {
		if count%ctxEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		first := 0
		for i := 1; i < len(heads); i++ {
			if heads[i].Time.Before(heads[first].Time) {
				first = i
			}
		}
		if count >= skip {
			if err := fn(heads[first]); err != nil {
				return err
			}
		}
		e, ok, err := live[first]()
		if err != nil {
			return err
		}
		if ok {
			heads[first] = e
			continue
		}
		heads = append(heads[:first], heads[first+1:]...)
		live = append(live[:first], live[first+1:]...)
	}
	return nil
}
