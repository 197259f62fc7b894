package hosting

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// copyFlushing copies what comes to the client at once.
func copyFlushing(w http.ResponseWriter, r io.Reader) error {
	ctl := http.NewResponseController(w)
	buf := make([]byte, 64<<10)
	for {
		got, err := r.Read(buf)
		if got > 0 {
			if _, werr := w.Write(buf[:got]); werr != nil {
				return werr
			}
			if ferr := ctl.Flush(); ferr != nil && !errors.Is(ferr, http.ErrNotSupported) {
				return ferr
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, os.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// incoming is a client's body: at most left bytes of it, idleTime for every piece, and an error where there is more.
type incoming struct {
	io.Reader
	left int64
	last atomic.Bool // the deadline that is set is the last one
}

var errTooMuch = errors.New("the client sends more than it may")

func (l *incoming) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooMuch
	}
	n, err := l.Reader.Read(b[:min(int64(len(b)), l.left)])
	l.left -= int64(n)
	return n, err
}

// patient gives every piece of a body idleTime, until last is set.
type patient struct {
	io.Reader
	ctl  *http.ResponseController
	last *atomic.Bool
}

func (p *patient) Read(b []byte) (int, error) {
	if !p.last.Load() {
		if err := p.ctl.SetReadDeadline(time.Now().Add(idleTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return 0, err
		}
	}
	return p.Reader.Read(b)
}

// held keeps the last packet of git's answer back, which says that it is complete, so that a client that has been told so
// finds what its push led to.
type held struct {
	http.ResponseWriter
	kept  []byte
	begun []byte // the first bytes of the answer
}

const flushPacket = "0000"

// Unwrap lets http.ResponseController reach the connection.
func (a *held) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *held) Write(p []byte) (int, error) {
	if room := 5 - len(a.begun); room > 0 {
		a.begun = append(a.begun, p[:min(room, len(p))]...)
	}
	all := append(a.kept, p...)
	cut := max(0, len(all)-len(flushPacket))
	if cut > 0 {
		if _, err := a.ResponseWriter.Write(all[:cut]); err != nil {
			return 0, err
		}
	}
	a.kept = append([]byte(nil), all[cut:]...)
	return len(p), nil
}

// release sends what is kept. A note is shown to the user by his git where it takes notes.
func (a *held) release(note string) error {
	bands := len(a.begun) == 5 && (a.begun[4] == 1 || a.begun[4] == 2)
	if note != "" && bands && string(a.kept) == flushPacket {
		note = note[:min(len(note), 900)]
		a.kept = fmt.Appendf(nil, "%04x\x02%s%s", len(note)+5, note, flushPacket)
	}
	_, err := a.ResponseWriter.Write(a.kept)
	return err
}

// tail keeps the end of what a program complains about.
type tail struct{ buf bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	const most = 2 << 10
	if t.buf.Len()+len(p) > 2*most {
		keep := append([]byte(nil), t.buf.Bytes()[max(0, t.buf.Len()-most):]...)
		t.buf.Reset()
		t.buf.Write(keep)
	}
	t.buf.Write(p[max(0, len(p)-most):])
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(t.buf.String()) }
