package lfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"
)

// How a fetch is done: so many objects at a time, so many times.
const (
	workers = 3
	tries   = 4
)

// Fetch brings objects into the store. known says which of those in the store this repository was given before: of others
// the server is asked first, so that knowing a name is not enough to get what another repository keeps. tell, which may be
// nil, is told how much has come. What came before a failure stays, and the next Fetch goes on from there.
func (r *Remote) Fetch(ctx context.Context, s *Store, objects []Pointer, known func(oid string) bool, tell func(done, all int64)) error {
	f := &fetching{remote: r, store: s, tell: tell}
	for _, p := range slices.CompactFunc(slices.SortedFunc(slices.Values(objects), byOID), func(a, b Pointer) bool { return a.OID == b.OID }) {
		if !s.Has(p) || !known(p.OID) {
			f.todo = append(f.todo, p)
			f.all += p.Size
		}
	}
	pause := cmp.Or(r.Pause, time.Second)
	for try := 1; len(f.todo) > 0; try++ {
		fault := f.round(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case fault == nil:
			continue
		case final(fault) || try == tries || try > 1 && errors.Is(fault, ErrCorrupt):
			return fault
		}
		select {
		case <-time.After(pause):
			pause *= 2
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func byOID(a, b Pointer) int { return cmp.Or(cmp.Compare(a.OID, b.OID), cmp.Compare(a.Size, b.Size)) }

// final reports whether another try would end the same.
func final(err error) bool {
	for _, kind := range []error{ErrMissing, ErrDenied, ErrNoServer, syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EACCES} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

type fetching struct {
	remote *Remote
	store  *Store
	todo   []Pointer
	all    int64

	mu   sync.Mutex
	done int64
	tell func(done, all int64)
}

func (f *fetching) came(n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done += n
	if f.tell != nil {
		f.tell(f.done, f.all)
	}
}

// round asks for everything that is left, a part at a time, and keeps in todo what did not come. It returns the fault that
// matters most.
func (f *fetching) round(ctx context.Context) error {
	todo := f.todo
	f.todo = nil
	var faults []error
	for part := range slices.Chunk(todo, batchObjects) {
		if len(faults) > 0 && final(faults[0]) || ctx.Err() != nil {
			f.todo = append(f.todo, part...)
			continue
		}
		where, missing, err := f.remote.batch(ctx, part)
		if err != nil {
			f.todo = append(f.todo, part...)
			faults = append(faults, err)
			continue
		}
		for _, err := range missing {
			faults = append(faults, err)
		}
		faults = append(faults, f.part(ctx, part, where)...)
		slices.SortStableFunc(faults, func(a, b error) int { return rank(a) - rank(b) })
	}
	if len(faults) == 0 {
		return nil
	}
	if len(faults) > 1 {
		return fmt.Errorf("%w (and %d more)", faults[0], len(faults)-1)
	}
	return faults[0]
}

func rank(err error) int {
	if final(err) {
		return 0
	}
	return 1
}

// part fetches the objects whose place is known, a few at a time.
func (f *fetching) part(ctx context.Context, part []Pointer, where map[string]Action) []error {
	var faults []error
	var all sync.WaitGroup
	var mu sync.Mutex
	slots := make(chan struct{}, workers)
	for _, p := range part {
		at, ok := where[p.OID]
		if !ok {
			mu.Lock()
			f.todo = append(f.todo, p)
			mu.Unlock()
			continue
		}
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			err := f.one(ctx, p, at)
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				faults = append(faults, err)
				f.todo = append(f.todo, p)
			}
		})
	}
	all.Wait()
	return faults
}

func (f *fetching) one(ctx context.Context, p Pointer, at Action) error {
	if f.store.Has(p) {
		return f.shared(ctx, p, at)
	}
	var here int64
	tell := func(n int64) {
		here += n
		f.came(n)
	}
	err := f.store.Put(ctx, p, f.remote.content(p, at), tell)
	if err != nil {
		f.came(-here)
	} else if here == 0 && p.Size > 0 {
		return f.shared(ctx, p, at) // another deploy fetched it
	}
	return err
}

// shared takes what the store has for another repository. A server that the repository chose, by .lfsconfig or as the home of a
// submodule, could say that it has what it only knows the name of: it has to show the content.
func (f *fetching) shared(ctx context.Context, p Pointer, at Action) error {
	if !f.remote.trusted() {
		if err := f.remote.prove(ctx, p, at); err != nil {
			return err
		}
	}
	f.came(p.Size)
	return nil
}
