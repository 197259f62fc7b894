// Package compare tells what truly changed between the answers of two versions of a service. Every request is sent
// to one of them twice: what differs between those two answers is noise (times, random ids, jitter, lists without an
// order), and a field counts as changed only when the other version's answers differ from the first's by more than that.
// The rule is that of Twitter's Diffy; the tests behind it are named where they stand.
package compare

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// Answer is what came back for one request. A Status of 0 means that there was no answer; Failure says why. Size and
// SHA256 cover the whole body; a SHA256 of zeros is an unknown one. Partial means that Body is not all of it.
type Answer struct {
	Status  int
	Header  http.Header
	Body    []byte
	Size    int64
	SHA256  [sha256.Size]byte
	Partial bool
	Failure string
	Took    time.Duration
	At      time.Time // when it came; zero is unknown
}

// maxPlain bounds what a compressed body may grow to before it is looked at, in bytes.
const maxPlain = 64 << 20

// content is an answer's body, understood as far as possible.
type content struct {
	json  any  // when isJSON
	lines bool // json is a list of the documents that came one a line
	is    contentKind
	plain []byte
}

type contentKind int

const (
	contentUnknown contentKind = iota // not kept
	contentEmpty
	contentJSON
	contentText
	contentBinary
)

func (k contentKind) String() string {
	return [...]string{"unknown", "empty", "JSON", "text", "binary"}[k]
}

// read understands an answer's body.
func (a *Answer) read() content {
	switch {
	case a.Partial:
		return content{is: contentUnknown}
	case len(a.Body) == 0:
		return content{is: contentEmpty}
	}
	plain, err := unpack(a.Header.Get("Content-Encoding"), a.Body)
	if err != nil {
		return content{is: contentBinary, plain: a.Body}
	}
	c := content{plain: plain}
	switch v, lines, ok := parseJSON(a.Header.Get("Content-Type"), plain); {
	case ok:
		c.is, c.json, c.lines = contentJSON, v, lines
	case utf8.Valid(plain):
		c.is = contentText
	default:
		c.is = contentBinary
	}
	return c
}

var errEncoding = errors.New("content encoding is not understood")

// unpack undoes a Content-Encoding; what grows beyond maxPlain or is not understood is an error.
func unpack(encoding string, body []byte) ([]byte, error) {
	var r io.Reader
	var err error
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(bytes.NewReader(body))
	case "deflate":
		r, err = zlib.NewReader(bytes.NewReader(body))
	default:
		return nil, errEncoding
	}
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxPlain+1))
	if err == nil && len(plain) > maxPlain {
		err = errEncoding
	}
	return plain, err
}

// parseJSON reads one document, or one a line (JSON lines, and the data of an event stream), as a list.
func parseJSON(contentType string, body []byte) (v any, lines, ok bool) {
	if v, ok = decode(body); ok {
		return v, false, true
	}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = ""
	}
	prefix := ""
	if kind == "text/event-stream" {
		prefix = "data:"
	}
	var list []any
	for line := range strings.SplitSeq(string(body), "\n") {
		text, data := strings.CutPrefix(strings.TrimSpace(line), prefix)
		text = strings.TrimSpace(text)
		if text == "" || !data && prefix != "" {
			continue
		}
		doc, fine := decode([]byte(text))
		if !fine && prefix != "" {
			doc, fine = text, true // the [DONE] that ends many event streams
		}
		if !fine {
			return nil, false, false
		}
		list = append(list, doc)
	}
	return list, true, len(list) > 0
}

// decode reads exactly one JSON document. Numbers keep their text.
func decode(body []byte) (any, bool) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil, false
	}
	_, err := dec.Token()
	return v, errors.Is(err, io.EOF)
}
