package h1

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"sync"
)

// pieceSize is how much of a long body is read at once.
const pieceSize = 32 << 10

var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

// body is the rest of an answer, of which the head was read.
type body struct {
	frame
	pool   *Pool // where the connection goes at the end
	left   int64 // byLength: bytes to come
	chunks io.Reader
	piece  *[pieceSize]byte // nil while not needed
	begun  bool             // some of it was returned
	after  error            // what the next call to next has to return, io.EOF: only the trailer is left
}

// beginBody sets c to read the body that f announces. What has none is over at once.
func (c *Call) beginBody(p *Pool, f frame) {
	c.body = body{frame: f, pool: p}
	switch f.kind {
	case noBody:
		c.release()
	case byLength:
		if c.body.left = f.length; f.length == 0 {
			c.release()
		}
	case byChunks:
		c.body.chunks = httputil.NewChunkedReader(c.conn.br)
	}
}

// Next returns the next bytes of the body, which are valid until the next call; at its end io.EOF. Any other error means that the
// body is not whole.
func (c *Call) Next() ([]byte, error) {
	if c.conn == nil {
		return nil, c.body.ended()
	}
	b, err := c.next()
	if len(b) > 0 {
		c.body.begun = true
		return b, nil
	}
	if err != io.EOF {
		err = c.drop(err)
		c.body.after = err
		c.body.putPiece()
		return nil, err
	}
	c.release()
	return nil, io.EOF
}

func (b *body) ended() error {
	if b.after != nil {
		return b.after
	}
	return io.EOF
}

// next returns bytes or an error, not both.
func (c *Call) next() ([]byte, error) {
	switch {
	case c.body.after == io.EOF:
		return nil, c.readTrailer()
	case c.body.after != nil:
		return nil, c.body.after
	}
	switch c.body.kind {
	case byLength:
		return c.nextOfLength()
	case byChunks:
		return c.read(c.body.chunks)
	default:
		b, err := c.read(c.conn.br)
		if c.body.after == io.EOF {
			c.body.after = nil // closing has no trailer; the next read says EOF again
		}
		return b, err
	}
}

// nextOfLength returns what is buffered without copying it, or reads past the buffer when much is to come.
func (c *Call) nextOfLength() ([]byte, error) {
	b, br := &c.body, c.conn.br
	if b.left == 0 {
		return nil, io.EOF
	}
	if br.Buffered() == 0 && b.left >= readBuffer {
		p := b.space()
		n, err := br.Read(p[:min(b.left, pieceSize)])
		b.left -= int64(n)
		return p[:n], broken(n, err)
	}
	if _, err := br.Peek(1); err != nil {
		return nil, broken(0, err)
	}
	p, err := br.Peek(int(min(b.left, int64(br.Buffered()))))
	if err != nil {
		return nil, err
	}
	b.left -= int64(len(p))
	_, err = br.Discard(len(p))
	return p, err
}

// broken is the error of a read that should have brought something.
func broken(n int, err error) error {
	if n == 0 && err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// read keeps an error that comes with bytes for later.
func (c *Call) read(r io.Reader) ([]byte, error) {
	p := c.body.space()
	n, err := r.Read(p[:])
	if n > 0 || c.body.kind == byChunks && err == io.EOF {
		c.body.after = err
		err = nil
	}
	if n == 0 && err == nil {
		return c.next()
	}
	return p[:n], err
}

// readTrailer reads what follows the last chunk. It returns io.EOF when all is well.
func (c *Call) readTrailer() error {
	cn := c.conn
	var err error
	cn.lines, err = readLines(cn.br, cn.lines[:0], c.body.pool.opt.MaxHead)
	if err != nil {
		return err
	}
	if bareLF(cn.lines) { // tolerated in heads, but not between chunks and what follows them
		return malformed("trailer with bare line feeds")
	}
	if err := cn.head.parseFields(string(cn.lines)); err != nil {
		return err
	}
	for _, f := range cn.head.fields {
		if !mayTrail(f.name) {
			continue
		}
		if c.Trailer == nil {
			c.Trailer = http.Header{}
		}
		c.Trailer[f.name] = append(c.Trailer[f.name], f.value)
	}
	return io.EOF
}

// Ready reports whether Next will return without waiting for the instance. It may say no where it could.
func (c *Call) Ready() bool {
	if c.conn == nil {
		return true
	}
	b, br := &c.body, c.conn.br
	if b.kind == byLength {
		return b.left == 0 || br.Buffered() > 0
	}
	if b.kind == byClose {
		return br.Buffered() > 0
	}
	buffered, err := br.Peek(br.Buffered())
	if err != nil {
		return false
	}
	if b.after == io.EOF {
		return blankEnd(buffered)
	}
	line := bytes.IndexByte(buffered, '\n')
	return !b.begun && line >= 0 && line+1 < len(buffered)
}

func (b *body) space() *[pieceSize]byte {
	if b.piece == nil {
		b.piece = pieces.Get().(*[pieceSize]byte)
	}
	return b.piece
}

func (b *body) putPiece() {
	if b.piece != nil {
		pieces.Put(b.piece)
		b.piece = nil
	}
}

// release ends a call whose answer was read to its end: the connection is kept when it can carry another.
func (c *Call) release() {
	c.body.putPiece()
	cn, intact := c.detach()
	if !intact || !c.body.keepAlive || cn.br.Buffered() > 0 {
		cn.close()
		return
	}
	cn.sent += cn.asked
	c.body.pool.give(cn)
}

// Close ends the call; what was not read of the body is lost, and the connection with it.
func (c *Call) Close() {
	if cn, _ := c.detach(); cn != nil {
		cn.close()
		c.body.putPiece()
	}
}

// Over reports whether nothing is left of the answer. It is set from the start where no body follows.
func (c *Call) Over() bool { return c.conn == nil }
