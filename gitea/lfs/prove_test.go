package lfs

import (
	"errors"
	"testing"
)

// TestSayingThatItIsThereIsNotEnough: a server of the repository's own choice knows the name of what the store keeps for another.
func TestSayingThatItIsThereIsNotEnough(t *testing.T) {
	t.Parallel()
	theirs, remote := server(t)
	p := parse(t, theirs.Add("secret weights"))
	store := OpenStore(t.TempDir())
	must(t, remote.Fetch(t.Context(), store, []Pointer{p}, never, nil))
	liar, other := server(t)
	liar.Add("secret weights") // so that it says that it has the object; what it sends is something else
	liar.Lock()
	liar.Damage = true
	liar.Unlock()
	other.Authorization = ""
	if err := other.Fetch(t.Context(), store, []Pointer{p}, never, nil); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a server that only knows the name: %v", err)
	}
	liar.Lock()
	liar.Damage = false
	liar.Unlock()
	must(t, other.Fetch(t.Context(), store, []Pointer{p}, never, nil))
	if got := read(t, store, p); got != "secret weights" {
		t.Errorf("the store has %q", got)
	}
}
