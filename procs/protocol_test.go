package procs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// rawDial speaks to a keeper without a client.
func rawDial(t *testing.T, k *testKeeper) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("unix", k.Socket())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

func TestNonsenseIsAnsweredAndCutOff(t *testing.T) {
	t.Parallel()
	k := startKeeper(t)
	hello := `{"id":1,"verb":"hello","body":{"min":1,"max":1}}` + "\n"
	tests := map[string]struct{ sent, code, message string }{
		"not JSON":   {"GET / HTTP/1.1\r\n\r\n", "invalid_request", "not a frame"},
		"binary":     {"\x00\x01\x02\xff\n", "invalid_request", "not a frame"},
		"too long":   {strings.Repeat("x", maxFrame+1), "invalid_request", "longer than 1048576 bytes"},
		"no hello":   {`{"id":1,"verb":"list"}` + "\n", "invalid_request", "the first request must be hello"},
		"too old":    {`{"id":1,"verb":"hello","body":{"min":0,"max":0}}` + "\n", "version", "the keeper speaks 1 to 3, the client 0 to 0"},
		"too new":    {`{"id":1,"verb":"hello","body":{"min":8,"max":9}}` + "\n", "version", "restart the older of the two"},
		"then noise": {hello + "noise\n", "invalid_request", "not a frame"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			conn, in := rawDial(t, k)
			if _, err := io.WriteString(conn, test.sent); err != nil {
				t.Fatal(err)
			}
			var last frame
			for {
				line, err := in.ReadBytes('\n')
				if err != nil {
					break // closed by the keeper
				}
				if err := json.Unmarshal(line, &last); err != nil {
					t.Fatal(err)
				}
				if last.Error != nil {
					break
				}
			}
			if last.Error == nil || last.Error.Code != test.code || !strings.Contains(last.Error.Message, test.message) {
				t.Errorf("answer %+v", last.Error)
			}
		})
	}
}

func TestBadRequestsKeepTheConnection(t *testing.T) {
	t.Parallel()
	k := startKeeper(t)
	tests := []struct {
		verb string
		body any
		want error
	}{
		{"dance", nil, ErrInvalidRequest},
		{verbApply, "specs", ErrInvalidRequest},
		{verbSignal, signalRequest{ID: "x", Signal: "HARD"}, ErrInvalidSpec},
		{verbVerdict, Verdict{ID: "x"}, ErrUnknownInstance},
	}
	for _, test := range tests {
		if err := k.client.call(t.Context(), test.verb, test.body, nil); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.verb, err, test.want)
		}
	}
	if _, err := k.client.Apply(t.Context(), Spec{ID: "../x"}, ApplyOptions{}); !errors.Is(err, ErrInvalidSpec) {
		t.Errorf("%v", err)
	}
	hello, err := k.client.Version(t.Context())
	if err != nil || hello.Protocol != maxProtocol || hello.Version != "test" {
		t.Errorf("%+v %v", hello, err)
	}
}

func TestManyInstancesInPages(t *testing.T) {
	t.Parallel()
	k := startKeeper(t)
	specs := make([]Spec, 1200)
	for n := range specs {
		specs[n] = Spec{ID: fmt.Sprintf("s/%04d", n), Argv: []string{"sleep"}, Dir: "/", Env: []string{"PAD=" + strings.Repeat("x", 1000)}}
	}
	results, err := k.client.ApplyAll(t.Context(), specs, ApplyOptions{})
	if err != nil || len(results) != len(specs) {
		t.Fatal(len(results), err)
	}
	list, err := k.client.List(t.Context())
	if err != nil || len(list) != len(specs) || list[1199].ID != "s/1199" {
		t.Fatal(len(list), err)
	}
}

func TestRequestsDoNotWaitForOneAnother(t *testing.T) {
	t.Parallel()
	k := startKeeper(t)
	spec := k.spec(t, "slow/1", "stubborn")
	spec.Stop.Grace = 500 * time.Millisecond
	k.up(t, spec)
	var stop sync.WaitGroup
	stop.Go(func() {
		if _, err := k.client.StopWait(t.Context(), "slow/1"); err != nil {
			t.Error(err)
		}
	})
	k.waitStatus(t, "slow/1", "stopping", inState(StateStopping))
	if list, err := k.client.List(t.Context()); err != nil || list[0].State != StateStopping {
		t.Errorf("the list waited for the stop: %+v %v", list, err)
	}
	stop.Wait()
}

