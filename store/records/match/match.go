// Package match is the language of `--where`: conditions on JSON values in the bodies of a record.
//
//	$.result.label == "spam" and $.result.score < 0.6
//	request.$.items[*].name contains "cat" or not (response.$.error exists)
//
// A path that begins with $ is of the response; request.$ and response.$ name the side. A path may name several values
// ([*], or a body of several documents): a comparison holds when it holds for any of them, and does not when there is none.
package match

import (
	"fmt"
	"regexp"
	"strings"
)

// Bounds of an expression.
const (
	maxText  = 4096 // bytes
	maxDepth = 64   // of parentheses and not
)

// Error says what is wrong with an expression, and where.
type Error struct {
	Column  int // of the first character that is not understood, from 1
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("column %d: %s", e.Column, e.Message) }

// Expr is a parsed expression. It may be used by many goroutines.
type Expr struct {
	text string
	root node
}

// String is the expression as it was given.
func (e *Expr) String() string { return e.text }

// Body gives the documents of one side of a record. It is asked only for sides that the expression names.
type Body func(Side) Docs

// Match reports whether a record's bodies fulfil the expression.
func (e *Expr) Match(body Body) bool { return e.root.match(body) }

// Conditions are the conditions that every match fulfils, each on one path: those joined by `and` at the top.
func (e *Expr) Conditions() []*Condition {
	var found []*Condition
	var visit func(node)
	visit = func(n node) {
		switch n := n.(type) {
		case both:
			visit(n.left)
			visit(n.right)
		case *Condition:
			found = append(found, n)
		}
	}
	visit(e.root)
	return found
}

// Whole reports whether the expression is nothing but Conditions.
func (e *Expr) Whole() bool { return simple(e.root) }

func simple(n node) bool {
	switch n := n.(type) {
	case both:
		return simple(n.left) && simple(n.right)
	case *Condition:
		return true
	}
	return false
}

type node interface{ match(Body) bool }

type (
	both   struct{ left, right node }
	either struct{ left, right node }
	negate struct{ of node }
)

func (n both) match(b Body) bool   { return n.left.match(b) && n.right.match(b) }
func (n either) match(b Body) bool { return n.left.match(b) || n.right.match(b) }
func (n negate) match(b Body) bool { return !n.of.match(b) }

// Condition is a comparison of the values at one path.
type Condition struct {
	Path Path
	op   string
	want []Value
	re   *regexp.Regexp
}

func (c *Condition) match(b Body) bool {
	found := false
	b(c.Path.Side).Each(c.Path, func(v Value) bool {
		found = c.Test(v)
		return !found
	})
	return found
}

// Test reports whether a value at the path fulfils the condition.
func (c *Condition) Test(v Value) bool {
	switch c.op {
	case "exists":
		return true
	case "==":
		return v.equal(c.want[0])
	case "!=":
		return !v.equal(c.want[0])
	case "in":
		for _, w := range c.want {
			if v.equal(w) {
				return true
			}
		}
		return false
	case "contains":
		return v.contains(c.want[0])
	case "matches":
		return v.Kind == String && c.re.MatchString(v.Text)
	}
	order, comparable := v.compare(c.want[0])
	if !comparable {
		return false
	}
	switch c.op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	default:
		return order >= 0
	}
}

// contains is about a string's part or an array's element.
func (v Value) contains(want Value) bool {
	switch v.Kind {
	case String:
		return want.Kind == String && strings.Contains(v.Text, want.Text)
	case Array:
		found := false
		Docs{Plain: []byte(v.Text)}.Each(Path{steps: []step{{every: true}}}, func(e Value) bool {
			found = e.equal(want)
			return !found
		})
		return found
	}
	return false
}
