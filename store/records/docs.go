package records

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"mime"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"aictl/store/records/match"
)

// maxDecoded bounds what is decoded of a compressed body for a search, in bytes.
const maxDecoded = 16 << 20

// Docs are the JSON documents of a message's kept bytes, decoded. Of a body that was cut or is damaged, what can be read counts.
func (m *Message) Docs() match.Docs {
	kind, _, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	return match.Docs{Plain: m.decoded(), Events: err == nil && kind == "text/event-stream"}
}

// decoded are the bytes without Content-Encoding; those of an encoding that is not known have none.
func (m *Message) decoded() []byte {
	var r io.Reader
	var err error
	switch strings.ToLower(m.Header.Get("Content-Encoding")) {
	case "", "identity":
		return m.Body
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(bytes.NewReader(m.Body))
	case "deflate":
		r, err = zlib.NewReader(bytes.NewReader(m.Body))
	case "br":
		r = brotli.NewReader(bytes.NewReader(m.Body))
	case "zstd":
		var z *zstd.Decoder
		z, err = zstd.NewReader(bytes.NewReader(m.Body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
		if err == nil {
			defer z.Close()
			r = z
		}
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	var plain bytes.Buffer
	if _, err = io.Copy(&plain, io.LimitReader(r, maxDecoded)); err != nil {
		return plain.Bytes() // cut or damaged: what came before
	}
	return plain.Bytes()
}

// bodies gives a record's documents to an expression, each side decoded once.
func (x *Exchange) bodies() match.Body {
	var have [2]bool
	var docs [2]match.Docs
	return func(side match.Side) match.Docs {
		if !have[side] {
			m := &x.Response
			if side == match.Request {
				m = &x.Request
			}
			have[side], docs[side] = true, m.Docs()
		}
		return docs[side]
	}
}

// IndexedAt are the values at a path in the record's bodies.
func (x *Exchange) IndexedAt(p match.Path) Indexed {
	out := Indexed{Path: p.String()}
	x.bodies()(p.Side).Each(p, func(v match.Value) bool {
		out.Values = append(out.Values, v)
		return len(out.Values) <= maxIndexedValues
	})
	return out
}
