package match

import "bytes"

// Docs are the JSON documents of one body: one, several after another, or the data lines of an event stream.
type Docs struct {
	Plain  []byte // decoded
	Events bool   // text/event-stream
}

// maxNesting bounds how deep a value may lie.
const maxNesting = 256

// Each visits the values at a path until visit returns false. What is not JSON has none; of a body that was cut, what
// stands before the cut counts.
func (d Docs) Each(p Path, visit func(Value) bool) {
	if !d.Events {
		eachDocument(d.Plain, p, visit)
		return
	}
	for line := range bytes.Lines(d.Plain) {
		if data, ok := bytes.CutPrefix(line, []byte("data:")); ok && !eachDocument(data, p, visit) {
			return
		}
	}
}

func eachDocument(b []byte, p Path, visit func(Value) bool) (more bool) {
	s := seeker{b: b, visit: visit, more: true}
	for i := 0; s.more; {
		i = s.space(i)
		if i >= len(b) {
			break
		}
		if i = s.seek(i, p.steps, 0); i < 0 {
			break
		}
	}
	return s.more
}

// seeker walks through JSON without building it. A position of -1 is the end: broken, cut, or enough was seen.
type seeker struct {
	b     []byte
	visit func(Value) bool
	more  bool
}

func (s *seeker) space(i int) int {
	for i < len(s.b) && (s.b[i] == ' ' || s.b[i] == '\n' || s.b[i] == '\t' || s.b[i] == '\r') {
		i++
	}
	return i
}

// seek visits what the steps name in the value at i, and returns what follows the value.
func (s *seeker) seek(i int, steps []step, depth int) int {
	if len(steps) == 0 {
		return s.found(i, depth)
	}
	if i >= len(s.b) || depth > maxNesting {
		return -1
	}
	switch at := steps[0]; {
	case s.b[i] == '{' && (at.isKey || at.every):
		return s.members(i, depth, func(key []byte) bool { return at.every || sameKey(key, at.key) }, steps[1:])
	case s.b[i] == '[' && !at.isKey:
		return s.elements(i, depth, func(n int) bool { return at.every || n == at.index }, steps[1:])
	}
	return s.skip(i, depth)
}

func (s *seeker) found(i, depth int) int {
	end := s.skip(i, depth)
	if end < 0 {
		return -1
	}
	if v, ok := scalar(s.b[i:end]); ok {
		s.more = s.visit(v)
	}
	if !s.more {
		return -1
	}
	return end
}

// members walks through an object and seeks rest in the members wanted.
func (s *seeker) members(i, depth int, want func(key []byte) bool, rest []step) int {
	i = s.space(i + 1)
	for i < len(s.b) && s.b[i] != '}' {
		end := s.text(i)
		if end < 0 {
			return -1
		}
		key := s.b[i:end]
		if i = s.space(end); i >= len(s.b) || s.b[i] != ':' {
			return -1
		}
		i = s.space(i + 1)
		if want(key) {
			i = s.seek(i, rest, depth+1)
		} else {
			i = s.skip(i, depth+1)
		}
		if i = s.comma(i, '}'); i < 0 {
			return -1
		}
	}
	return s.after(i)
}

func (s *seeker) elements(i, depth int, want func(n int) bool, rest []step) int {
	i = s.space(i + 1)
	for n := 0; i < len(s.b) && s.b[i] != ']'; n++ {
		if want(n) {
			i = s.seek(i, rest, depth+1)
		} else {
			i = s.skip(i, depth+1)
		}
		if i = s.comma(i, ']'); i < 0 {
			return -1
		}
	}
	return s.after(i)
}

// comma steps over what stands between two members, up to the next or to the close.
func (s *seeker) comma(i int, closing byte) int {
	if i < 0 {
		return -1
	}
	if i = s.space(i); i >= len(s.b) {
		return -1
	}
	switch s.b[i] {
	case ',':
		if i = s.space(i + 1); i < len(s.b) && s.b[i] == closing {
			return -1
		}
		return i
	case closing:
		return i
	}
	return -1
}

func (s *seeker) after(i int) int {
	if i >= len(s.b) {
		return -1
	}
	return i + 1
}

// skip returns the end of the value at i.
func (s *seeker) skip(i, depth int) int {
	if i >= len(s.b) || depth > maxNesting {
		return -1
	}
	switch c := s.b[i]; c {
	case '"':
		return s.text(i)
	case '{', '[':
		return s.container(i)
	case '}', ']', ',', ':':
		return -1
	}
	for n := i; n < len(s.b); n++ {
		switch s.b[n] {
		case ' ', '\n', '\t', '\r', ',', '}', ']':
			return n
		}
	}
	return len(s.b)
}

// container returns the end of an object or array: brackets are counted, strings passed over.
func (s *seeker) container(i int) int {
	depth := 0
	for i < len(s.b) {
		switch s.b[i] {
		case '"':
			if i = s.text(i); i < 0 {
				return -1
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return -1
}

// text returns the end of the string at i.
func (s *seeker) text(i int) int {
	if i >= len(s.b) || s.b[i] != '"' {
		return -1
	}
	for i++; ; {
		n := bytes.IndexByte(s.b[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		slashes := 0
		for s.b[i-1-slashes] == '\\' {
			slashes++
		}
		if i++; slashes%2 == 0 {
			return i
		}
	}
}

func sameKey(raw []byte, key string) bool {
	if len(raw) == len(key)+2 && string(raw[1:len(raw)-1]) == key {
		return true
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return false
	}
	text, ok := unquote(raw)
	return ok && text == key
}
