package api

import (
	"errors"
	"testing"
	"time"

	"aictl/services"
)

func TestEvents(t *testing.T) {
	b := newBackend()
	s := serve(t, b)
	for i, name := range []string{"ocr", "trend", "gone"} {
		b.happened.Publish(services.Event{
			Kind: services.EventInstanceExited, Time: testNow.Add(time.Duration(i) * time.Minute), Service: name, Instance: name + "/1",
			Release: "r1", Reason: "exited with code 3", Fields: map[string]string{"code": "3"},
		})
	}
	names := func(q EventsQuery) (out string) {
		t.Helper()
		for ev, err := range s.tcp.Events(t.Context(), q) {
			if err != nil {
				t.Fatal(err)
			}
			out += ev.Service + " "
		}
		return out
	}
	for _, tc := range []struct {
		query EventsQuery
		want  string
	}{
		{EventsQuery{}, "ocr trend gone "},
		{EventsQuery{Services: []string{"o*", "gone"}}, "ocr gone "},
		{EventsQuery{Services: []string{"nobody"}}, ""},
		{EventsQuery{Since: testNow.Add(time.Minute)}, "trend gone "},
	} {
		if got := names(tc.query); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.query, got, tc.want)
		}
	}
	for _, pattern := range []string{"[", "@nobody"} {
		for _, err := range s.tcp.Events(t.Context(), EventsQuery{Services: []string{pattern}}) {
			var p *Error
			if !errors.As(err, &p) || p.Status/100 != 4 {
				t.Errorf("%s: %v", pattern, err)
			}
		}
	}
}

func TestEventsAreFollowed(t *testing.T) {
	b := newBackend()
	s := serve(t, b)
	b.happened.Publish(services.Event{Kind: services.EventServiceStarted, Service: "ocr"})
	n := 0
	for ev, err := range s.unix.Events(t.Context(), EventsQuery{Follow: true}) {
		n++
		if err != nil || ev.Seq != uint64(n) {
			t.Fatalf("event %d: %+v %v", n, ev, err)
		}
		if n == 3 {
			return
		}
		b.happened.Publish(services.Event{Kind: services.EventServiceStopped, Service: "ocr"})
	}
	t.Fatalf("the stream ended after %d events", n)
}

func TestASlowReaderIsToldWhatItMissed(t *testing.T) {
	b := newBackend()
	s := newServer(t, b)
	b.happened.Publish(services.Event{Kind: services.EventServiceStarted, Service: "ocr"})
	var got []Event
	enough := errors.New("enough")
	err := s.events(t.Context(), &eventsInput{Follow: true}, func(ev Event) error {
		if got = append(got, ev); len(got) == 1 {
			for range 1500 {
				b.happened.Publish(services.Event{Kind: services.EventServiceStopped, Service: "ocr"})
			}
		}
		if len(got) == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || got[1].Kind != string(services.EventsLost) || got[1].Fields["count"] != "500" || got[2].Seq != 502 {
		t.Errorf("%v: %+v", err, got)
	}
}
