package gitea

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"aictl/gitea/lfs"
)

// TestCheckoutLeavesRoom: one file, named many times, unfolds to more than there is room for.
func TestCheckoutLeavesRoom(t *testing.T) {
	o := newOrigin(t)
	o.write("a.bin", string(make([]byte, lookEvery/2)))
	for _, name := range []string{"b.bin", "c.bin", "d.bin", "e.bin"} {
		must(t, os.Link(filepath.Join(o.dir, "a.bin"), filepath.Join(o.dir, name)))
	}
	sha := o.commit(nil)
	m := mirrorOf(t, o.dir, Auth{})
	must(t, m.Fetch(t.Context(), ""))
	was := freeOn
	t.Cleanup(func() { freeOn = was })
	free := int64(reserve + lookEvery)
	freeOn = func(string) (int64, error) {
		free -= lookEvery
		return free + lookEvery/2, nil
	}
	out := filepath.Join(t.TempDir(), "out")
	if err := m.Checkout(t.Context(), sha, out, nil); !errors.Is(err, ErrNoSpace) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("half a checkout stays")
	}
}

// TestLFSLeavesRoom: a pointer may claim any size.
func TestLFSLeavesRoom(t *testing.T) {
	t.Parallel()
	p, err := lfs.ParsePointer([]byte("version https://git-lfs.github.com/spec/v1\noid sha256:1111111111111111111111111111111111111111111111111111111111111111\nsize 4000000000000\n"))
	must(t, err)
	err = lfs.OpenStore(t.TempDir()).Put(t.Context(), p, nil, nil)
	if !IsNoSpace(err) {
		t.Errorf("got %v", err)
	}
}
