package interchange

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"time"

	"aictl/store/records"
)

// Bounds of what comes with a body.
const (
	maxHeaderBytes = 256 << 10
	maxPieces      = 100000 // chunks, frames or parts
)

// message checks one side; errors begin with the field.
func (s *EntrySide) message(m *records.Message) error {
	body, err := s.bytes()
	if err != nil {
		return err
	}
	*m = records.Message{Header: http.Header(s.Header), Trailer: http.Header(s.Trailer), Body: body,
		Truncated: s.Truncated, Omitted: s.Omitted, Erased: s.Erased}
	if headerBytes(m.Header)+headerBytes(m.Trailer) > maxHeaderBytes {
		return fmt.Errorf("header: more than %d bytes: leave some out", maxHeaderBytes)
	}
	if err := s.size(m); err != nil {
		return err
	}
	if err := s.digest(m); err != nil {
		return err
	}
	return s.pieces(m)
}

// bytes are the body's own bytes.
func (s *EntrySide) bytes() ([]byte, error) {
	raw := bytes.TrimSpace(s.Body)
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) && s.BodyEncoding != encodingJSON {
		return nil, nil
	}
	if s.BodyEncoding == encodingJSON || raw[0] != '"' {
		if s.BodyEncoding == encodingBase64 || s.BodyEncoding == encodingText {
			return nil, fmt.Errorf("body: it is a JSON value, and body_encoding says %s: leave that out", s.BodyEncoding)
		}
		var compact bytes.Buffer
		err := json.Compact(&compact, raw)
		return compact.Bytes(), err
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	switch s.BodyEncoding {
	case "", encodingText:
		return nonEmpty([]byte(text)), nil
	case encodingBase64:
		body, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("body: it is not base64: %w", err)
		}
		return nonEmpty(body), nil
	}
	return nil, fmt.Errorf("body_encoding: %q is none of text, base64, json", clip(s.BodyEncoding))
}

func nonEmpty(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// size settles how many bytes passed and whether all of them are here.
func (s *EntrySide) size(m *records.Message) error {
	kept := int64(len(m.Body))
	if s.Size == nil {
		m.Size = kept
		return nil
	}
	m.Size = *s.Size
	whole := !m.Truncated && !m.Omitted && !m.Erased
	switch {
	case m.Size < 0 || m.Size > math.MaxInt64/2:
		return fmt.Errorf("size: %d is no number of bytes", m.Size)
	case kept > m.Size && len(s.Frames) == 0 && s.SHA256 == "":
		return fmt.Errorf("size: it is %d, and the body has %d bytes", m.Size, kept)
	case whole && kept == 0 && m.Size > 0:
		m.Omitted = true
	case whole && kept < m.Size && len(s.Frames) == 0 && s.SHA256 == "": // a masked body has a digest of zeros and any length
		m.Truncated = true
	}
	return nil
}

// digest takes the digest that is given, and checks it where the whole body is here.
func (s *EntrySide) digest(m *records.Message) error {
	sum := sha256.Sum256(m.Body)
	if s.SHA256 == "" {
		if int64(len(m.Body)) == m.Size {
			m.SHA256 = sum
		}
		return nil
	}
	given, err := hex.DecodeString(s.SHA256)
	if err != nil || len(given) != sha256.Size {
		return fmt.Errorf("sha256: %q is not 64 hex digits", clip(s.SHA256))
	}
	m.SHA256 = [32]byte(given)
	whole := int64(len(m.Body)) == m.Size && !m.Truncated && !m.Omitted && !m.Erased && len(s.Frames) == 0
	if whole && m.SHA256 != sum && m.SHA256 != [32]byte{} {
		return fmt.Errorf("sha256: the body has %x: send the body as it was, or leave the digest out", sum)
	}
	return nil
}

func (s *EntrySide) pieces(m *records.Message) error {
	if len(s.Chunks) > maxPieces || len(s.Frames) > maxPieces || len(s.Parts) > maxPieces {
		return fmt.Errorf("chunks: more than %d pieces: leave some out", maxPieces)
	}
	for _, c := range s.Chunks {
		m.Chunks = append(m.Chunks, records.Chunk{At: micros(c.At), End: c.End})
	}
	for _, f := range s.Frames {
		m.Frames = append(m.Frames, records.Frame{At: micros(f.At), Opcode: f.Opcode, Final: f.Final, Size: f.Size, Kept: f.Kept})
	}
	for i, p := range s.Parts {
		part := records.Part{Name: p.Name, FileName: p.FileName, ContentType: p.ContentType, Offset: p.Offset, Size: p.Size}
		sum, err := hex.DecodeString(p.SHA256)
		if err != nil || len(sum) != 0 && len(sum) != sha256.Size {
			return fmt.Errorf("parts[%d].sha256: %q is not 64 hex digits", i, clip(p.SHA256))
		}
		copy(part.SHA256[:], sum)
		m.Parts = append(m.Parts, part)
	}
	return nil
}

// micros keeps what does not fit a time.Duration at its ends.
func micros(n int64) time.Duration {
	const most = math.MaxInt64 / int64(time.Microsecond)
	return time.Duration(min(max(n, -most), most)) * time.Microsecond
}

func headerBytes(h http.Header) (n int) {
	for name, values := range h {
		for _, v := range values {
			n += len(name) + len(v)
		}
	}
	return n
}
