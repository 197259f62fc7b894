package interchange

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"strings"
	"time"
)

// HARItem is one entry of a HAR file. Err is an ErrRecord when the entry is none that can be taken.
type HARItem struct {
	Index int // from 0
	Entry *Entry
	Err   error
}

// ReadHAR visits the entries of a HAR file as records, one at a time. Entries that aictl wrote give what they were made
// from; those of browsers and proxies get an id from their content, so that the same file read again gives the same ids.
// A record has no service then. Broken JSON ends it with ErrBroken.
func ReadHAR(from io.Reader, visit func(HARItem) error) error {
	r := bufio.NewReaderSize(from, 64<<10)
	if _, err := firstByte(r); err != nil {
		return err
	}
	bounded := &allowance{from: r, left: MaxRecord}
	dec := json.NewDecoder(bounded)
	if err := enter(dec, bounded, "log"); err != nil {
		return err
	}
	if err := enter(dec, bounded, "entries"); err != nil {
		return err
	}
	switch t, err := dec.Token(); {
	case err != nil:
		return broken(err)
	case t != json.Delim('['):
		return notHAR()
	}
	for i := 0; ; i++ {
		bounded.left = 2 * MaxRecord // both bodies, and what stands around them
		if !dec.More() {
			break
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return broken(err)
		}
		item := HARItem{Index: i}
		item.Entry, item.Err = entryOfHAR(raw)
		if err := visit(item); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return broken(err)
	}
	return nil
}

func notHAR() error {
	return fmt.Errorf("%w: it is not a HAR file: there is no log.entries", ErrBroken)
}

// enter goes into an object up to the value of a member.
func enter(dec *json.Decoder, bounded *allowance, member string) error {
	t, err := dec.Token()
	if err != nil {
		return broken(err)
	}
	if t != json.Delim('{') {
		return notHAR()
	}
	for {
		bounded.left = MaxRecord
		name, err := dec.Token()
		if err != nil {
			return broken(err)
		}
		switch name {
		case member:
			return nil
		case json.Delim('}'):
			return notHAR()
		}
		var skipped json.RawMessage
		if err := dec.Decode(&skipped); err != nil {
			return broken(err)
		}
	}
}

// entryOfHAR is tolerant: only the start and the address must be there.
func entryOfHAR(raw []byte) (*Entry, error) {
	var h harEntry
	if err := json.Unmarshal(raw, &h); err != nil {
		var kind *json.UnmarshalTypeError
		if !errors.As(err, &kind) { // a member of another type is left empty
			return nil, fault("%s", strings.TrimPrefix(err.Error(), "json: "))
		}
	}
	if h.Own != nil && h.Own.ID != "" {
		h.fillOwn()
		return h.Own, nil
	}
	at, err := time.Parse(time.RFC3339Nano, h.Started)
	if err != nil {
		return nil, fault("startedDateTime: %q is not RFC 3339", clip(h.Started))
	}
	address, err := url.Parse(h.Request.URL)
	if err != nil || h.Request.URL == "" {
		return nil, fault("request.url: %q is no address", clip(h.Request.URL))
	}
	status := max(h.Response.Status, 0)
	sum := sha256.Sum256(raw)
	e := &Entry{
		ID: fmt.Sprintf("har-%x", sum[:12]), StartedAt: Time{at.UTC().Truncate(time.Microsecond)}, Method: h.Request.Method, Path: address.EscapedPath(), Query: address.RawQuery,
		Status: &status, DurationMS: amount(h.Time), FirstByteMS: amount(h.Timings.Send + h.Timings.Wait), Error: h.Response.Error,
		Request: EntrySide{Header: headerOf(h.Request.Headers)}, Response: EntrySide{Header: headerOf(h.Response.Headers)},
	}
	if status == 0 {
		e.End = "client_abort" // what browsers write for requests that were blocked or left
	}
	e.FirstByteMS = min(e.FirstByteMS, e.DurationMS)
	if p := h.Request.Post; p != nil {
		e.Request.set(p.body(), p.Encoding)
	}
	e.Response.set(h.Response.Content.Text, h.Response.Content.Encoding)
	h.messages(e)
	if e.Request.Body == nil && h.Request.BodySize > 0 {
		e.Request.Size, e.Request.Omitted = &h.Request.BodySize, true
	}
	if e.Response.Body == nil && h.Response.Content.Size > 0 {
		e.Response.Size, e.Response.Omitted = &h.Response.Content.Size, true
	}
	return e, nil
}

