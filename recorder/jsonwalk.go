package recorder

import (
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxDepth bounds the nesting of a body that is searched.
const maxDepth = 256

var errDepth = fmt.Errorf("nested deeper than %d levels", maxDepth)

// walker reads JSON values one after another and tells where each begins and ends. It works on the bytes as
// received: what is not masked stays exactly as it was, and of two members with one name both are seen. It takes nothing that
// RFC 8259 does not: a body that one parser reads this way and another that way must not be kept.
type walker struct {
	body []byte
	pos  int
	at   []step
	room [8]step // for at, which is seldom deeper
	// visit is called with each value; a container comes after what it holds.
	visit func(start, end int, at []step, scalar bool)
}

// walk visits every value of body, which may be one JSON document or several (NDJSON).
func walk(body []byte, visit func(start, end int, at []step, scalar bool)) error {
	w := &walker{body: body, visit: visit}
	w.at = w.room[:0]
	for {
		w.space()
		if w.pos == len(body) {
			return nil
		}
		start := w.pos
		if err := w.value(); err != nil {
			return err
		}
		if c := body[start]; c != '{' && c != '[' && w.pos < len(body) && !isSpace(body[w.pos]) {
			return w.bad("after a value")
		}
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func (w *walker) space() {
	for w.pos < len(w.body) && isSpace(w.body[w.pos]) {
		w.pos++
	}
}

// bad says what does not belong where the walker is. The bytes themselves may be a secret.
func (w *walker) bad(where string) error {
	if w.pos >= len(w.body) {
		return io.ErrUnexpectedEOF
	}
	return fmt.Errorf("unexpected character %s, at byte %d", where, w.pos)
}

func (w *walker) value() error {
	if w.pos >= len(w.body) {
		return io.ErrUnexpectedEOF
	}
	start, scalar := w.pos, true
	var err error
	switch c := w.body[w.pos]; {
	case c == '"':
		err = w.text()
	case c == '{' || c == '[':
		scalar = false
		if err = errDepth; len(w.at) < maxDepth {
			err = w.members(c == '{')
		}
	case c == '-' || '0' <= c && c <= '9':
		err = w.number()
	default:
		err = w.literal()
	}
	if err == nil {
		w.visit(start, w.pos, w.at, scalar)
	}
	return err
}

// members reads a container from its opening to its closing bracket.
func (w *walker) members(object bool) error {
	closing := byte(']')
	if object {
		closing = '}'
	}
	w.pos++
	w.at = append(w.at, step{})
	defer func() { w.at = w.at[:len(w.at)-1] }()
	for i := 0; ; i++ {
		w.space()
		if i == 0 && w.skip(closing) {
			return nil
		}
		here := step{index: i}
		if object {
			var err error
			if here.key, err = w.key(); err != nil {
				return err
			}
		}
		w.at[len(w.at)-1] = here
		if err := w.value(); err != nil {
			return err
		}
		w.space()
		if w.skip(closing) {
			return nil
		}
		if !w.skip(',') {
			return w.bad("where a comma or a bracket should be")
		}
	}
}

func (w *walker) skip(c byte) bool {
	if w.pos < len(w.body) && w.body[w.pos] == c {
		w.pos++
		return true
	}
	return false
}

// key reads a member's name and its colon.
func (w *walker) key() ([]byte, error) {
	start := w.pos
	if w.pos >= len(w.body) || w.body[w.pos] != '"' {
		return nil, w.bad("where a name should be")
	}
	if err := w.text(); err != nil {
		return nil, err
	}
	raw := w.body[start:w.pos]
	w.space()
	if !w.skip(':') {
		return nil, w.bad("where a colon should be")
	}
	w.space()
	return unquote(raw)
}

// unquote returns what a string says.
func unquote(raw []byte) ([]byte, error) {
	plain := raw[1 : len(raw)-1 : len(raw)-1]
	for _, c := range plain {
		if c == '\\' || c >= utf8.RuneSelf {
			var s string
			err := json.Unmarshal(raw, &s)
			return []byte(s), err
		}
	}
	return plain, nil
}

// text reads a string.
func (w *walker) text() error {
	for w.pos++; w.pos < len(w.body); w.pos++ {
		switch c := w.body[w.pos]; {
		case c == '"':
			w.pos++
			return nil
		case c == '\\':
			if err := w.escape(); err != nil {
				return err
			}
		case c < ' ':
			return w.bad("in a string")
		}
	}
	return io.ErrUnexpectedEOF
}

// escape reads what begins with a backslash, up to its last character.
func (w *walker) escape() error {
	w.pos++
	if w.pos >= len(w.body) {
		return io.ErrUnexpectedEOF
	}
	switch w.body[w.pos] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return nil
	case 'u':
		for range 4 {
			w.pos++
			if w.pos >= len(w.body) || !isHex(w.body[w.pos]) {
				return w.bad("in an escape")
			}
		}
		return nil
	}
	return w.bad("after a backslash")
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func (w *walker) number() error {
	w.skip('-')
	if !w.skip('0') && !w.digits() {
		return w.bad("in a number")
	}
	if w.skip('.') && !w.digits() {
		return w.bad("in a number")
	}
	if w.skip('e') || w.skip('E') {
		if !w.skip('+') {
			w.skip('-')
		}
		if !w.digits() {
			return w.bad("in a number")
		}
	}
	return nil
}

func (w *walker) digits() bool {
	from := w.pos
	for w.pos < len(w.body) && '0' <= w.body[w.pos] && w.body[w.pos] <= '9' {
		w.pos++
	}
	return w.pos > from
}

func (w *walker) literal() error {
	for _, word := range []string{"true", "false", "null"} {
		if rest := w.body[w.pos:]; len(rest) >= len(word) && string(rest[:len(word)]) == word {
			w.pos += len(word)
			return nil
		}
	}
	return w.bad("where a value should be")
}

// firstScalar is the text of the first string, number or bool that path names; "" when there is none.
func firstScalar(body []byte, path jsonPath) string {
	found := ""
	err := walk(body, func(start, end int, at []step, scalar bool) {
		if found == "" && scalar && path.matches(at) {
			found = scalarText(body[start:end])
		}
	})
	if err != nil {
		return ""
	}
	return found
}

// scalarText is what a string says, or how a number or bool is written; "" for null.
func scalarText(raw []byte) string {
	switch raw[0] {
	case '"':
		if plain, err := unquote(raw); err == nil {
			return string(plain)
		}
		return ""
	case 'n':
		return ""
	}
	return string(raw)
}
