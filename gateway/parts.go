package gateway

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"hash"
	"mime"
	"net/http"
	"net/textproto"
	"strings"

	"aictl/store/records"
)

const (
	maxPartHead = 16 << 10
	maxPartName = 1 << 10 // bytes kept of a part's name, file name and type
	partBytes   = 128     // what one Part takes of the recorder's memory, without its strings
)

// parts lists the parts of a multipart body while it passes (RFC 2046, 5.1), in constant memory. A body that is not well-formed to its closing
// line has no list. It belongs to a capture and is guarded by its lock.
type parts struct {
	ticket Ticket
	delim  []byte // CR LF -- boundary: what ends a part. Its CR is the only one in it, so a false start never hides a true one
	state  partState
	found  int   // bytes of delim that the last bytes were
	lent   int   // of found, those that are not content in any case: they end what stands before it
	pos    int64 // bytes of the body that passed
	line   []byte
	open   *records.Part // of which the content passes
	digest hash.Hash
	list   []records.Part
}

type partState int

const (
	partContent partState = iota // or what comes before the first part
	partLine                     // what follows a delimiter on its line
	partHead
	partsOver
	partsBroken
)

// newParts returns nil for a body that does not say it is multipart, or that is compressed.
func newParts(t Ticket, h http.Header) *parts {
	types := h["Content-Type"]
	if t == nil || len(types) != 1 || len(types[0]) < 10 || !strings.EqualFold(types[0][:10], "multipart/") || len(h["Content-Encoding"]) > 0 {
		return nil
	}
	_, params, err := mime.ParseMediaType(types[0])
	boundary := params["boundary"]
	if err != nil || boundary == "" || len(boundary) > 70 || strings.ContainsAny(boundary, "\r\n") {
		return nil
	}
	// The first delimiter needs no line before it.
	return &parts{ticket: t, delim: []byte("\r\n--" + boundary), found: 2, lent: 2}
}

func (s *parts) add(p []byte) {
	for len(p) > 0 {
		n := len(p)
		switch s.state {
		case partContent:
			n = s.content(p)
		case partLine:
			n = s.endOfLine(p)
		case partHead:
			n = s.readHead(p)
		}
		s.pos += int64(n)
		p = p[n:]
		if s.state == partHead && n > 0 && len(s.line) == 0 {
			s.line = append(s.line, "\r\n"...) // the head may be empty
		}
		if s.open != nil && s.open.Offset < 0 {
			s.open.Offset = s.pos
		}
	}
}

// content looks for the delimiter in p and returns how much of p it is done with.
func (s *parts) content(p []byte) int {
	if s.found > 0 {
		n := common(p, s.delim[s.found:])
		s.found += n
		switch {
		case s.found == len(s.delim):
			s.state = partLine
		case n < len(p):
			s.resume()
		}
		return n
	}
	if i := bytes.Index(p, s.delim); i >= 0 {
		s.hash(p[:i])
		s.state, s.found, s.lent = partLine, len(s.delim), 0
		return i + len(s.delim)
	}
	if i := bytes.LastIndexByte(p, '\r'); i >= 0 && bytes.HasPrefix(s.delim, p[i:]) {
		s.hash(p[:i])
		s.found = len(p) - i
		return len(p)
	}
	s.hash(p)
	return len(p)
}

// resume goes on with content after something that began like a delimiter.
func (s *parts) resume() {
	s.hash(s.delim[s.lent:s.found])
	s.state, s.found, s.lent = partContent, 0, 0
}

func common(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// hash takes p for content of the part that is open, if one is.
func (s *parts) hash(p []byte) {
	if s.open != nil {
		s.open.Size += int64(len(p))
		s.digest.Write(p)
	}
}

// endOfLine reads the byte after a delimiter, which may turn out to be content that goes on, then the rest of the line.
func (s *parts) endOfLine(p []byte) int {
	b := p[0]
	padding := b == ' ' || b == '\t'
	switch line := string(s.line); {
	case line == "" && !padding && b != '\r' && b != '-':
		s.resume()
		return 0
	case line == "-" && b == '-':
		s.close()
		s.line, s.state = nil, partsOver
	case line == "\r" && b == '\n':
		s.close()
		s.line, s.state = s.line[:0], partHead
	case line == " " && padding:
	case line == "" && padding:
		s.line = append(s.line, ' ')
	case line == "" || line == " " && b == '\r':
		s.line = append(s.line[:0], b)
	default:
		s.broke()
	}
	return 1
}

// readHead collects a part's head up to its blank line.
func (s *parts) readHead(p []byte) int {
	i := bytes.IndexByte(p, '\n')
	n := i + 1
	if i < 0 {
		n = len(p)
	}
	if s.line = append(s.line, p[:n]...); len(s.line) > maxPartHead {
		s.broke()
	} else if i >= 0 && bytes.HasSuffix(s.line, []byte("\r\n\r\n")) {
		s.begin(s.line[2:])
		s.line = s.line[:0]
	}
	return n
}

// begin opens the part that has head.
func (s *parts) begin(head []byte) {
	s.state, s.found, s.lent = partContent, 2, 2 // the blank line ends with what a delimiter begins with
	h, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(head))).ReadMIMEHeader()
	if err != nil {
		s.broke()
		return
	}
	if len(s.list) == records.MaxParts {
		return // it passes unlisted
	}
	_, named, err := mime.ParseMediaType(h.Get("Content-Disposition"))
	if err != nil {
		named = nil
	}
	part := records.Part{Name: short(named["name"]), FileName: short(named["filename"]), ContentType: short(h.Get("Content-Type")), Offset: -1}
	if !s.ticket.Hold(partBytes + len(part.Name) + len(part.FileName) + len(part.ContentType)) {
		s.broke()
		return
	}
	s.open = &part
	s.digest = digests.Get().(hash.Hash)
	s.digest.Reset()
}

func short(s string) string {
	if len(s) > maxPartName {
		s = strings.ToValidUTF8(s[:maxPartName], "")
	}
	return s
}

// close lists the part that is open, if one is.
func (s *parts) close() {
	if s.open == nil {
		return
	}
	s.open.SHA256 = [sha256.Size]byte(s.digest.Sum(nil))
	s.list = append(s.list, *s.open)
	s.release()
}

func (s *parts) broke() {
	s.release()
	s.state, s.line, s.list = partsBroken, nil, nil
}

func (s *parts) release() {
	if s.open != nil {
		digests.Put(s.digest)
		s.open, s.digest = nil, nil
	}
}

// listed returns the parts of a body that came whole, and ends the listing.
func (s *parts) listed() []records.Part {
	s.release()
	if s.state != partsOver {
		return nil
	}
	return s.list
}
