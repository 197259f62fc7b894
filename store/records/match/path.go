package match

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Side is a body of a record.
type Side byte

// The sides. A path without a side is of the response.
const (
	Response Side = iota
	Request
)

// Path names values in one body.
type Path struct {
	Side  Side
	steps []step
}

type step struct {
	key   string
	index int
	isKey bool
	every bool // [*] or .*
}

// ParsePath reads $.a.b, $['a b'], $.a[0], $.a[*] or $.*, with request. or response. before it.
func ParsePath(text string) (Path, error) {
	p, n, err := readPath(text)
	if err == nil && n < len(text) {
		err = fmt.Errorf("%q: expected . or [", text[n:])
	}
	return p, err
}

// String is the path in its plainest form: equal paths have equal texts.
func (p Path) String() string {
	var b strings.Builder
	b.WriteString([]string{"response.$", "request.$"}[p.Side])
	for _, s := range p.steps {
		switch {
		case s.every:
			b.WriteString("[*]")
		case s.isKey:
			b.WriteString("[" + strconv.Quote(s.key) + "]")
		default:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		}
	}
	return b.String()
}

// beginsPath reports whether a path stands at the beginning of text.
func beginsPath(text string) bool {
	return strings.HasPrefix(text, "$") || strings.HasPrefix(text, "request.$") || strings.HasPrefix(text, "response.$")
}

// readPath reads the path that text begins with and tells its length in bytes; of an error, where it is.
func readPath(text string) (p Path, n int, err error) {
	rest := strings.TrimPrefix(text, "response.")
	if after, ok := strings.CutPrefix(text, "request."); ok {
		p.Side, rest = Request, after
	}
	rest, ok := strings.CutPrefix(rest, "$")
	if !ok {
		return p, 0, errors.New("a path begins with $, request.$ or response.$")
	}
	for rest != "" && (rest[0] == '.' || rest[0] == '[') {
		s, after, err := readStep(rest)
		if err != nil {
			return p, len(text) - len(rest), err
		}
		p.steps, rest = append(p.steps, s), after
	}
	return p, len(text) - len(rest), nil
}

const nameEnds = " \t\r\n.[]()=!<>,&|\"'`?@;:+*/\\{}"

func readStep(text string) (s step, rest string, err error) {
	if text[0] == '[' {
		return readBracket(text)
	}
	text = text[1:]
	switch {
	case strings.HasPrefix(text, "."):
		return s, "", errors.New("`..` is not supported: write every step of the path, [*] for any element")
	case strings.HasPrefix(text, "*"):
		return step{every: true}, text[1:], nil
	}
	end := strings.IndexAny(text, nameEnds)
	if end < 0 {
		end = len(text)
	}
	if end == 0 {
		return s, "", errors.New("a name is missing after the dot; write one with other characters as ['name']")
	}
	return step{key: text[:end], isKey: true}, text[end:], nil
}

func readBracket(text string) (s step, rest string, err error) {
	if len(text) > 1 && (text[1] == '\'' || text[1] == '"') {
		end := strings.Index(text[2:], text[1:2]+"]")
		if end < 0 {
			return s, "", errors.New("the quoted name in [ ] is not closed")
		}
		return step{key: text[2 : 2+end], isKey: true}, text[2+end+2:], nil
	}
	end := strings.IndexByte(text, ']')
	if end < 0 {
		return s, "", errors.New("] is missing")
	}
	inner := text[1:end]
	if inner == "*" {
		return step{every: true}, text[end+1:], nil
	}
	n, err := strconv.Atoi(inner)
	if err != nil || n < 0 {
		return s, "", fmt.Errorf("[%s]: expected a number, * or a quoted name", inner)
	}
	return step{index: n}, text[end+1:], nil
}
