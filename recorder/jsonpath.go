package recorder

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// jsonPath is a parsed path: `$` followed by .key, ['key'], [0], [*], .* or ..key (at any depth).
type jsonPath []segment

type segment struct {
	key   string // "" unless a member is named
	named bool
	index int  // element, when not named and not any
	any   bool // * or [*]
	deep  bool // preceded by ..: any number of levels may lie between
}

// step is one level of where a value stands: a member's key, or an element's index when key is nil.
type step struct {
	key   []byte
	index int
}

// parsePath reads a path. Errors show what was not understood.
func parsePath(s string) (jsonPath, error) {
	rest, ok := strings.CutPrefix(s, "$")
	if !ok {
		return nil, errors.New("a JSON path begins with $")
	}
	path := jsonPath{}
	for rest != "" {
		var seg segment
		var err error
		if seg, rest, err = parseSegment(rest); err != nil {
			return nil, err
		}
		path = append(path, seg)
	}
	if len(path) == 0 {
		return nil, errors.New("a JSON path names something below $, as in $.user.phone")
	}
	return path, nil
}

func parseSegment(s string) (segment, string, error) {
	var seg segment
	switch {
	case strings.HasPrefix(s, ".."):
		seg.deep = true
		s = s[2:]
	case s[0] == '.':
		s = s[1:]
	case s[0] != '[':
		return seg, "", fmt.Errorf("%q: expected . or [", s)
	}
	if strings.HasPrefix(s, "[") {
		return parseBracket(seg, s)
	}
	end := strings.IndexAny(s, ".[")
	if end < 0 {
		end = len(s)
	}
	name := s[:end]
	switch {
	case name == "":
		return seg, "", errors.New("a name is missing after a dot")
	case name == "*":
		seg.any = true
	case strings.ContainsAny(name, " \t'\"?@()]"):
		return seg, "", fmt.Errorf("%q: write such a name as ['name']; filters are not supported", name)
	default:
		seg.key, seg.named = name, true
	}
	return seg, s[end:], nil
}

func parseBracket(seg segment, s string) (segment, string, error) {
	if len(s) > 1 && (s[1] == '\'' || s[1] == '"') {
		end := strings.Index(s[2:], string(s[1])+"]")
		if end < 0 {
			return seg, "", fmt.Errorf("%q: the quoted name is not closed", s)
		}
		seg.key, seg.named = s[2:2+end], true
		return seg, s[2+end+2:], nil
	}
	end := strings.IndexByte(s, ']')
	if end < 0 {
		return seg, "", fmt.Errorf("%q: ] is missing", s)
	}
	if inner := s[1:end]; inner == "*" {
		seg.any = true
	} else if n, err := strconv.Atoi(inner); err == nil && n >= 0 {
		seg.index = n
	} else {
		return seg, "", fmt.Errorf("%q: expected a number, * or a quoted name in [ ]", s[:end+1])
	}
	return seg, s[end+1:], nil
}

// matches reports whether the value that stands at is one the path names.
func (p jsonPath) matches(at []step) bool {
	if len(p) == 0 {
		return len(at) == 0
	}
	if len(at) == 0 {
		return false
	}
	if p[0].fits(at[0]) && p[1:].matches(at[1:]) {
		return true
	}
	return p[0].deep && p.matches(at[1:])
}

func (s segment) fits(at step) bool {
	switch {
	case s.any:
		return true
	case s.named:
		return at.key != nil && string(at.key) == s.key
	default:
		return at.key == nil && at.index == s.index
	}
}
