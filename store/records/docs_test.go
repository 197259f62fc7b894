package records

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"aictl/store/records/match"
)

func TestBodiesAreDecodedForSearch(t *testing.T) {
	plain := []byte(`{"label":"spam","text":"` + string(bytes.Repeat([]byte("x"), 5000)) + `"}`)
	pack := func(open func(io.Writer) io.WriteCloser) []byte {
		var b bytes.Buffer
		w := open(&b)
		_, err := w.Write(plain)
		ok(t, err)
		ok(t, w.Close())
		return b.Bytes()
	}
	path, err := match.ParsePath("$.label")
	ok(t, err)
	for encoding, body := range map[string][]byte{
		"":        plain,
		"gzip":    pack(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }),
		"deflate": pack(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }),
		"br":      pack(func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) }),
		"zstd": pack(func(w io.Writer) io.WriteCloser {
			z, err := zstd.NewWriter(w)
			ok(t, err)
			return z
		}),
		"x-unknown": nil,
	} {
		x := Exchange{Response: Message{Header: http.Header{"Content-Encoding": {encoding}}, Body: body}}
		got := x.IndexedAt(path)
		if encoding == "x-unknown" {
			x.Response.Body = plain
			if got = x.IndexedAt(path); len(got.Values) != 0 {
				t.Errorf("an encoding that is not known was read: %v", got)
			}
			continue
		}
		if len(got.Values) != 1 || got.Values[0].Text != "spam" || got.Path != `response.$["label"]` {
			t.Errorf("%s: %+v", encoding, got)
		}
		x.Response.Body = body[:len(body)*9/10]
		if got = x.IndexedAt(path); encoding == "" && len(got.Values) != 1 {
			t.Errorf("%s cut short: %+v", encoding, got)
		}
		x.Response.Body = []byte("\x00broken")
		if got = x.IndexedAt(path); len(got.Values) != 0 {
			t.Errorf("%s broken: %+v", encoding, got)
		}
	}
	bomb := make([]byte, maxDecoded+100)
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err = w.Write(bomb)
	ok(t, err)
	ok(t, w.Close())
	m := Message{Header: http.Header{"Content-Encoding": {"gzip"}}, Body: b.Bytes()}
	if got := m.Docs(); len(got.Plain) != maxDecoded {
		t.Errorf("%d bytes were decoded", len(got.Plain))
	}
}
