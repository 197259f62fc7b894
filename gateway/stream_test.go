package gateway

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"aictl/store/records"
)

// Request and answer stream at once: each chunk comes back before the next is sent.
func TestChunkedBothWaysAtOnce(t *testing.T) {
	addr := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if err := rc.EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		if err := rc.Flush(); err != nil {
			t.Error(err)
		}
		buf := make([]byte, 100)
		for {
			n, err := r.Body.Read(buf)
			if _, werr := w.Write(buf[:n]); werr != nil || err != nil {
				return
			}
			if err := rc.Flush(); err != nil {
				t.Error(err)
			}
		}
	})
	g := newRig(t, Options{})
	g.route(t, addr)
	w := g.dial(t)
	w.send("POST /ai/svc/ HTTP/1.1", "Host: h", "Transfer-Encoding: chunked", "", "")
	res := w.answer("POST")
	for i := range 3 {
		w.send("2", fmt.Sprintf("c%d", i), "")
		buf := make([]byte, 2)
		if _, err := io.ReadFull(res.Body, buf); err != nil || string(buf) != fmt.Sprintf("c%d", i) {
			t.Fatalf("chunk %d: %q, %v", i, buf, err)
		}
	}
	w.send("0", "", "")
	if rest := readAll(t, res); rest != "" {
		t.Errorf("%q after the last chunk", rest)
	}
	x := g.rec.only(t)
	if string(x.Request.Body) != "c0c1c2" || string(x.Response.Body) != "c0c1c2" || x.End != records.EndComplete {
		t.Errorf("recorded %q, %q, %s", x.Request.Body, x.Response.Body, x.End)
	}
	checkChunks(t, x, x.Request.Chunks, 2, 4, 6)
	checkChunks(t, x, x.Response.Chunks, 2, 4, 6)
	// The connection is good for another request.
	w.send("POST /ai/svc/ HTTP/1.1", "Host: h", "Content-Length: 2", "", "ok")
	if body := readAll(t, w.answer("POST")); body != "ok" {
		t.Errorf("next request: %q", body)
	}
}

// The head and each event arrive before the next is sent: the instance waits for the client to say so.
func TestEventStreamIsNotDelayed(t *testing.T) {
	next := make(chan struct{})
	addr := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		rc := http.NewResponseController(w)
		for i := range 3 {
			if err := rc.Flush(); err != nil {
				t.Error(err)
			}
			select {
			case <-next:
			case <-r.Context().Done():
				return
			}
			fmt.Fprintf(w, "data: %d\n\n", i)
		}
	})
	g := newRig(t, Options{})
	g.route(t, addr)
	w := g.dial(t)
	w.send("GET /ai/svc/ HTTP/1.1", "Host: h", "", "")
	res := w.answer("GET")
	for i := range 3 {
		next <- struct{}{}
		buf := make([]byte, len("data: 0\n\n"))
		if _, err := io.ReadFull(res.Body, buf); err != nil || string(buf) != fmt.Sprintf("data: %d\n\n", i) {
			t.Fatalf("event %d: %q, %v", i, buf, err)
		}
	}
	if rest := readAll(t, res); rest != "" {
		t.Errorf("%q", rest)
	}
	x := g.rec.only(t)
	if x.Response.Size != 27 || x.FirstByte <= 0 || x.Duration < x.FirstByte {
		t.Errorf("recorded %d bytes, first after %v of %v", x.Response.Size, x.FirstByte, x.Duration)
	}
	checkChunks(t, x, x.Response.Chunks, 9, 18, 27)
}

// checkChunks compares where pieces ended; when they came must make sense.
func checkChunks(t *testing.T, x *records.Exchange, got []records.Chunk, ends ...int64) {
	t.Helper()
	var have []int64
	before := time.Duration(0)
	for _, c := range got {
		if c.At < before || c.At > x.Duration {
			t.Errorf("a piece came at %v, after %v, of %v", c.At, before, x.Duration)
		}
		before = c.At
		have = append(have, c.End)
	}
	if !slices.Equal(have, ends) {
		t.Errorf("pieces ended at %v, want %v", have, ends)
	}
}

// Pieces beyond the list are told by its last entry; a list for which there is no memory ends where that was so.
func TestChunksAreBounded(t *testing.T) {
	c := &collector{}
	for _, most := range []int{records.MaxChunks, 8} {
		k := &chunks{now: time.Now, start: time.Now()}
		for i := range int64(records.MaxChunks + 100) {
			c.noRoom = len(k.list) == most
			k.note(&collected{c: c}, i+1)
		}
		list := k.told()
		if len(list) != most || list[0].End != 1 || list[most-2].End != int64(most-1) || list[most-1].End != records.MaxChunks+100 {
			t.Errorf("%d pieces, the last ends at %d", len(list), list[len(list)-1].End)
		}
	}
	one := &chunks{now: time.Now, start: time.Now()}
	one.note(&collected{c: &collector{}}, 5)
	if one.told() != nil || (*chunks)(nil).told() != nil {
		t.Error("one piece is told")
	}
}
