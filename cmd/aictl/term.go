package main

import (
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// screen is where text goes, and what may be done there.
type screen struct {
	io.Writer
	tty   bool // a person is looking: spinners and redrawing are welcome
	color bool
	width int // columns; 0 when unknown, then nothing is cut
}

// newScreen looks at w. AICTL_FORCE_TTY gives a width to what is not a terminal, to see (and test) what a person would see.
func newScreen(w io.Writer, env func(string) string, noColor bool) screen {
	s := screen{Writer: w}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.tty = env("TERM") != "dumb"
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			s.width = width
		}
	}
	if forced, err := strconv.Atoi(env("AICTL_FORCE_TTY")); err == nil && forced > 0 {
		s.tty, s.width = true, forced
	}
	s.color = s.tty && !noColor && env("NO_COLOR") == ""
	return s
}

// isTerminal reports whether r is a terminal someone can answer on.
func isTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// style is an SGR sequence.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	blue   style = "34"
	purple style = "35"
	cyan   style = "36"
)

// paint wraps text in the style where colours are shown.
func (s screen) paint(st style, text string) string {
	if !s.color || st == plain || text == "" {
		return text
	}
	return "\x1b[" + string(st) + "m" + text + "\x1b[0m"
}

// glyph is a mark before a state: only where a person looks.
func (s screen) glyph(mark string) string {
	if !s.tty {
		return ""
	}
	return mark + " "
}

// clip cuts text to width columns with an ellipsis; wide characters count two. Width 0 cuts nothing.
func clip(text string, width int) string {
	if width <= 0 || columns(text) <= width {
		return text
	}
	if width == 1 {
		return "…"
	}
	return runewidth.Truncate(text, width, "…")
}

// columns is how many columns text takes on a terminal.
func columns(text string) int { return runewidth.StringWidth(text) }

// printable drops what would disturb a terminal: control characters and escape sequences of foreign text.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0):
			return -1
		}
		return r
	}, text)
}

func init() {
	// Ambiguous-width characters (…, ✓, ●) are one column here, in every locale: aictl draws them itself.
	runewidth.DefaultCondition.EastAsianWidth = false
}
