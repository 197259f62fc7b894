package gateway_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aictl/gateway"
	"aictl/recorder"
	"aictl/store/records"
)

const secretAnswer = "the answer nobody may see unrecorded"

func answering(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	w.Header().Set("X-From-Instance", secretAnswer)
	fmt.Fprint(w, secretAnswer)
}

// Nothing of an answer is sent before its record is committed, on either way to the instance.
func TestAuditAnswerWaitsForItsRecord(t *testing.T) {
	for name, body := range map[string]string{"pool": "short", "proxy": strings.Repeat("long", 40<<10)} {
		t.Run(name, func(t *testing.T) {
			a := newAudited(t, answering, recorder.Options{BatchDelay: time.Hour})
			goOn := a.hang()
			got := make(chan asked, 1)
			go func() { got <- a.ask(t, "/", body) }()
			eventually(t, "the record is being committed", func() bool { return a.calls.Load() > 0 })
			select {
			case res := <-got:
				t.Fatalf("answered %d before the record was committed", res.StatusCode)
			default:
			}
			goOn()
			res := <-got
			if res.StatusCode != 200 || res.body != secretAnswer || res.Header.Get("X-From-Instance") != secretAnswer {
				t.Errorf("%d %q %v", res.StatusCode, res.body, res.Header)
			}
			if id := res.Header.Get(gateway.HeaderRecord); !a.has(id) {
				t.Errorf("record %q is not in the store", id)
			}
		})
	}
}

// A store that fails: 503, nothing of the answer leaks, no instance is asked in vain, and it goes on when the store does.
func TestAuditStoreFailsAndRecovers(t *testing.T) {
	var calls atomic.Int64
	now := atomic.Int64{}
	now.Store(time.Now().UnixNano())
	clock := func() time.Time { return time.Unix(0, now.Load()) }
	a := newAudited(t, func(w http.ResponseWriter, r *http.Request) { calls.Add(1); answering(w, r) }, recorder.Options{Now: clock})
	a.set(errors.New("input/output error"))
	first := a.ask(t, "/", "x")
	second := a.ask(t, "/", "x") // the store is known to fail
	for _, res := range []asked{first, second} {
		p := problemOf(t, res.body)
		if res.StatusCode != 503 || p.Code != "record_not_committed" || res.Header.Get("Retry-After") == "" || res.Header.Get("X-From-Instance") != "" ||
			strings.Contains(res.body+fmt.Sprint(res.Header), secretAnswer) {
			t.Errorf("%d %s %v", res.StatusCode, res.body, res.Header)
		}
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("the instance was asked %d times, want 1: the second request could not be recorded", n)
	}
	l := a.rec.Ledger()
	if l.Accepted != 1 || l.Dropped[recorder.DropDisk] != 1 || l.Refused[recorder.RefuseNotCommitted] != 2 {
		t.Errorf("%+v", l)
	}
	a.set(nil)
	now.Add(int64(2 * time.Second))
	if res := a.ask(t, "/", "x"); res.StatusCode != 200 {
		t.Errorf("after the store has recovered: %d %s", res.StatusCode, res.body)
	}
	if res := a.ask(t, "/", "x"); res.StatusCode != 200 || len(a.all()) != 2 {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
}

// Many requests at once share commits, and none waits for the batch delay.
func TestAuditRequestsShareCommits(t *testing.T) {
	a := newAudited(t, answering, recorder.Options{BatchDelay: time.Hour})
	goOn := a.hang()
	const clients = 40
	var wg sync.WaitGroup
	ask := func() {
		if res := a.ask(t, "/", "x"); res.StatusCode != 200 {
			t.Error(res.StatusCode, res.body)
		}
	}
	wg.Go(ask)
	eventually(t, "the first is being committed", func() bool { return a.calls.Load() == 1 })
	each := a.rec.HeldBytes()
	for range clients - 1 {
		wg.Go(ask)
	}
	eventually(t, "all wait for a commit", func() bool { return a.rec.HeldBytes() == clients*each })
	goOn()
	wg.Wait()
	// One that has its memory and is not in the queue yet when the others are taken has a commit of its own.
	if n := a.calls.Load(); n < 2 || n > clients/4 || len(a.all()) != clients {
		t.Errorf("%d commits for %d records", n, len(a.all()))
	}
}

// What the record cannot hold as a whole is not sent.
func TestAuditRefusesWhatItCannotHold(t *testing.T) {
	big := bytes.Repeat([]byte("x"), 64<<10)
	a := newAudited(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		switch r.URL.Path {
		case "/sse":
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: 1\n\n")
		case "/endless":
			for {
				if _, err := w.Write(big); err != nil {
					return
				}
			}
		case "/long":
			w.Header().Set("Content-Length", fmt.Sprint(len(big)*20))
			for range 20 {
				if _, err := w.Write(big); err != nil {
					return
				}
			}
		}
	}, recorder.Options{BatchDelay: time.Hour})
	for _, body := range []string{"short", strings.Repeat("long", 40<<10)} {
		for _, path := range []string{"/sse", "/endless", "/long"} {
			res := a.ask(t, path, body)
			if p := problemOf(t, res.body); res.StatusCode != 502 || p.Code != "answer_not_recordable" {
				t.Errorf("%s: %d %s", path, res.StatusCode, res.body)
			}
		}
	}
	for _, x := range a.all() {
		if x.Status != 502 || x.End != records.EndRefused || x.Error == "" {
			t.Errorf("%s: record says %d %s %q", x.Path, x.Status, x.End, x.Error)
		}
	}
	if n := len(a.all()); n != 6 {
		t.Errorf("%d records of 6 exchanges", n)
	}
}

