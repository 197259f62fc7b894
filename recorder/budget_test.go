package recorder

import "testing"

// The bounds follow the settings: what is held beyond a smaller one stays, and nothing more is taken until it is released.
func TestBudgetIsResized(t *testing.T) {
	b := newBudget(800)
	step := func(what string, got, want bool) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v", what, got)
		}
	}
	step("a body within seven eighths", b.takeBody(700), true)
	step("a body beyond them", b.takeBody(1), false)
	step("metadata beyond them", b.takeMeta(100), true)
	b.resize(400)
	step("nothing is left", b.takeMeta(1), false)
	b.release(500)
	if b.inUse() != 300 {
		t.Errorf("%d bytes in use", b.inUse())
	}
	step("a body within the new bound", b.takeBody(50), true)
	step("a body beyond the new bound", b.takeBody(1), false)
	b.resize(1600)
	step("a body within the larger bound", b.takeBody(1000), true)
}
