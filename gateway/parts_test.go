package gateway

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"aictl/configs"
	"aictl/store/records"
)

func listParts(contentType string, body []byte, piece int) []records.Part {
	s := newParts(&collected{c: &collector{}}, http.Header{"Content-Type": {contentType}})
	if s == nil {
		return nil
	}
	for part := range slices.Chunk(body, max(1, piece)) {
		s.add(part)
	}
	return s.listed()
}

func TestParts(t *testing.T) {
	type part struct{ name, file, kind, content string }
	const form = `Content-Disposition: form-data; name=`
	tests := []struct {
		name, body string
		parts      []part
	}{
		{"one", "--b\r\n" + form + "a\r\n\r\nhello\r\n--b--\r\n", []part{{"a", "", "", "hello"}}},
		{"no line after the end", "--b\r\n" + form + "a\r\n\r\nhello\r\n--b--", []part{{"a", "", "", "hello"}}},
		{"two", "--b\r\n" + form + "a\r\n\r\n1\r\n--b\r\n" + form + "\"f\"; filename=\"x y.png\"\r\nContent-Type: image/png\r\n\r\n2\r\n--b--\r\n",
			[]part{{"a", "", "", "1"}, {"f", "x y.png", "image/png", "2"}}},
		{"coded name", "--b\r\n" + form + "a; filename*=UTF-8''%E6%96%87.txt\r\n\r\n1\r\n--b--", []part{{"a", "文.txt", "", "1"}}},
		{"before and after", "ignore\r\nthis\r\n--b\r\n" + form + "a\r\n\r\n1\r\n--b--\r\nand\r\n--b\r\nthat", []part{{"a", "", "", "1"}}},
		{"empty part", "--b\r\n" + form + "a\r\n\r\n\r\n--b--", []part{{"a", "", "", ""}}},
		{"empty part, its line end shared", "--b\r\n" + form + "a\r\n\r\n--b--", []part{{"a", "", "", ""}}},
		{"no head", "--b\r\n\r\nx\r\n--b--", []part{{"", "", "", "x"}}},
		{"padding", "--b \t \r\n" + form + "a\r\n\r\n1\r\n--b--", []part{{"a", "", "", "1"}}},
		{"nearly the end", "--b\r\n" + form + "a\r\n\r\n\r\n\r\r\n-\r\n--\r\n--c\r\n--bb\r\n--b--", []part{{"a", "", "", "\r\n\r\r\n-\r\n--\r\n--c\r\n--bb"}}},
		{"begins like the end", "--b\r\n" + form + "a\r\n\r\n--c\r\n--b--", []part{{"a", "", "", "--c"}}},
		{"begins like the end, shared", "--b\r\n" + form + "a\r\n\r\n--bc\r\n--b--", []part{{"a", "", "", "--bc"}}},
		{"binary", "--b\r\n" + form + "a\r\n\r\n\x00\xff\r\x00\n\r\r\r\n--b--", []part{{"a", "", "", "\x00\xff\r\x00\n\r\r"}}},
		{"not ended", "--b\r\n" + form + "a\r\n\r\nhello\r\n--b", nil},
		{"ended by half", "--b\r\n" + form + "a\r\n\r\nhello\r\n--b-", nil},
		{"other boundary", "--c\r\n\r\nhello\r\n--c--", nil},
		{"bad line", "--b-x\r\n\r\nhello\r\n--b--", nil},
		{"bad head", "--b\r\nno colon\r\n\r\nhello\r\n--b--", nil},
		{"endless head", "--b\r\nX: " + strings.Repeat("x", maxPartHead) + "\r\n\r\nhello\r\n--b--", nil},
		{"nothing", "", nil},
	}
	for _, tt := range tests {
		for _, piece := range []int{1, 2, 5, 1 << 20} {
			got := listParts("multipart/form-data; boundary=b", []byte(tt.body), piece)
			if len(got) != len(tt.parts) {
				t.Errorf("%s, in pieces of %d: %+v", tt.name, piece, got)
				continue
			}
			for i, p := range got {
				want := tt.parts[i]
				if p.Name != want.name || p.FileName != want.file || p.ContentType != want.kind || p.Size != int64(len(want.content)) ||
					p.SHA256 != sha256.Sum256([]byte(want.content)) || tt.body[p.Offset:p.Offset+p.Size] != want.content {
					t.Errorf("%s, in pieces of %d: part %d is %+v, want %+v", tt.name, piece, i, p, want)
				}
			}
		}
	}
}

