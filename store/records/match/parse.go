package match

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Parse reads an expression. The error is an *Error.
func Parse(text string) (*Expr, error) {
	p := parser{text: text}
	switch {
	case len(text) > maxText:
		return nil, &Error{Column: 1, Message: fmt.Sprintf("the expression is longer than %d bytes", maxText)}
	case !utf8.ValidString(text):
		return nil, &Error{Column: 1, Message: "the expression is not UTF-8 text"}
	}
	root, err := p.or(0)
	if err == nil && p.peek() != "" {
		err = p.fault("expected `and`, `or` or the end here, not %s", p.shown())
	}
	if err != nil {
		return nil, err
	}
	return &Expr{text: text, root: root}, nil
}

type parser struct {
	text string
	at   int
}

func (p *parser) fault(format string, args ...any) error {
	return &Error{Column: utf8.RuneCountInString(p.text[:p.at]) + 1, Message: fmt.Sprintf(format, args...)}
}

func (p *parser) rest() string {
	p.at += len(p.text[p.at:]) - len(strings.TrimLeft(p.text[p.at:], " \t\r\n"))
	return p.text[p.at:]
}

// symbols are what may stand without spaces around, longer ones first.
var symbols = []string{"==", "!=", "<=", ">=", "&&", "||", "<", ">", "(", ")", "[", "]", ",", "!", "="}

// peek is the next word or symbol, "" at the end, and one character of anything else.
func (p *parser) peek() string {
	rest := p.rest()
	for _, s := range symbols {
		if strings.HasPrefix(rest, s) {
			return s
		}
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '_') })
	if end < 0 {
		end = len(rest)
	}
	if end == 0 && rest != "" {
		_, end = utf8.DecodeRuneInString(rest)
	}
	return rest[:end]
}

// shown is the rest for an error, short.
func (p *parser) shown() string {
	rest := p.rest()
	if rest == "" {
		return "the end"
	}
	if word, _, ok := strings.Cut(rest, " "); ok {
		rest = word
	}
	return fmt.Sprintf("%.40q", rest)
}

func (p *parser) take(words ...string) bool {
	next := p.peek()
	for _, w := range words {
		if next == w {
			p.at += len(w)
			return true
		}
	}
	return false
}

func (p *parser) or(depth int) (node, error) {
	left, err := p.and(depth)
	for err == nil && p.take("or", "||") {
		var right node
		right, err = p.and(depth)
		left = either{left, right}
	}
	return left, err
}

func (p *parser) and(depth int) (node, error) {
	left, err := p.not(depth)
	for err == nil && p.take("and", "&&") {
		var right node
		right, err = p.not(depth)
		left = both{left, right}
	}
	return left, err
}

func (p *parser) not(depth int) (node, error) {
	if depth > maxDepth {
		return nil, p.fault("nested deeper than %d levels", maxDepth)
	}
	if p.take("not", "!") {
		of, err := p.not(depth + 1)
		return negate{of}, err
	}
	if !p.take("(") {
		return p.condition()
	}
	inner, err := p.or(depth + 1)
	if err == nil && !p.take(")") {
		err = p.fault("expected ), not %s", p.shown())
	}
	return inner, err
}

func (p *parser) condition() (node, error) {
	rest := p.rest()
	if !beginsPath(rest) {
		return nil, p.fault("expected a path such as $.result.label, request.$.model, `not` or (, but found %s", p.shown())
	}
	path, n, err := readPath(rest)
	if err != nil {
		p.at += n
		return nil, p.fault("%v", err)
	}
	p.at += n
	c := &Condition{Path: path, op: p.peek()}
	switch c.op {
	case "==", "!=", "<", "<=", ">", ">=", "contains", "matches", "in", "exists":
		p.at += len(c.op)
		return c, p.operand(c)
	case "=":
		return nil, p.fault("write == to compare")
	}
	return nil, p.fault("expected one of == != < <= > >= contains matches in exists after the path, not %s", p.shown())
}

// operand reads what stands to the right of a condition's word.
func (p *parser) operand(c *Condition) (err error) {
	switch c.op {
	case "exists":
		return nil
	case "in":
		c.want, err = p.list()
		return err
	}
	before := p.at
	v, err := p.literal()
	if err != nil {
		return err
	}
	c.want = []Value{v}
	switch {
	case c.op == "matches" && v.Kind == String:
		if c.re, err = regexp.Compile(v.Text); err != nil {
			p.at = before
			return p.fault("not a regular expression (RE2): %v", err)
		}
	case c.op == "matches":
		p.at = before
		return p.fault("`matches` wants a regular expression in quotes")
	case strings.ContainsAny(c.op, "<>") && v.Kind != String && v.Kind != Number:
		p.at = before
		return p.fault("%s compares numbers or strings", c.op)
	}
	return nil
}

func (p *parser) list() (found []Value, err error) {
	if !p.take("[") {
		return nil, p.fault("`in` wants a list such as [\"a\", \"b\"], not %s", p.shown())
	}
	for {
		v, err := p.literal()
		if err != nil {
			return nil, err
		}
		found = append(found, v)
		switch {
		case p.take("]"):
			return found, nil
		case !p.take(","):
			return nil, p.fault("expected , or ] in the list, not %s", p.shown())
		}
	}
}

func (p *parser) literal() (Value, error) {
	rest := p.rest()
	switch {
	case rest == "":
		return Value{}, p.fault("a value is missing: a string in quotes, a number, true, false or null")
	case rest[0] == '"' || rest[0] == '\'':
		return p.quoted(rest)
	case beginsPath(rest):
		return Value{}, p.fault("a path cannot stand on the right: compare it with a value")
	}
	end := strings.IndexAny(rest, " \t\r\n,])(&|=<>!")
	if end < 0 {
		end = len(rest)
	}
	v, ok := scalar([]byte(rest[:end]))
	if !ok || v.Kind == Array || v.Kind == Object {
		return v, p.fault("%s is no value: write a string in quotes, a number, true, false or null", p.shown())
	}
	p.at += end
	return v, nil
}

// quoted reads a string in double quotes as JSON does, one in single quotes with \' and \\ only.
func (p *parser) quoted(rest string) (Value, error) {
	if rest[0] == '"' {
		s := seeker{b: []byte(rest)}
		end := s.text(0)
		if end < 0 {
			return Value{}, p.fault("the string is not closed")
		}
		text, ok := unquote([]byte(rest[:end]))
		if !ok {
			return Value{}, p.fault("the string has an escape that JSON does not know; write \\\\ for a backslash")
		}
		p.at += end
		return Value{Kind: String, Text: text}, nil
	}
	var text strings.Builder
	for i := 1; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '\'':
			p.at += i + 1
			return Value{Kind: String, Text: text.String()}, nil
		case c == '\\' && i+1 < len(rest) && (rest[i+1] == '\'' || rest[i+1] == '\\'):
			i++
			text.WriteByte(rest[i])
		default:
			text.WriteByte(c)
		}
	}
	return Value{}, p.fault("the string is not closed")
}
