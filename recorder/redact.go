package recorder

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"slices"
	"strings"

	"aictl/store/records"
)

// maxUnpacked bounds a compressed body while it is searched.
const maxUnpacked = 32 << 20

type span struct{ start, end int }

// maskBody masks the values that the policy's paths name. A body in which they cannot be looked for is taken away
// (fail closed). The digest of a message that lost something is taken away too: with everything else known,
// a short secret could be found from it by trying.
func (p *policy) maskBody(m *records.Message, side string) error {
	if m.Omitted && m.Size > 0 {
		withhold(m)
		return nil
	}
	if len(m.Body) == 0 || len(m.Frames) == 0 && opaque(m) {
		return nil
	}
	masked, err := p.maskMessage(m)
	if err != nil {
		withhold(m)
		return fmt.Errorf("%s body: %w", side, err)
	}
	if masked != nil {
		m.Body = masked
		m.SHA256 = [32]byte{}
	}
	return nil
}

// withhold takes a body away together with what tells of its content: its digest, its parts' names and digests. When its pieces
// passed, and how long they were, stays.
func withhold(m *records.Message) {
	m.Body = nil
	if m.Size > 0 {
		m.Omitted, m.Truncated = true, false
	}
	m.SHA256, m.Parts = [32]byte{}, nil
	for i := range m.Frames {
		m.Frames[i].Kept = 0
	}
}

// maskMessage returns the masked body, nil when there was nothing to mask.
func (p *policy) maskMessage(m *records.Message) ([]byte, error) {
	if len(m.Frames) > 0 {
		return nil, errors.New("is of WebSocket frames, which may be parts of messages, or compressed")
	}
	if m.Truncated {
		return nil, errors.New("is cut at max_body, so that it cannot be parsed")
	}
	switch enc := strings.ToLower(m.Header.Get("Content-Encoding")); enc {
	case "", "identity":
		return p.maskJSON(m.Body)
	case "gzip":
		plain, err := gunzip(m.Body)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		masked, err := p.maskJSON(plain)
		if err != nil || masked == nil {
			return nil, err
		}
		return gzipped(masked)
	default:
		return nil, fmt.Errorf("Content-Encoding %q cannot be read", enc)
	}
}

func (p *policy) maskJSON(body []byte) ([]byte, error) {
	var found []span
	err := walk(body, func(start, end int, at []step, _ bool) {
		if slices.ContainsFunc(p.paths, func(path jsonPath) bool { return path.matches(at) }) {
			// A container comes after what it holds: it covers those spans.
			for len(found) > 0 && found[len(found)-1].start >= start {
				found = found[:len(found)-1]
			}
			found = append(found, span{start, end})
		}
	})
	if err != nil {
		return nil, fmt.Errorf("is not JSON: %w", err)
	}
	return splice(body, found)
}

// splice returns body with each span replaced by the mask, nil when there are none. The result is checked to be JSON.
func splice(body []byte, found []span) ([]byte, error) {
	if len(found) == 0 {
		return nil, nil
	}
	var out bytes.Buffer
	from := 0
	for _, s := range found {
		out.Write(body[from:s.start])
		out.WriteString(`"` + Masked + `"`)
		from = s.end
	}
	out.Write(body[from:])
	dec := json.NewDecoder(bytes.NewReader(out.Bytes()))
	for {
		var raw json.RawMessage
		switch err := dec.Decode(&raw); {
		case errors.Is(err, io.EOF):
			return out.Bytes(), nil
		case err != nil:
			return nil, fmt.Errorf("is not JSON after masking: %w", err)
		}
	}
}

// opaque reports whether a body is declared to be a picture, sound or film and does not begin like JSON:
// there are no members in it to hide.
func opaque(m *records.Message) bool {
	kind, _, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || m.Header.Get("Content-Encoding") != "" {
		return false
	}
	major, _, _ := strings.Cut(kind, "/")
	if major != "image" && major != "audio" && major != "video" || kind == "image/svg+xml" {
		return false
	}
	first := bytes.TrimLeft(m.Body, " \t\r\n\ufeff")
	return len(first) > 0 && !strings.ContainsRune(`{["`, rune(first[0]))
}

func gunzip(b []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxUnpacked+1))
	if err == nil && len(plain) > maxUnpacked {
		err = fmt.Errorf("unpacks to more than %d bytes", maxUnpacked)
	}
	return plain, err
}

func gzipped(b []byte) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
