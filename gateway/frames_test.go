package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"aictl/configs"
	"aictl/store/records"
)

// frame is one WebSocket frame as it is sent.
func frame(first byte, masked bool, payload string) []byte {
	b := []byte{first, 0}
	switch n := len(payload); {
	case n < 126:
		b[1] = byte(n)
	case n < 1<<16:
		b[1] = 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] = 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	if !masked {
		return append(b, payload...)
	}
	b[1] |= 0x80
	key := []byte{1, 2, 0xfe, 0x80}
	b = append(b, key...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i&3])
	}
	return b
}

// readFrames gives wire to a parser in pieces of some size.
func readFrames(masked bool, wire []byte, piece, limit int) records.Message {
	var f frames
	x := &exchange{g: &Gateway{opt: Options{Now: time.Now}}, ticket: &collected{c: &collector{}}, route: &route{}}
	x.route.Record.MaxBody = configs.Size(limit)
	f.init(x, masked)
	for part := range slices.Chunk(wire, piece) {
		f.add(part)
	}
	m := f.message()
	for i := range m.Frames {
		m.Frames[i].At = 0
	}
	return m
}

func TestFrames(t *testing.T) {
	long := strings.Repeat("long payload ", 20_000)
	join := func(frames ...[]byte) []byte { return bytes.Join(frames, nil) }
	tests := []struct {
		name   string
		masked bool
		wire   []byte
		body   string
		size   int
		frames []records.Frame
	}{
		{"text", false, frame(0x81, false, "hello"), "hello", 5, []records.Frame{{Opcode: 1, Final: true, Size: 5, Kept: 5}}},
		{"masked", true, frame(0x82, true, "hello"), "hello", 5, []records.Frame{{Opcode: 2, Final: true, Size: 5, Kept: 5}}},
		{"empty", true, frame(0x81, true, ""), "", 0, []records.Frame{{Opcode: 1, Final: true}}},
		{"middle length", true, frame(0x81, true, long[:300]), long[:300], 300, []records.Frame{{Opcode: 1, Final: true, Size: 300, Kept: 300}}},
		{"long", true, frame(0x81, true, long), long[:100_000], 260_000, []records.Frame{{Opcode: 1, Final: true, Size: 260_000, Kept: 100_000}}},
		{"fragments, a ping between", false, join(frame(0x01, false, "a"), frame(0x89, false, "p"), frame(0x00, false, "b"), frame(0x80, false, "c")), "apbc", 4,
			[]records.Frame{{Opcode: 1, Size: 1, Kept: 1}, {Opcode: 9, Final: true, Size: 1, Kept: 1}, {Size: 1, Kept: 1}, {Final: true, Size: 1, Kept: 1}}},
		{"compressed", false, frame(0xc1, false, "zzz"), "zzz", 3, []records.Frame{{Opcode: 0x41, Final: true, Size: 3, Kept: 3}}},
		{"cut in a payload", false, frame(0x81, false, "hello")[:4], "he", 2, []records.Frame{{Opcode: 1, Final: true, Size: 2, Kept: 2}}},
		{"cut in a head", false, []byte{0x81}, "", 0, nil},
		{"then garbage", false, join(frame(0x81, false, "ok"), []byte{0xff, 0, 1, 2, 3}), "ok", 7, []records.Frame{{Opcode: 1, Final: true, Size: 2, Kept: 2}}},
		{"unmasked client", true, frame(0x81, false, "hello"), "", 7, nil},
		{"masked instance", false, frame(0x81, true, "hello"), "", 11, nil},
		{"unknown opcode", false, frame(0x83, false, "hello"), "", 7, nil},
		{"continues nothing", false, frame(0x80, false, "hello"), "", 7, nil},
		{"message in a message", false, join(frame(0x01, false, "a"), frame(0x81, false, "b")), "a", 4, []records.Frame{{Opcode: 1, Size: 1, Kept: 1}}},
		{"fragmented ping", false, frame(0x09, false, "p"), "", 3, nil},
		{"long ping", false, frame(0x89, false, long[:126]), "", 130, nil},
		{"absurd length", false, []byte{0x82, 127, 0xff, 0, 0, 0, 0, 0, 0, 0, 1}, "", 11, nil},
	}
	for _, tt := range tests {
		for _, piece := range []int{1, 3, 1 << 20} {
			m := readFrames(tt.masked, tt.wire, piece, 100_000)
			if string(m.Body) != tt.body || m.Size != int64(tt.size) || !slices.Equal(m.Frames, tt.frames) || m.Truncated != (tt.size > len(tt.body)) {
				t.Errorf("%s, in pieces of %d: %d bytes, %.20q, %v, truncated %v", tt.name, piece, m.Size, m.Body, m.Frames, m.Truncated)
			}
			if tt.size == len(tt.body) && m.SHA256 != sha256.Sum256(m.Body) {
				t.Errorf("%s: the digest is another body's", tt.name)
			}
		}
	}
}

