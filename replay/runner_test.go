package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// feed gives items and then io.EOF.
func feed(items []*item) func() (*item, error) {
	at := 0
	return func() (*item, error) {
		if at == len(items) {
			return nil, io.EOF
		}
		at++
		return items[at-1], nil
	}
}

// arrivals are n items, one each 10 ms, of so many sessions in turn.
func arrivals(n, sessions int) []*item {
	var out []*item
	for k := range n {
		i := &item{ID: fmt.Sprintf("%04d", k), At: time.Unix(1000, 0).Add(time.Duration(k) * 10 * time.Millisecond)}
		if sessions > 0 {
			i.Session = fmt.Sprint("s", k%sessions)
		}
		out = append(out, i)
	}
	return out
}

// sends remember what was sent when.
type sends struct {
	mu       sync.Mutex
	begun    time.Time
	ids      []string
	at       []time.Duration
	flying   map[string]int // by session
	together int
	most     int
	lags     []time.Duration
	clash    bool
}

func (s *sends) runner(p schedule, took time.Duration) *runner {
	s.begun, s.flying = time.Now(), map[string]int{}
	return &runner{
		schedule: p,
		lag: func(d time.Duration) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.lags = append(s.lags, d)
		},
		do: func(ctx context.Context, i *item) error {
			s.mu.Lock()
			s.ids, s.at = append(s.ids, i.ID), append(s.at, time.Since(s.begun))
			s.flying[i.Session]++
			s.clash = s.clash || i.Session != "" && s.flying[i.Session] > 1
			s.together++
			s.most = max(s.most, s.together)
			s.mu.Unlock()
			err := waitUntil(ctx, time.Now().Add(took))
			s.mu.Lock()
			s.together--
			s.flying[i.Session]--
			s.mu.Unlock()
			return err
		},
	}
}

func idsOf(items []*item) []string {
	var out []string
	for _, i := range items {
		out = append(out, i.ID)
	}
	return out
}

// TestEveryPaceSendsAllInOrder: exactly as many as there are, in their order, when they are due.
func TestEveryPaceSendsAllInOrder(t *testing.T) {
	for _, c := range []struct {
		pace    string
		workers int
		took    time.Duration
		gap     time.Duration // between sends; 0 is not looked at
		most    int           // in flight
	}{
		{"1x", 100, time.Millisecond, 10 * time.Millisecond, 1},
		{"2x", 100, 20 * time.Millisecond, 5 * time.Millisecond, 5},
		{"0.5x", 100, time.Millisecond, 20 * time.Millisecond, 1},
		{"1000/s", 100, 10 * time.Millisecond, time.Millisecond, 11},
		{"4/s", 1, time.Millisecond, 250 * time.Millisecond, 1},
		{"max", 1, 7 * time.Millisecond, 7 * time.Millisecond, 1},
		{"max", 8, 7 * time.Millisecond, 0, 8},
	} {
		t.Run(c.pace, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pace, err := ParsePace(c.pace)
				if err != nil {
					t.Fatal(err)
				}
				items := arrivals(200, 0)
				var s sends
				if err := s.runner(schedule{Pace: pace, Concurrency: c.workers}, c.took).run(t.Context(), feed(items)); err != nil {
					t.Fatal(err)
				}
				if c.workers == 8 {
					slices.Sort(s.ids) // eight begin at one moment
				}
				if !slices.Equal(s.ids, idsOf(items)) {
					t.Errorf("sent %d: %v", len(s.ids), s.ids)
				}
				for k, at := range s.at {
					if c.gap > 0 && at != time.Duration(k)*c.gap {
						t.Fatalf("number %d was sent after %s, not %s", k, at, time.Duration(k)*c.gap)
					}
				}
				if s.most > c.most {
					t.Errorf("%d in flight", s.most)
				}
			})
		})
	}
}

func TestOpenLoopTellsItsLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sends
		r := s.runner(schedule{Pace: Pace{PerSecond: 100}, Concurrency: 1}, 30*time.Millisecond)
		if err := r.run(t.Context(), feed(arrivals(10, 0))); err != nil {
			t.Fatal(err)
		}
		if len(s.lags) != 10 || s.lags[0] != 0 || s.lags[9] != 180*time.Millisecond {
			t.Errorf("lags %v: one every 30 ms instead of every 10", s.lags)
		}
	})
}

func TestSessionsWaitForTheirAnswers(t *testing.T) {
	for _, pace := range []string{"max", "1x", "10x"} {
		synctest.Test(t, func(t *testing.T) {
			p, err := ParsePace(pace)
			if err != nil {
				t.Fatal(err)
			}
			items := arrivals(300, 7)
			var s sends
			r := s.runner(schedule{Pace: p, Sessions: true, Concurrency: 5}, 90*time.Millisecond)
			if err := r.run(t.Context(), feed(items)); err != nil {
				t.Fatal(err)
			}
			if s.clash {
				t.Error("a session had two requests in flight")
			}
			if s.most > 5 || s.most < 4 {
				t.Errorf("%d sessions in parallel", s.most)
			}
			order := map[string]string{}
			for _, id := range s.ids {
				k, err := strconv.Atoi(id)
				if err != nil {
					t.Fatal(err)
				}
				session := items[k].Session
				if order[session] >= id {
					t.Fatalf("%s of session %s was sent after %s", id, session, order[session])
				}
				order[session] = id
			}
			slices.Sort(s.ids)
			if !slices.Equal(s.ids, idsOf(items)) {
				t.Errorf("sent %d of %d", len(s.ids), len(items))
			}
			if len(r.sessions) != 0 || r.room.items != 0 || r.room.bytes != 0 {
				t.Errorf("left over: %d sessions, %d items of %d bytes", len(r.sessions), r.room.items, r.room.bytes)
			}
		})
	}
}

func TestASessionThatHangsHoldsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		done := map[string]int{}
		var mu sync.Mutex
		r := &runner{schedule: schedule{Sessions: true, Concurrency: 3}, lag: func(time.Duration) {}, do: func(ctx context.Context, i *item) error {
			if i.Session == "s0" {
				<-ctx.Done()
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			done[i.Session]++
			return nil
		}}
		ended := make(chan error)
		go func() { ended <- r.run(ctx, feed(arrivals(90, 3))) }()
		synctest.Wait()
		mu.Lock()
		if done["s1"] != 30 || done["s2"] != 30 {
			t.Errorf("sent %v", done)
		}
		mu.Unlock()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}

func TestAFailureEndsTheRun(t *testing.T) {
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		next func() (*item, error)
		do   error
	}{
		"of the requests": {func() (*item, error) { return nil, boom }, nil},
		"of a send":       {feed(arrivals(1000, 3)), boom},
	} {
		for _, sessions := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				r := &runner{schedule: schedule{Sessions: sessions, Concurrency: 2}, lag: func(time.Duration) {}, do: func(context.Context, *item) error { return c.do }}
				if err := r.run(t.Context(), c.next); !errors.Is(err, boom) {
					t.Errorf("%s: error %v", name, err)
				}
			})
		}
	}
}

func TestParsePace(t *testing.T) {
	for text, want := range map[string]Pace{
		"": {Scale: 1}, "1x": {Scale: 1}, "2.5x": {Scale: 2.5}, "max": {}, "100/s": {PerSecond: 100}, "0.1/s": {PerSecond: 0.1},
	} {
		if got, err := ParsePace(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"fast", "0x", "-1x", "1", "x", "/s", "nanx", "1e9/s", "infx", "1x/s", "10/m"} {
		if got, err := ParsePace(text); err == nil {
			t.Errorf("%q is taken as %+v", text, got)
		}
	}
}
