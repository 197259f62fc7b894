package services

import (
	"fmt"
	"slices"
	"testing"
)

func woken(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestFollow: a change wakes those who follow the service, however often it changes meanwhile, and nobody else.
func TestFollow(t *testing.T) {
	m := &Manager{news: news{}}
	tell := func(name string) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.news.tell(name)
	}
	var each []<-chan struct{}
	for k := range 100 {
		c, done := m.follow(fmt.Sprint("svc-", k))
		defer done()
		each = append(each, c)
	}
	both, stop := m.follow("svc-1", "svc-2")
	for range 5 {
		tell("svc-1")
	}
	tell("unheard")
	for k, c := range each {
		if got := woken(c); got != (k == 1) {
			t.Errorf("svc-%d was woken: %t", k, got)
		}
	}
	if !woken(both) || woken(both) || woken(each[1]) {
		t.Error("five changes are not one signal")
	}
	tell("svc-2")
	if !woken(both) || !woken(each[2]) {
		t.Error("a change of the second service was missed")
	}
	stop()
	tell("svc-1")
	if woken(both) {
		t.Error("woken after it had stopped following")
	}
}

// TestFollowLeavesNothing: whoever stops to follow is forgotten.
func TestFollowLeavesNothing(t *testing.T) {
	m := &Manager{news: news{}}
	_, one := m.follow("a", "b", "a")
	_, two := m.follow("b")
	one()
	two()
	if len(m.news) > 0 {
		t.Errorf("left: %v", m.news)
	}
}

func TestServicesOf(t *testing.T) {
	if got := servicesOf([]string{"ocr/1", "ocr/12", "odd"}); !slices.Equal(got, []string{"ocr", "ocr", "odd"}) {
		t.Errorf("got %q", got)
	}
}