func TestWatch(t *testing.T) {
	t.Parallel()
	k := startKeeper(t)
	spec := k.spec(t, "ocr/1", "wait")
	k.up(t, spec)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	changes, err := k.client.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(id string, state State) {
		t.Helper()
		for status := range changes {
			if status.ID == id && status.State == state {
				return
			}
		}
		t.Fatalf("no %s of %s", state, id)
	}
	expect("ocr/1", StateRunning)
	if _, err := k.client.StopWait(t.Context(), "ocr/1"); err != nil {
		t.Fatal(err)
	}
	expect("ocr/1", StateStopping)
	expect("ocr/1", StateStopped)
	if err := k.client.Remove(t.Context(), "ocr/1"); err != nil {
		t.Fatal(err)
	}
	expect("ocr/1", StateRemoved)
	cancel()
	for range changes {
	}
}

// A watcher that does not read holds nothing back; when it reads again it learns the last state of everything.
func TestSlowWatcherIsResynced(t *testing.T) {
	t.Parallel()
	k := startKeeper(t)
	var specs []Spec
	for n := range 20 {
		specs = append(specs, Spec{ID: fmt.Sprintf("s/%d", n), Argv: []string{"sleep"}, Dir: "/"})
	}
	if _, err := k.client.ApplyAll(t.Context(), specs, ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	changes, err := k.client.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pad := strings.Repeat("x", 2000)
	for round := range 150 {
		for n := range specs {
			specs[n].Labels = map[string]string{"round": fmt.Sprint(round), "pad": pad}
		}
		if _, err := k.client.ApplyAll(t.Context(), specs, ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.client.Remove(t.Context(), "s/0"); err != nil {
		t.Fatal(err)
	}
	if last := k.host.feed.last(); last < 2*feedLength {
		t.Fatalf("only %d changes: nothing was missed", last)
	}
	final, removed, got := make(map[string]bool), false, 0
	for status := range changes {
		got++
		removed = removed || status.State == StateRemoved
		if status.Labels["round"] == "149" {
			final[status.ID] = true
		}
		if len(final) >= 19 && removed {
			break
		}
	}
	if got >= 3000 {
		t.Errorf("all %d changes were kept for a reader that did not read", got)
	}
}

func TestShutdownVerb(t *testing.T) {
	t.Parallel()
	k := startKeeper(t)
	k.up(t, k.spec(t, "ocr/1", "wait"))
	if err := k.client.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-k.client.Done()
	if err := k.client.Verdict(t.Context(), Verdict{}); !errors.Is(err, ErrClosed) {
		t.Errorf("call after the end: %v", err)
	}
}

func TestBatchesFitIntoFrames(t *testing.T) {
	specs := make([]Spec, 30)
	for n := range specs {
		specs[n] = Spec{ID: fmt.Sprint(n), Env: []string{strings.Repeat("x", 100_000)}}
	}
	total := 0
	for _, batch := range batches(specs) {
		data, err := json.Marshal(applyRequest{Specs: batch})
		if err != nil || len(data) > maxFrame*3/4 {
			t.Errorf("a batch of %d bytes, %v", len(data), err)
		}
		total += len(batch)
	}
	if total != 30 {
		t.Errorf("%d specs in all batches", total)
	}
}

func TestFeedForgetsWhatIsOld(t *testing.T) {
	f := newFeed()
	for range feedLength + 10 {
		f.publish(&Status{})
	}
	if _, ok := f.since(9); ok {
		t.Error("change 10 is gone and nobody says so")
	}
	if changes, ok := f.since(10); !ok || len(changes) != feedLength || changes[0].Seq != 11 {
		t.Errorf("%d changes, %v", len(changes), ok)
	}
	if _, ok := f.since(f.last() + 1); ok {
		t.Error("changes of the future: that number is of another keeper")
	}
}

func FuzzFrames(f *testing.F) {
	for _, seed := range []string{
		`{"id":1,"verb":"hello","body":{"min":1,"max":1}}` + "\n",
		`{"id":2,"verb":"apply","body":{"specs":[{"id":"ocr/1","argv":["x"],"dir":"/"}],"options":{"start":true}}}` + "\n",
		`{"id":3,"error":{"code":"stale","message":"x"}}` + "\n", "{}\n{}\n", "\n", "null\n", "[1]\n", "{\"id\":-1}\n",
		strings.Repeat("a", 5000) + "\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in := newFrameReader(bytes.NewReader(data))
		for {
			got, err := in.next()
			if err != nil {
				if len(in.line) > maxFrame {
					t.Errorf("the reader holds %d bytes", len(in.line))
				}
				return
			}
			again, err := json.Marshal(got)
			if err != nil {
				t.Fatalf("a frame that was read cannot be written: %v", err)
			}
			if _, err := newFrameReader(bytes.NewReader(append(again, '\n'))).next(); err != nil {
				t.Fatalf("%s: %v", again, err)
			}
		}
	})
}
