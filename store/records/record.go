package records

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// The texts of a record, in the order in which blocks hold them. The ones before textQuery stay when a record is erased.
const (
	textService = iota
	textRelease
	textInstance
	textMethod
	textPath
	textModel
	textEnd
	textSource
	textTrace // when it is not 32 hex digits
	textQuery
	textRemote
	textSession
	textUser
	textError
	textTags
	textReqHeader
	textRespHeader
	textReqTrailer
	textRespTrailer
	textCount

	textPersonal = textQuery
)

// What is left of a record.
const (
	stateWhole   = iota
	stateErased  // the metadata that a person cannot be told by
	stateRemoved // its hash only
)

// How a digest is known.
const (
	digestOfKept = iota // it is that of the bytes kept
	digestZeros
	digestGiven
)

// record is an exchange as blocks hold it.
type record struct {
	id       uuid.UUID
	state    byte
	cached   bool
	traceRaw bool // trace holds it; else it is the text
	trace    [16]byte
	texts    [textCount]string
	status   int64
	started  int64 // µs since 1970
	first    int64 // µs
	duration int64 // µs
	sides    [2]side
	indexed  []Indexed // of a new record

	personal [32]byte // of an erased record, see chain.go
	leaf     [32]byte // of a removed record
	tag      [tagSize]byte
}

// side is one message of a record.
type side struct {
	size      int64
	truncated bool
	omitted   bool
	erased    bool
	digest    byte
	sum       [32]byte // when digest is digestGiven
	body      []byte   // inline
	file      bool     // the body is the file named by kept
	packed    bool     // the file is compressed
	kept      [32]byte // SHA-256 of the kept bytes; zeros when there are none
	chunks    []Chunk
	frames    []Frame
	parts     []Part
}

const (
	request = iota
	response
)

// keptSum is the SHA-256 of the kept bytes, read from the block or computed. It changes nothing: many read a block at a time.
func (s *side) keptSum() [32]byte {
	if s.kept == ([32]byte{}) && len(s.body) > 0 {
		return sha256.Sum256(s.body)
	}
	return s.kept
}

var emptySum = sha256.Sum256(nil)

// passedSum is the SHA-256 of the bytes that passed, zeros when the kept bytes are masked.
func (s *side) passedSum() [32]byte {
	switch s.digest {
	case digestGiven:
		return s.sum
	case digestOfKept:
		if len(s.body) == 0 && !s.file {
			return emptySum
		}
		return s.keptSum()
	}
	return [32]byte{}
}

// recordOf reads an exchange that check has passed. Bodies are not copied.
func recordOf(x *Exchange, id uuid.UUID, r *record) {
	*r = record{
		id: id, cached: x.Cached, status: int64(x.Status), started: x.StartedAt.UnixMicro(),
		first: x.FirstByte.Microseconds(), duration: x.Duration.Microseconds(), indexed: x.Indexed,
	}
	r.texts = [textCount]string{
		x.Service, x.Release, x.Instance, x.Method, x.Path, x.Model, string(x.End), string(x.Source), "", x.Query, x.Remote, x.Session, x.User,
		x.Error, encodeTags(x.Tags), encodeHeader(x.Request.Header), encodeHeader(x.Response.Header), encodeHeader(x.Request.Trailer), encodeHeader(x.Response.Trailer),
	}
	trace := canonicalTrace(x.TraceID)
	if n, err := hex.Decode(r.trace[:], []byte(trace[:min(len(trace), 32)])); err == nil && n == 16 && len(trace) == 32 {
		r.traceRaw = true
	} else {
		r.trace, r.texts[textTrace] = [16]byte{}, trace
	}
	sideOf(&x.Request, &r.sides[request])
	sideOf(&x.Response, &r.sides[response])
}

func sideOf(m *Message, s *side) {
	s.size, s.truncated, s.omitted, s.erased = m.Size, m.Truncated, m.Omitted, m.Erased
	s.body, s.chunks, s.frames, s.parts = m.Body, m.Chunks, m.Frames, m.Parts
	s.kept = s.keptSum()
	switch {
	case m.SHA256 == [32]byte{}:
		s.digest = digestZeros
	case m.Size == int64(len(m.Body)) && m.SHA256 == s.sumOfBody():
		s.digest = digestOfKept
	default:
		s.digest, s.sum = digestGiven, m.SHA256
	}
}

func (s *side) sumOfBody() [32]byte {
	if len(s.body) == 0 {
		return emptySum
	}
	return s.kept
}

// listed returns the exchange without headers and bodies.
func (r *record) listed() Exchange {
	x := Exchange{
		ID: r.id.String(), Service: r.texts[textService], Release: r.texts[textRelease], Instance: r.texts[textInstance],
		Session: r.texts[textSession], TraceID: r.traceID(), Method: r.texts[textMethod], Path: r.texts[textPath], Query: r.texts[textQuery],
		Remote: r.texts[textRemote], Status: int(r.status), Source: Source(r.texts[textSource]), Model: r.texts[textModel], User: r.texts[textUser],
		Tags: decodeTags(r.texts[textTags]), Cached: r.cached, StartedAt: time.UnixMicro(r.started).UTC(), FirstByte: micros(r.first),
		Duration: micros(r.duration), End: End(r.texts[textEnd]), Error: r.texts[textError],
	}
	x.Request, x.Response = r.sides[request].message(), r.sides[response].message()
	return x
}

func (s *side) message() Message {
	return Message{Size: s.size, SHA256: s.passedSum(), Truncated: s.truncated, Omitted: s.omitted, Erased: s.erased}
}

func (r *record) traceID() string {
	if r.traceRaw {
		return hex.EncodeToString(r.trace[:])
	}
	return r.texts[textTrace]
}

// whole returns the exchange with headers and bodies; those are the caller's. Damage of a body's file is ErrCorrupt.
func (a *Archive) whole(r *record) (Exchange, error) {
	x := r.listed()
	var errs [2]error
	for i, m := range []*Message{&x.Request, &x.Response} {
		s := &r.sides[i]
		m.Header, m.Trailer = decodeHeader(r.texts[textReqHeader+i]), decodeHeader(r.texts[textReqTrailer+i])
		m.Chunks, m.Frames, m.Parts = append(m.Chunks, s.chunks...), append(m.Frames, s.frames...), append(m.Parts, s.parts...)
		if s.file {
			m.Body, errs[i] = a.readBody(s)
		} else {
			m.Body = append(m.Body, s.body...)
		}
	}
	return x, errors.Join(errs[:]...)
}

// encodeTags writes tags as lines, as headers are.
func encodeTags(tags map[string]string) string {
	if len(tags) == 0 {
		return ""
	}
	h := make(http.Header, len(tags))
	for name, value := range tags {
		h[name] = []string{value}
	}
	return encodeHeader(h)
}

func decodeTags(text string) map[string]string {
	if text == "" {
		return nil
	}
	tags := map[string]string{}
	for name, values := range decodeHeader(text) {
		tags[name] = values[0]
	}
	return tags
}
