package store_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"aictl/ports"
	"aictl/store"
)

// TestStoreIsTheAllocatorsLedger runs the two together: leases survive both being made anew.
func TestStoreIsTheAllocatorsLedger(t *testing.T) {
	path := filepath.Join(t.TempDir(), "aictl.db")
	given := map[string]int{}
	for round := range 2 {
		s, err := store.Open(t.Context(), store.Options{Path: path, Key: make([]byte, store.KeySize)})
		if err != nil {
			t.Fatal(err)
		}
		a, err := ports.New(ports.Range{}, s, ports.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				owner := fmt.Sprintf("ocr/%d", i)
				port, err := 0, error(nil)
				if round == 0 {
					port, err = a.Acquire(t.Context(), owner)
				} else {
					port, _, err = a.Kept(t.Context(), owner) // by now another program may have taken it
				}
				mu.Lock()
				defer mu.Unlock()
				if err != nil || (round > 0 && given[owner] != port) {
					t.Errorf("%s got %d, %v; before it had %d", owner, port, err, given[owner])
				}
				given[owner] = port
			})
		}
		all.Wait()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	unique := map[int]bool{}
	for _, port := range given {
		unique[port] = true
	}
	if len(unique) != 40 {
		t.Errorf("40 owners share %d ports", len(unique))
	}
}
