package envs

import (
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// target is what environment markers are asked about (PEP 508): the interpreter and this machine.
type target map[string]string

// targetOf describes an interpreter on this machine.
func targetOf(py interpreter) target {
	version, ok := parseVersion(py.version)
	t := target{
		"python_version": short(py.version), "python_full_version": py.version, "implementation_version": py.version,
		"implementation_name": "cpython", "platform_python_implementation": "CPython",
		"os_name": "posix", "sys_platform": runtime.GOOS, "platform_system": "Linux", "platform_machine": runtime.GOARCH,
		"platform_release": "", "platform_version": "",
	}
	if ok && len(version.release) < 3 { // only uv knows the rest
		t["python_full_version"] = fmt.Sprintf("%d.%d.0", version.part(0), version.part(1))
	}
	if py.impl == "pypy" {
		t["implementation_name"], t["platform_python_implementation"] = "pypy", "PyPy"
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err == nil {
		t["platform_machine"], t["platform_system"] = unix.ByteSliceToString(u.Machine[:]), unix.ByteSliceToString(u.Sysname[:])
		t["platform_release"], t["platform_version"] = unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Version[:])
	}
	return t
}

// holds evaluates a marker; "" always holds. extras are those that were asked for of the package that the marker stands in.
func (t target) holds(marker string, extras []string) (bool, error) {
	if strings.TrimSpace(marker) == "" {
		return true, nil
	}
	m := markerReader{target: t, extras: extras}
	if err := m.split(marker); err != nil {
		return false, err
	}
	ok := m.any()
	if m.err == nil && len(m.words) > 0 {
		m.fail("%q is left over", m.words[0])
	}
	if m.err != nil {
		return false, fmt.Errorf("%w: the marker %q: %w", ErrBad, marker, m.err)
	}
	return ok, nil
}

var markerWord = regexp.MustCompile(`^\s*("[^"]*"|'[^']*'|[()]|<=|>=|===|==|~=|!=|<|>|[A-Za-z_][A-Za-z0-9_.]*)`)

// maxNesting bounds the parentheses of a marker.
const maxNesting = 100

// markerReader evaluates a marker while it reads it.
type markerReader struct {
	target target
	extras []string
	words  []string
	depth  int
	err    error
}

func (m *markerReader) fail(format string, args ...any) {
	if m.err == nil {
		m.err = fmt.Errorf(format, args...)
	}
}

func (m *markerReader) split(text string) error {
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		w := markerWord.FindStringSubmatch(text)
		if w == nil {
			return fmt.Errorf("%w: the marker cannot be read from %q on", ErrBad, text)
		}
		m.words = append(m.words, w[1])
		text = text[len(w[0]):]
	}
	return nil
}

func (m *markerReader) next() string {
	if len(m.words) == 0 {
		m.fail("it ends too early")
		return ""
	}
	w := m.words[0]
	m.words = m.words[1:]
	return w
}

func (m *markerReader) eats(word string) bool {
	if len(m.words) > 0 && m.words[0] == word {
		m.words = m.words[1:]
		return true
	}
	return false
}

func (m *markerReader) any() bool {
	ok := m.all()
	for m.err == nil && m.eats("or") {
		ok = m.all() || ok
	}
	return ok
}

func (m *markerReader) all() bool {
	ok := m.one()
	for m.err == nil && m.eats("and") {
		ok = m.one() && ok
	}
	return ok
}

func (m *markerReader) one() bool {
	if !m.eats("(") {
		return m.comparison()
	}
	if m.depth++; m.depth > maxNesting {
		m.fail("more than %d parentheses", maxNesting)
		return false
	}
	ok := m.any()
	if !m.eats(")") {
		m.fail("a parenthesis is not closed")
	}
	m.depth--
	return ok
}

var comparisons = []string{"<=", ">=", "===", "==", "~=", "!=", "<", ">", "in"}

func (m *markerReader) comparison() bool {
	left, lvar := m.operand()
	op := m.next()
	if op == "not" {
		if !m.eats("in") {
			m.fail("not without in")
		}
		op = "not in"
	} else if !slices.Contains(comparisons, op) {
		m.fail("%q is no comparison", op)
	}
	right, rvar := m.operand()
	switch {
	case m.err != nil:
		return false
	case lvar == "extra":
		return m.extra(op, right)
	case rvar == "extra":
		return m.extra(op, left)
	}
	return compareTexts(left, op, right)
}

// extra compares with the extras that were asked for: every one of them, as a set.
func (m *markerReader) extra(op, name string) bool {
	has := slices.Contains(m.extras, normal(name))
	switch op {
	case "==", "in":
		return has
	case "!=", "not in":
		return !has
	}
	m.fail("extra %s", op)
	return false
}

// operand is a literal, or a variable with its value.
func (m *markerReader) operand() (value, variable string) {
	w := m.next()
	if len(w) >= 2 && (w[0] == '"' || w[0] == '\'') {
		return w[1 : len(w)-1], ""
	}
	w = strings.ReplaceAll(w, ".", "_") // os.name, of old
	if w == "python_implementation" {
		w = "platform_python_implementation"
	}
	value, ok := m.target[w]
	if !ok && w != "extra" {
		m.fail("%q is no variable", w)
	}
	return value, w
}

// compareTexts compares versions as versions and all else as text, as PEP 508 says.
func compareTexts(left, op, right string) bool {
	switch op {
	case "in":
		return strings.Contains(right, left)
	case "not in":
		return !strings.Contains(right, left)
	}
	if v, ok := parseVersion(left); ok {
		if within, err := v.within(op + right); err == nil {
			return within
		}
	}
	switch op {
	case "!=":
		return left != right
	case "<":
		return left < right
	case "<=":
		return left <= right
	case ">":
		return left > right
	case ">=":
		return left >= right
	}
	return left == right
}

var dashes = regexp.MustCompile(`[-_.]+`)

// normal is a package's name or an extra's as PEP 503 compares them.
func normal(name string) string {
	return strings.ToLower(dashes.ReplaceAllString(strings.TrimSpace(name), "-"))
}
