package gateway

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"aictl/store/records"
)

var emptyDigest = sha256.Sum256(nil)

var digests = sync.Pool{New: func() any { return sha256.New() }}

const (
	firstBody = 512      // first allocation for a body of unknown length
	trustBody = 64 << 10 // a length that was only promised is not allocated beyond this
)

// capture counts and hashes every byte of a body and keeps the first ones. It has a lock of its own: a request's body may
// still be read after its answer is over.
type capture struct {
	mu     sync.Mutex
	ticket Ticket // nil: only count
	limit  int    // bytes to keep
	hint   int    // promised length
	body   []byte
	size   int64
	omit   bool      // keep nothing any more
	digest hash.Hash // from the first byte on that body does not hold; nil before
	chunks *chunks   // nil: the body does not stream
	parts  *parts    // nil: it is not multipart, or not well-formed
	ended  bool

	hashing *hashing // of a long body; nil before
}

// init prepares c for a body of a promised length, -1: of none.
func (c *capture) init(x *exchange, length int64) {
	c.ticket, c.limit = x.ticket, x.maxBody()
	c.hint = int(min(max(length, 0), trustBody, int64(c.limit)))
}

func (c *capture) add(p []byte) {
	if len(p) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.size += int64(len(p))
	if c.ticket == nil {
		return
	}
	if c.chunks != nil {
		c.chunks.note(c.ticket, c.size)
	}
	if c.parts != nil && c.size <= hashAfter { // then hashing has them
		c.parts.add(p)
	}
	c.keep(p)
}

// keep hashes p and keeps of it what fits. Callers hold c.mu.
func (c *capture) keep(p []byte) {
	kept := c.room(len(p))
	long := c.size > hashAfter
	if (long || kept < len(p)) && c.digest == nil {
		c.digest = digests.Get().(hash.Hash)
		c.digest.Reset()
		c.digest.Write(c.body)
	}
	switch {
	case long && c.hashing == nil:
		c.hashing = newHashing(c.digest, c.parts)
		fallthrough
	case long:
		c.hashing.add(p)
	case c.digest != nil:
		c.digest.Write(p)
	}
	if c.omit {
		c.body = nil
		return
	}
	c.body = append(c.body, p[:kept]...)
}

// room makes room for n more bytes, or as many as may be kept, and returns how many those are.
func (c *capture) room(n int) int {
	n = min(n, c.limit-len(c.body))
	need := len(c.body) + n
	if c.omit || n <= 0 {
		return 0
	}
	if need <= cap(c.body) {
		return n
	}
	size := min(max(need, 2*cap(c.body), c.hint, firstBody), max(c.limit, need))
	if !c.ticket.Hold(size - cap(c.body)) {
		c.omit = true
		return 0
	}
	grown := make([]byte, len(c.body), size)
	copy(grown, c.body)
	c.body = grown
	return n
}

// message ends the capture.
func (c *capture) message() records.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if c.hashing != nil {
		c.hashing.end()
	}
	m := records.Message{Size: c.size, Body: c.body, Omitted: c.omit && c.size > 0}
	m.Truncated = !c.omit && c.size > int64(len(c.body))
	m.SHA256 = c.sum()
	m.Chunks = c.chunks.told()
	if c.parts != nil {
		m.Parts = c.parts.listed()
	}
	return m
}

func (c *capture) sum() [sha256.Size]byte {
	if c.digest == nil {
		return sha256.Sum256(c.body)
	}
	sum := [sha256.Size]byte(c.digest.Sum(nil))
	digests.Put(c.digest)
	c.digest = nil
	return sum
}

// requestBody is the client's body as the transport reads it, possibly on another goroutine and after the answer is over.
type requestBody struct {
	capture
	src  io.Reader
	over *atomic.Bool // set when it was read to its end
	most int64        // bytes that are passed on, then errBodyTooLarge; 0: no limit
	past *silence     // told when src is read
	err  error        // of the last Read, io.EOF once the body is whole; under capture.mu
	done bool         // the handler has returned; under capture.mu
}

var errRequestOver = errors.New("request body read after the exchange has ended")

func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	last, done := b.err, b.done
	b.mu.Unlock()
	// The transport asks once more after the last byte; by then the server may have closed the body, and its error would
	// tear down the answer. So the end, once seen, stays the end.
	if last != nil {
		return 0, last
	}
	if done {
		return 0, errRequestOver
	}
	n, err := b.next(p)
	b.add(p[:n])
	if err != nil {
		b.mu.Lock()
		b.err = err
		b.mu.Unlock()
	}
	if err == io.EOF {
		b.over.Store(true)
	}
	return n, err
}

// next reads from the client, and no more than is passed on.
func (b *requestBody) next(p []byte) (int, error) {
	b.past.reads(1)
	n, err := b.src.Read(p)
	b.past.reads(-1)
	if b.most > 0 && b.passed()+int64(n) > b.most {
		return int(b.most - b.passed()), errBodyTooLarge
	}
	return n, err
}

func (b *requestBody) passed() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.size
}

// Close does nothing: the server closes the client's body itself, and a request that never reached its instance
// goes to another with the body unread.
func (b *requestBody) Close() error { return nil }

func (b *requestBody) finish() {
	b.mu.Lock()
	b.done = true
	b.mu.Unlock()
}

// whole reports whether the body was read to its end.
func (b *requestBody) whole() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err == io.EOF
}

func (b *requestBody) readError() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == io.EOF {
		return nil
	}
	return b.err
}

// responseBody is the instance's body as the proxy copies it.
type responseBody struct {
	capture
	io.ReadCloser
	of    *http.Response
	past  *silence
	flush func() error // sends what the client has not been sent yet
	eof   bool
	err   error
}

func (b *responseBody) Read(p []byte) (int, error) {
	b.past.begins()
	n, err := b.ReadCloser.Read(p)
	b.past.ends()
	b.add(p[:n])
	switch {
	case err == io.EOF:
		b.eof = true
	case err != nil:
		return n, b.broke(n, err)
	}
	return n, err
}

// broke keeps the error and makes sure that the client gets what came before it: the proxy drops the connection
// together with what is still buffered. Bytes that came with the error are let through first.
func (b *responseBody) broke(n int, err error) error {
	b.err = err
	if n > 0 {
		return nil // the next Read fails again
	}
	if flushErr := b.flush(); flushErr != nil {
		return errors.Join(err, flushErr)
	}
	return err
}

// buffers lends the proxy its copy buffers.
var buffers bufferPool

type bufferPool struct{ pool sync.Pool }

const copyBuffer = 32 << 10

func (b *bufferPool) Get() []byte {
	if p, ok := b.pool.Get().(*[copyBuffer]byte); ok {
		return p[:]
	}
	return new([copyBuffer]byte)[:]
}

func (b *bufferPool) Put(p []byte) { b.pool.Put((*[copyBuffer]byte)(p)) }