func TestNoParts(t *testing.T) {
	for _, kind := range []string{"", "text/plain", "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + strings.Repeat("b", 71), "multipart/"} {
		if newParts(&collected{}, http.Header{"Content-Type": {kind}}) != nil {
			t.Errorf("%q has parts", kind)
		}
	}
	if newParts(&collected{}, http.Header{"Content-Type": {"multipart/form-data; boundary=b"}, "Content-Encoding": {"gzip"}}) != nil {
		t.Error("compressed parts are read")
	}
	many := strings.Repeat("--b\r\n\r\nx\r\n", records.MaxParts+5) + "--b--"
	if got := listParts("multipart/form-data; boundary=b", []byte(many), 100); len(got) != records.MaxParts {
		t.Errorf("%d parts listed", len(got))
	}
}

// What mime/multipart reads is listed alike, however the body is cut.
func FuzzParts(f *testing.F) {
	f.Add("--b\r\nContent-Disposition: form-data; name=a\r\n\r\nhello\r\n--b--\r\n", 3)
	f.Add("x\r\n--b\r\n\r\n\r\n--b\r\n\r\n--b--", 1)
	f.Fuzz(func(t *testing.T, body string, piece int) {
		whole := listParts("multipart/mixed; boundary=b", []byte(body), len(body)+1)
		if got := listParts("multipart/mixed; boundary=b", []byte(body), piece); !reflect.DeepEqual(got, whole) {
			t.Errorf("in pieces of %d: %+v, at once: %+v", piece, got, whole)
		}
		if strings.Contains(strings.ReplaceAll(body, "\r\n", ""), "\n") || strings.Count(body, "--b") > 20 {
			return // bare line feeds end lines there and not here
		}
		r := multipart.NewReader(strings.NewReader(body), "b")
		for i, p := range whole {
			part, err := r.NextRawPart()
			if err != nil {
				return // stricter in something: nobody is misled by a list too long
			}
			content, err := io.ReadAll(part)
			if err != nil {
				return
			}
			if p.SHA256 != sha256.Sum256(content) || p.Size != int64(len(content)) || body[p.Offset:p.Offset+p.Size] != string(content) {
				t.Errorf("part %d is %+v, there %q", i, p, content)
			}
		}
	})
}

// Parts are listed on both ways to an instance, also beyond what is kept of the body.
func TestUploadedPartsAreRecorded(t *testing.T) {
	image := bytes.Repeat([]byte("\x89PNG\r\n--not--"), 50_000)
	for _, size := range []int{1000, 100_000, len(image)} {
		g := newRig(t, Options{})
		rt := Route{Service: "svc", Targets: []Target{{Instance: "svc/1", Addr: echo(t)}}}
		rt.Record.MaxBody = configs.Size(500)
		g.set(t, rt)
		var body bytes.Buffer
		mw := multipart.NewWriter(&body)
		field := mw.WriteField("model", "base")
		file, err := mw.CreateFormFile("image", "a.png")
		if err == nil {
			_, err = file.Write(image[:size])
		}
		if err := errors.Join(field, err, mw.Close()); err != nil {
			t.Fatal(err)
		}
		res, err := client(t).Post(g.url+"/ai/svc/predict", mw.FormDataContentType(), bytes.NewReader(body.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if back := readAll(t, res); back != body.String() {
			t.Errorf("%d bytes came back as %d", body.Len(), len(back))
		}
		x := g.rec.only(t)
		if len(x.Request.Parts) != 2 || !x.Request.Truncated {
			t.Fatalf("parts %+v", x.Request.Parts)
		}
		p := x.Request.Parts[1]
		if p.Name != "image" || p.FileName != "a.png" || p.ContentType != "application/octet-stream" || p.SHA256 != sha256.Sum256(image[:size]) || p.Size != int64(size) {
			t.Errorf("%+v", p)
		}
		if !bytes.Equal(body.Bytes()[p.Offset:p.Offset+p.Size], image[:size]) {
			t.Errorf("the image does not stand at %d", p.Offset)
		}
	}
}
