package gateway

import (
	"testing"
	"time"
)

func TestCanaryMarksTellOfTheTimeBetween(t *testing.T) {
	began := time.Unix(1, 0)
	s := split{release: "r2", since: began}
	mark := func() CanaryMark {
		return CanaryMark{release: s.release, since: s.since, canary: s.canary.count(), live: s.live.count()}
	}
	for range 50 {
		s.canary.add(time.Second, true)
		s.live.add(time.Second, true)
	}
	before := mark()
	if got := (CanaryMark{}).Until(before); got.Canary.Requests != 50 || got.Canary.Errors != 50 {
		t.Errorf("from the beginning: %+v", got)
	}
	for range 100 {
		s.canary.add(10*time.Millisecond, false)
	}
	s.live.add(20*time.Millisecond, false)
	got := before.Until(mark())
	if got.Canary.Requests != 100 || got.Canary.Errors != 0 || got.Canary.P95 > 11*time.Millisecond || got.Live.Requests != 1 || got.Live.Errors != 0 {
		t.Errorf("between: %+v", got)
	}
	s = split{release: "r3", since: began.Add(time.Second)}
	s.canary.add(time.Millisecond, false)
	if got := before.Until(mark()); got.Release != "r3" || got.Canary.Requests != 1 || got.Canary.Errors != 0 {
		t.Errorf("another canary: %+v", got)
	}
}