// fillOwn puts headers and bodies back into what aictl wrote beside them.
func (h *harEntry) fillOwn() {
	e := h.Own
	e.Request.Header, e.Response.Header = headerOf(h.Request.Headers), headerOf(h.Response.Headers)
	if e.Request.Body == nil && h.Request.Post != nil {
		e.Request.set(h.Request.Post.Text, h.Request.Post.Encoding)
	}
	if e.Response.Body == nil {
		e.Response.set(h.Response.Content.Text, h.Response.Content.Encoding)
	}
}

// set takes a body's text; one that says it is base64 and is not is text.
func (s *EntrySide) set(text, encoding string) {
	if text == "" {
		return
	}
	s.Body, s.BodyEncoding = quote(text), encodingText
	if encoding == encodingBase64 {
		if _, err := base64.StdEncoding.DecodeString(text); err == nil {
			s.BodyEncoding = encodingBase64
		}
	}
}

// body is the text that was sent, or the form that it was made from.
func (p *harPost) body() string {
	if p.Text != "" || len(p.Params) == 0 {
		return p.Text
	}
	form := make([]string, len(p.Params))
	for i, pair := range p.Params {
		form[i] = url.QueryEscape(pair.Name) + "=" + url.QueryEscape(pair.Value)
	}
	return strings.Join(form, "&")
}

// messages puts those of a WebSocket into the bodies, with a frame each.
func (h *harEntry) messages(e *Entry) {
	if h.Messages == nil || len(*h.Messages) == 0 {
		return
	}
	for _, side := range []struct {
		s    *EntrySide
		kind string
	}{{&e.Request, "send"}, {&e.Response, "receive"}} {
		var body []byte
		side.s.Frames = nil
		for _, m := range *h.Messages {
			if m.Type != side.kind || m.Opcode < 0 || m.Opcode > 15 {
				continue
			}
			data := []byte(m.Data)
			if raw, err := base64.StdEncoding.DecodeString(m.Data); m.Opcode != 1 && err == nil {
				data = raw
			}
			at := amount((m.Time - seconds(e.StartedAt.Time)) * 1000)
			side.s.Frames = append(side.s.Frames, EntryFrame{At: int64(at * 1000), Opcode: byte(m.Opcode), Final: true, Size: int64(len(data)), Kept: int64(len(data))})
			body = append(body, data...)
		}
		if len(side.s.Frames) > 0 {
			side.s.set(base64.StdEncoding.EncodeToString(body), encodingBase64)
		}
	}
}

// amount is a number of milliseconds; -1 is HAR's word for unknown.
func amount(ms float64) float64 {
	if !(ms > 0) || math.IsInf(ms, 0) {
		return 0
	}
	return ms
}

// headerOf leaves out HTTP/2's pseudo headers, which browsers list.
func headerOf(pairs []harPair) Header {
	if len(pairs) == 0 {
		return nil
	}
	h := Header{}
	for _, p := range pairs {
		if p.Name != "" && !strings.HasPrefix(p.Name, ":") {
			h[p.Name] = append(h[p.Name], p.Value)
		}
	}
	return h
}

// LooksLikeHAR tells a HAR file from JSON lines by its beginning.
func LooksLikeHAR(beginning []byte) bool {
	const space = " \t\r\n"
	text := strings.TrimLeft(strings.TrimPrefix(string(beginning), "\xef\xbb\xbf"), space)
	rest, ok := strings.CutPrefix(text, "{")
	return ok && strings.HasPrefix(strings.TrimLeft(rest, space), `"log"`)
}
