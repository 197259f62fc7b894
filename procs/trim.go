package procs

import (
	"context"
	"runtime/debug"
	"time"
)

// quietAfter is how long nothing must have changed for memory to be given back.
const quietAfter = 3 * time.Second

// trimWhenQuiet gives memory back to the system after each burst of changes. A keeper does nothing for most of its
// life, and what a start of hundreds of instances needed for a moment would stay with it for ever.
func (f *feed) trimWhenQuiet(ctx context.Context) {
	wake, stop := f.follow()
	defer stop()
	quiet := time.NewTimer(quietAfter)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
			quiet.Reset(quietAfter)
		case <-quiet.C:
			debug.FreeOSMemory()
		}
	}
}
