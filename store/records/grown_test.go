package records

import (
	"testing"
	"time"
)

// TestLookUpSeesGrownBlocks: a block that takes in the records of later transactions is searched as it is by then, not as
// it was when it was last read.
func TestLookUpSeesGrownBlocks(t *testing.T) {
	a := openTest(t, t.TempDir())
	for n := range 5 {
		x := exchange(noon.Add(time.Duration(n)*time.Second), n)
		x.Session, x.User, x.TraceID, x.Tags = "s", "ann", "4bf92f3577b34da6a3ce929d0e0e4736", map[string]string{"k": "v"}
		if err := a.Append([]*Exchange{x}); err != nil {
			t.Fatal(err)
		}
		for name, f := range map[string]Filter{
			"session": {Session: "s"}, "user": {User: "ann"}, "trace": {TraceID: x.TraceID}, "tag": {Tags: map[string]string{"k": "v"}},
		} {
			page, err := a.List(t.Context(), f)
			if err != nil || len(page.Records) != n+1 {
				t.Errorf("after %d transactions %d are found by %s: %v", n+1, len(page.Records), name, err)
			}
		}
	}
}
