package gateway

import (
	"encoding/binary"
	"errors"
	"io"
	"time"

	"aictl/store/records"
)

// tunnel is an upgraded connection to an instance. What passes is looked at, never held up or changed.
type tunnel struct {
	io.ReadWriteCloser
	up, down frames
}

func (x *exchange) newTunnel(conn io.ReadWriteCloser) *tunnel {
	t := &tunnel{ReadWriteCloser: conn}
	t.up.init(x, true)
	t.down.init(x, false)
	return t
}

func (t *tunnel) Read(p []byte) (int, error) {
	n, err := t.ReadWriteCloser.Read(p)
	t.down.add(p[:n])
	return n, err
}

func (t *tunnel) Write(p []byte) (int, error) {
	n, err := t.ReadWriteCloser.Write(p)
	t.up.add(p[:n])
	return n, err
}

// CloseWrite passes the client's end of sending on, so that the other direction can go on.
func (t *tunnel) CloseWrite() error {
	half, ok := t.ReadWriteCloser.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

const (
	frameBytes   = 40      // what one Frame takes of the recorder's memory
	unmaskPiece  = 4 << 10 // how much of a payload is unmasked at once
	maxFrameHead = 14
)

// frames reads one direction of a WebSocket as it passes (RFC 6455, 5.2). Its capture is of the payloads, unmasked, one after the other; they
// stay compressed where the two sides agreed on that. Bytes that are not frames end the reading: from there on they are counted and hashed as
// they are, and not kept.
type frames struct {
	capture         // its lock also guards what follows
	masked     bool // the client masks, the instance does not
	now        func() time.Time
	start      time.Time
	head       [maxFrameHead]byte
	had        int // bytes of head
	left       uint64
	key        [4]byte
	turn       int // of key
	fragmented bool
	lost       bool // what comes is not frames
	full       bool // no memory for more frames; they are added to the last
	list       []records.Frame
	plain      []byte
}

func (f *frames) init(x *exchange, masked bool) {
	f.capture.init(x, 0)
	f.masked, f.now, f.start = masked, x.g.opt.Now, x.start
}

func (f *frames) add(p []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return
	}
	for len(p) > 0 && !f.lost {
		if f.left > 0 {
			p = p[f.payload(p):]
		} else {
			p = f.readHead(p)
		}
	}
	if len(p) > 0 {
		f.pass(p)
	}
}

// pass counts and keeps bytes of the body.
func (f *frames) pass(p []byte) (kept int) {
	f.size += int64(len(p))
	if f.ticket == nil {
		return 0
	}
	before := len(f.body)
	if f.lost {
		f.limit = before // a body that goes on has no gap
	}
	f.keep(p)
	return max(0, len(f.body)-before)
}

// payload takes what p has of the running frame's payload and returns how much that is.
func (f *frames) payload(p []byte) int {
	n := int(min(uint64(len(p)), f.left))
	f.left -= uint64(n)
	kept := 0
	if f.masked {
		for rest := p[:n]; len(rest) > 0; {
			piece := f.unmask(rest)
			kept += f.pass(piece)
			rest = rest[len(piece):]
		}
	} else {
		kept = f.pass(p[:n])
	}
	if k := len(f.list); k > 0 {
		f.list[k-1].Size += int64(n)
		f.list[k-1].Kept += int64(kept)
	}
	return n
}

// unmask returns the beginning of p as it was before masking. p stays as it is: it is on its way to the instance.
func (f *frames) unmask(p []byte) []byte {
	if f.plain == nil {
		f.plain = make([]byte, unmaskPiece)
	}
	n := min(len(p), len(f.plain))
	for i, b := range p[:n] {
		f.plain[i] = b ^ f.key[(f.turn+i)&3]
	}
	f.turn = (f.turn + n) & 3
	return f.plain[:n]
}

// readHead takes bytes of a frame's head from p and returns the rest.
func (f *frames) readHead(p []byte) []byte {
	n := copy(f.head[f.had:f.headSize()], p)
	f.had += n
	size := f.headSize()
	if f.had < size {
		return p[n:] // of no more bytes, or of more than were known to belong to the head
	}
	h := f.head[:size]
	f.had = 0
	if f.left = payloadLength(h); !f.follows(h) {
		f.lost, f.left = true, 0
		f.pass(h)
		return p[n:]
	}
	if f.masked {
		f.key, f.turn = [4]byte(h[size-4:]), 0
	}
	f.list, f.full = f.begin(records.Frame{At: f.now().Sub(f.start), Opcode: h[0] & 0x7f, Final: h[0]&0x80 != 0})
	return p[n:]
}

// headSize is how long the head is, as far as that is known from what was read of it.
func (f *frames) headSize() int {
	if f.had < 2 {
		return 2
	}
	size := 2
	switch f.head[1] & 0x7f {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if f.head[1]&0x80 != 0 {
		size += 4
	}
	return size
}

func payloadLength(h []byte) uint64 {
	switch n := h[1] & 0x7f; n {
	case 126:
		return uint64(binary.BigEndian.Uint16(h[2:]))
	case 127:
		return binary.BigEndian.Uint64(h[2:])
	default:
		return uint64(n)
	}
}

// follows reports whether a frame with the head h may come here.
func (f *frames) follows(h []byte) bool {
	const final, reserved1, reserved23 = 0x80, 0x40, 0x30
	opcode := h[0] & 0x0f
	if h[0]&reserved23 != 0 || (h[1]&0x80 != 0) != f.masked || f.left > 1<<62 {
		return false
	}
	switch {
	case opcode >= 8 && opcode <= 10: // close, ping, pong: also between the fragments of a message
		return h[0]&final != 0 && f.left <= 125 && h[0]&reserved1 == 0
	case opcode == 0:
		if !f.fragmented || h[0]&reserved1 != 0 {
			return false
		}
	case opcode > 2 || f.fragmented:
		return false
	}
	f.fragmented = h[0]&final == 0
	return true
}

// begin lists a frame. When the list is full, its last entry stands for all that follows.
func (f *frames) begin(frame records.Frame) (list []records.Frame, full bool) {
	if f.ticket == nil || f.full || len(f.list) == records.MaxChunks {
		return f.list, true
	}
	list, ok := grow(f.ticket, f.list, records.MaxChunks, frameBytes)
	if !ok {
		return f.list, true
	}
	return append(list, frame), false
}

// message ends the capture.
func (f *frames) message() records.Message {
	m := f.capture.message()
	f.mu.Lock()
	defer f.mu.Unlock()
	m.Frames = f.list
	if m.Body == nil {
		for i := range m.Frames {
			m.Frames[i].Kept = 0
		}
	}
	return m
}
