package procs

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// maxFrame bounds one frame, its newline included.
const maxFrame = 1 << 20

// minProtocol is the oldest version of the protocol this package speaks; maxProtocol is the newest.
const minProtocol = 1

// frame is one line of JSON. A request has Verb and Body, an answer the ID of its request and Body or Error, an
// event the ID of its watch and Event.
type frame struct {
	ID    uint64          `json:"id"`
	Verb  string          `json:"verb,omitempty"`
	Event string          `json:"event,omitempty"`
	Body  json.RawMessage `json:"body,omitempty"`
	Error *RemoteError    `json:"error,omitempty"`
}

// errFrame is a line that is no frame. Nothing that follows on the connection can be trusted.
var errFrame = errors.New("not a frame of the keeper's protocol")

// frameReader reads frames and never holds more than one.
type frameReader struct {
	in   *bufio.Reader
	line []byte
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{in: bufio.NewReaderSize(r, 4096)}
}

// next reads one frame. Its Body is a copy.
func (r *frameReader) next() (frame, error) {
	line, err := r.readLine()
	if err != nil {
		return frame{}, err
	}
	var f frame
	if err := json.Unmarshal(line, &f); err != nil {
		return frame{}, fmt.Errorf("%w: %w", errFrame, err)
	}
	return f, nil
}

func (r *frameReader) readLine() ([]byte, error) {
	r.line = r.line[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		if size := len(r.line) + len(part); size > maxFrame || err != nil && size == maxFrame {
			return nil, fmt.Errorf("%w: longer than %d bytes", errFrame, maxFrame)
		}
		if err == nil && len(r.line) == 0 {
			return part, nil
		}
		r.line = append(r.line, part...)
		if err == nil {
			return r.takeLine(), nil
		}
		if errors.Is(err, io.EOF) && len(r.line) > 0 {
			return nil, io.ErrUnexpectedEOF
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
	}
}

// takeLine gives a large buffer away with the line, so that an idle connection is small.
func (r *frameReader) takeLine() []byte {
	line := r.line
	if cap(line) > 64<<10 {
		r.line = nil
	}
	return line
}

// frameWriter writes whole frames from many goroutines.
type frameWriter struct {
	conn net.Conn
	mu   sync.Mutex
}

// send writes one frame; a peer that does not read for patience breaks the connection. No patience means any.
func (w *frameWriter) send(f frame, patience time.Duration) error {
	data, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if len(data) >= maxFrame {
		return fmt.Errorf("%w: %s is larger than %d bytes; send less at once", ErrInvalidRequest, f.Verb, maxFrame)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var deadline time.Time
	if patience > 0 {
		deadline = time.Now().Add(patience)
	}
	if err := w.conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	_, err = w.conn.Write(append(data, '\n'))
	return err
}
