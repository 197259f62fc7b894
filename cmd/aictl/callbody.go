package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
)

// requestBody is what is sent: its size in bytes is -1 when unknown.
type requestBody struct {
	reader io.Reader
	size   int64
	kind   string // Content-Type
	file   *os.File
}

func (b requestBody) close() {
	if b.file != nil {
		b.file.Close() // it was only read
	}
}

// callBody is the body of -d or -F. JSON given on the command line is checked: a slip of a quote is found here and
// not by the service.
func (a *app) callBody(f callFlags, sends bool) (requestBody, error) {
	hasType := false
	for _, h := range f.header {
		hasType = hasType || strings.HasPrefix(strings.ToLower(h), "content-type:")
	}
	switch {
	case !sends:
		return requestBody{}, nil
	case len(f.form) > 0:
		return a.formBody(f.form)
	case f.data == "-":
		return requestBody{reader: a.in, size: -1, kind: "application/json"}, nil
	case strings.HasPrefix(f.data, "@"):
		return a.fileBody(f.data[1:])
	}
	var syntax *json.SyntaxError
	if err := json.Unmarshal([]byte(f.data), new(any)); errors.As(err, &syntax) && !hasType {
		return requestBody{}, a.errorf("-d is not JSON: %w at byte %d; add -H 'Content-Type: text/plain' to send it as it is", err, syntax.Offset)
	}
	return requestBody{reader: strings.NewReader(f.data), size: int64(len(f.data)), kind: "application/json"}, nil
}

func (a *app) fileBody(name string) (requestBody, error) {
	file, err := os.Open(name)
	if err != nil {
		return requestBody{}, a.errorf("-d @%s: %w", name, err)
	}
	body := requestBody{reader: file, size: -1, kind: typeOf(name), file: file}
	info, err := file.Stat()
	switch {
	case err != nil || info.IsDir():
		body.close()
		return requestBody{}, a.errorf("-d @%s: not a file that can be sent", name)
	case info.Mode().IsRegular():
		body.size = info.Size()
	}
	return body, nil
}

// typeOf is the media type a file's name tells.
func typeOf(name string) string {
	if kind := mime.TypeByExtension(filepath.Ext(name)); kind != "" {
		return kind
	}
	return "application/octet-stream"
}

// formBody is multipart/form-data of NAME=VALUE and NAME=@FILE.
func (a *app) formBody(fields []string) (requestBody, error) {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, field := range fields {
		name, value, found := strings.Cut(field, "=")
		if !found || name == "" {
			return requestBody{}, a.errorf("--form %q is not NAME=VALUE or NAME=@FILE", field)
		}
		if err := writeField(form, name, value); err != nil {
			return requestBody{}, a.errorf("--form %s: %w", name, err)
		}
	}
	if err := form.Close(); err != nil {
		return requestBody{}, err
	}
	return requestBody{reader: &b, size: int64(b.Len()), kind: form.FormDataContentType()}, nil
}

func writeField(form *multipart.Writer, name, value string) error {
	path, isFile := strings.CutPrefix(value, "@")
	if !isFile {
		return form.WriteField(name, value)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	kind := typeOf(path)
	if kind == "application/octet-stream" {
		kind = http.DetectContentType(content)
	}
	header := textproto.MIMEHeader{}
	header.Set("Content-Disposition", multipart.FileContentDisposition(name, filepath.Base(path)))
	header.Set("Content-Type", kind)
	part, err := form.CreatePart(header)
	if err != nil {
		return err
	}
	_, err = part.Write(content)
	return err
}

const most = 8 << 20 // bytes of an answer that are held to indent it, and of an error that are looked into

// showBody writes the answer to stdout: as it comes where nobody looks or when it is a stream, indented when it is
// JSON and somebody does. It returns the beginning of an error's answer.
func (a *app) showBody(res *http.Response) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil {
		kind = ""
	}
	if res.StatusCode < 400 && (!a.out.tty || !isJSON(kind)) {
		return nil, a.copyBody(res.Body, kind)
	}
	content, err := io.ReadAll(io.LimitReader(res.Body, most))
	switch {
	case err != nil:
		return content, err
	case kind == "application/problem+json" && a.out.tty:
		return content, nil // told as an error
	case a.out.tty && isJSON(kind):
		content = indented(content)
	}
	if err := a.copyBody(bytes.NewReader(content), kind); err != nil {
		return content, err
	}
	_, err = io.Copy(a.out, res.Body)
	return content, err
}

// copyBody copies an answer; a terminal gets text only, and a newline at its end.
func (a *app) copyBody(body io.Reader, kind string) error {
	if !a.out.tty {
		_, err := io.Copy(a.out.Writer, body)
		return err
	}
	if binary(kind) {
		n, err := io.Copy(io.Discard, body)
		if err != nil {
			return err
		}
		a.say("%s", a.t("%s of %s: send it to a file with > FILE", humanSize(n), kind))
		return nil
	}
	last := &lastByte{Writer: a.out.Writer}
	if _, err := io.Copy(last, body); err != nil || last.b == '\n' || last.b == 0 {
		return err
	}
	_, err := fmt.Fprintln(a.out)
	return err
}

// lastByte remembers the last byte that was written.
type lastByte struct {
	io.Writer
	b byte
}

func (l *lastByte) Write(p []byte) (int, error) {
	if len(p) > 0 {
		l.b = p[len(p)-1]
	}
	return l.Writer.Write(p)
}

func isJSON(kind string) bool { return kind == "application/json" || strings.HasSuffix(kind, "+json") }

// binary reports whether a media type is nothing to read on a terminal.
func binary(kind string) bool {
	switch {
	case kind == "" || isJSON(kind) || strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+xml"):
		return false
	case kind == "application/xml" || kind == "application/yaml" || kind == "application/x-ndjson" || kind == "application/x-www-form-urlencoded":
		return false
	}
	return true
}

// indented is JSON laid out for reading; what is no JSON stays as it is.
func indented(content []byte) []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, bytes.TrimSpace(content), "", "  "); err != nil {
		return content
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// problemDetail is what an error's answer says for people: the detail of a problem document, the field that common
// frameworks use, else its first line.
func problemDetail(content []byte) string {
	var fields map[string]any
	if json.Unmarshal(content, &fields) == nil {
		for _, key := range []string{"detail", "error", "message", "title"} {
			switch v := fields[key].(type) {
			case nil:
			case string:
				return v
			default:
				if text, err := json.Marshal(v); err == nil {
					return clip(string(text), 300)
				}
			}
		}
	}
	if line := printable(firstLine(strings.ToValidUTF8(string(content), "?"))); line != "" {
		return clip(line, 300)
	}
	return "no explanation"
}