// A list that is full says in its last entry what all the others had.
func TestFramesBeyondTheList(t *testing.T) {
	wire := bytes.Repeat(frame(0x82, true, "ab"), records.MaxChunks+10)
	m := readFrames(true, wire, 1000, 1<<20)
	last := m.Frames[len(m.Frames)-1]
	if len(m.Frames) != records.MaxChunks || last.Size != 22 || last.Kept != 22 || len(m.Body) != 2*(records.MaxChunks+10) {
		t.Errorf("%d frames, the last of %d bytes, %d bytes in all", len(m.Frames), last.Size, len(m.Body))
	}
}

// Whatever passes, the parser takes every byte once and what it lists adds up.
func FuzzFrames(f *testing.F) {
	f.Add(true, frame(0x81, true, "hello"), 3)
	f.Add(false, append(frame(0x01, false, "a"), frame(0x80, false, "b")...), 1)
	f.Add(false, []byte{0x82, 127, 0, 0, 0, 0, 0, 0, 0, 1, 1}, 2)
	f.Fuzz(func(t *testing.T, masked bool, wire []byte, piece int) {
		whole := readFrames(masked, wire, len(wire)+1, 64)
		m := readFrames(masked, wire, max(1, piece), 64)
		if m.SHA256 != whole.SHA256 || m.Size != whole.Size || !bytes.Equal(m.Body, whole.Body) || !slices.Equal(m.Frames, whole.Frames) {
			t.Errorf("in pieces of %d: %v, at once: %v", piece, m, whole)
		}
		var kept, size int64
		for _, fr := range m.Frames {
			kept, size = kept+fr.Kept, size+fr.Size
		}
		if kept != int64(len(m.Body)) || size > m.Size || m.Size > int64(len(wire)) {
			t.Errorf("%d bytes kept of %d; frames say %d of %d; %d passed", len(m.Body), m.Size, kept, size, len(wire))
		}
	})
}

func TestWebSocketFramesAreRecorded(t *testing.T) {
	g := newRig(t, Options{})
	g.route(t, wsUpstream(t)) // it echoes, so what comes back is masked, which no instance may do
	w := g.dial(t)
	w.send("GET /ai/svc/ws HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: websocket", "", "")
	if res := w.answer("GET"); res.StatusCode != 101 {
		t.Fatal(res.StatusCode)
	}
	for _, text := range []string{"one", "two"} {
		sent := frame(0x81, true, text)
		if _, err := w.Write(sent); err != nil {
			t.Fatal(err)
		}
		back := make([]byte, len(sent))
		if _, err := io.ReadFull(w.br, back); err != nil || !bytes.Equal(back, sent) {
			t.Fatalf("%x came back as %x, %v", sent, back, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	x := g.rec.only(t)
	if string(x.Request.Body) != "onetwo" || len(x.Request.Frames) != 2 || x.Request.Frames[1].At < x.Request.Frames[0].At {
		t.Errorf("%q, %v", x.Request.Body, x.Request.Frames)
	}
	if len(x.Response.Frames) != 0 || x.Response.Size != 18 || !x.Response.Truncated {
		t.Errorf("answer: %v, %d bytes", x.Response.Frames, x.Response.Size)
	}
}
