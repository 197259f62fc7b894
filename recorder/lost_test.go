package recorder

import (
	"testing"

	"github.com/google/uuid"

	"aictl/recorder/intents"
)

func TestALostRecordHasATrace(t *testing.T) {
	id := uuid.MustParse("019a0000-0000-7000-8000-000000000001")
	for sent, want := range map[string]string{"": "019a0000000070008000000000000001", "4bf92f3577b34da6a3ce929d0e0e4736": "4bf92f3577b34da6a3ce929d0e0e4736"} {
		if x := lostRecord(intents.Intent{ID: id, TraceID: sent}); x.TraceID != want {
			t.Errorf("trace %q became %q", sent, x.TraceID)
		}
	}
}
