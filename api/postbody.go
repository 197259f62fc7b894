package api

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"

	"aictl/interchange"
)

// Bounds of a post's body, as it comes and decoded.
const (
	maxPostBody    = 128 << 20
	maxPostDecoded = 512 << 20
)

// streamed are the calls whose handlers read the body themselves, within bounds of their own.
var streamed = map[string]bool{
	http.MethodPost + " " + Prefix + "/records": true, http.MethodPost + " " + Prefix + "/environments/import": true,
}

// linesOrDocument tells the two ways to send records apart.
func linesOrDocument(contentType string) (asLines bool, err error) {
	kind, _, err := mime.ParseMediaType(contentType)
	switch kind {
	case "application/json":
		return false, nil
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines", "application/jsonlines":
		return true, nil
	}
	if err != nil && contentType != "" {
		kind = contentType
	}
	return false, problem(http.StatusUnsupportedMediaType, CodeMediaType,
		fmt.Sprintf("records come as Content-Type application/json (an object or an array) or application/x-ndjson (one a line), not %q", kind))
}

// postBody reads a body that may be compressed, and keeps what went wrong below the decoder.
type postBody struct {
	from  io.Reader // the connection
	fault error     // of the connection
	plain io.Reader
	done  func()
	left  int64
}

// openPost bounds a body in size and every read of it in time.
func (s *Server) openPost(w http.ResponseWriter, r *http.Request) (*postBody, error) {
	ctl := http.NewResponseController(w)
	b := &postBody{left: maxPostDecoded}
	b.from = http.MaxBytesReader(w, r.Body, maxPostBody)
	source := readerFunc(func(p []byte) (int, error) {
		s.deadline(ctl.SetReadDeadline(time.Now().Add(bodyTimeout)))
		n, err := b.from.Read(p)
		if err != nil {
			s.deadline(ctl.SetReadDeadline(time.Time{}))
			if !errors.Is(err, io.EOF) {
				b.fault = err
			}
		}
		return n, err
	})
	var err error
	b.plain, b.done, err = decoder(r.Header.Get("Content-Encoding"), source)
	if b.fault != nil {
		err = b.explain(b.fault)
	}
	return b, err
}

// decoder opens a body by its Content-Encoding.
func decoder(encoding string, from io.Reader) (plain io.Reader, done func(), err error) {
	switch encoding {
	case "", "identity":
		return from, func() {}, nil
	case "gzip":
		z, err := gzip.NewReader(from)
		if err != nil {
			return nil, nil, problem(http.StatusBadRequest, CodeInvalid, "the body is not gzip, as Content-Encoding says: "+err.Error())
		}
		return z, func() {}, nil
	case "zstd":
		z, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(16<<20), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, nil, problem(http.StatusBadRequest, CodeInvalid, "the body is not zstd, as Content-Encoding says: "+err.Error())
		}
		return z, z.Close, nil
	}
	return nil, nil, problem(http.StatusUnsupportedMediaType, CodeMediaType, fmt.Sprintf("Content-Encoding %q is not known: use gzip, zstd or none", encoding))
}

func (b *postBody) close() { b.done() }

// Read bounds what comes out of the decoder.
func (b *postBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("%w: a body may have %d MiB decoded: send less at once", interchange.ErrBroken, maxPostDecoded>>20)
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.plain.Read(p)
	b.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) && b.fault == nil {
		err = fmt.Errorf("%w: the body cannot be decoded: %w", interchange.ErrBroken, err)
	}
	return n, err
}

// explain tells what the connection did from what the body is.
func (b *postBody) explain(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case b.fault == nil:
		return err
	case errors.As(b.fault, &tooLarge):
		return problem(http.StatusRequestEntityTooLarge, CodeTooLarge, fmt.Sprintf("a post may have %d MiB: send less at once", maxPostBody>>20))
	case errors.Is(b.fault, os.ErrDeadlineExceeded):
		return problem(http.StatusRequestTimeout, CodeTimeout, "nothing of the body came for "+bodyTimeout.String()+": send it faster")
	}
	return problem(http.StatusBadRequest, CodeInvalid, "the body broke off: "+b.fault.Error())
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func newLineEncoder(w io.Writer) *json.Encoder {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc
}