func TestAuditRefusesWebSockets(t *testing.T) {
	a := newAudited(t, answering, recorder.Options{})
	req, err := http.NewRequest("GET", a.url+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Sec-Websocket-Version": {"13"}}
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	res, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil || res.StatusCode != 501 || problemOf(t, string(b)).Code != "audit_no_websocket" {
		t.Errorf("%d %s %v", res.StatusCode, b, err)
	}
	if len(a.all()) != 1 {
		t.Error("the refused handshake is not recorded")
	}
}

// The semantics of HTTP hold for answers that were held: status, fields, trailers, no body where there is none.
func TestAuditKeepsTheAnswer(t *testing.T) {
	a := newAudited(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/none":
			w.WriteHeader(204)
		case "/hint":
			w.Header().Set("Link", "</secret>")
			w.WriteHeader(103)
			w.Header().Del("Link")
			w.WriteHeader(201)
			fmt.Fprint(w, "made")
		case "/trailer":
			w.Header().Set("Trailer", "X-Sum")
			fmt.Fprint(w, "body")
			w.(http.Flusher).Flush()
			w.Header().Set("X-Sum", "42")
		default:
			w.Header().Add("Set-Cookie", "a=1")
			w.Header().Add("Set-Cookie", "b=2")
			w.WriteHeader(418)
			fmt.Fprint(w, "tea")
		}
	}, recorder.Options{})
	if res := a.ask(t, "/", ""); res.StatusCode != 418 || res.body != "tea" || len(res.Header["Set-Cookie"]) != 2 || res.ContentLength != 3 {
		t.Errorf("%d %q %v", res.StatusCode, res.body, res.Header)
	}
	if res := a.ask(t, "/none", ""); res.StatusCode != 204 || res.body != "" {
		t.Errorf("%d %q", res.StatusCode, res.body)
	}
	if res := a.ask(t, "/hint", ""); res.StatusCode != 201 || res.body != "made" || res.Header.Get("Link") != "" {
		t.Errorf("%d %q %v", res.StatusCode, res.body, res.Header)
	}
	if res := a.ask(t, "/trailer", ""); res.body != "body" || res.Trailer.Get("X-Sum") != "42" {
		t.Errorf("%q, trailer %v", res.body, res.Trailer)
	}
	for _, x := range a.all() {
		if x.End != records.EndComplete {
			t.Errorf("%s ended %s", x.Path, x.End)
		}
	}
}

// An answer that breaks off is recorded as such, and the client sees nothing of it.
func TestAuditBrokenAnswer(t *testing.T) {
	a := newAudited(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, secretAnswer)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}, recorder.Options{})
	conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(a.url, "http://"), "/ai/svc"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "POST /ai/svc/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if len(got) > 0 {
		t.Errorf("the client got %q, %v", got, err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, "it is recorded", func() bool { return len(a.all()) == 1 })
	if x := a.all()[0]; x.End != records.EndUpstreamAbort || string(x.Response.Body) != secretAnswer {
		t.Errorf("%s %q", x.End, x.Response.Body)
	}
}
