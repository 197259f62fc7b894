package main

import (
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// frame is text that replaces what it said before: in place on a terminal, below it elsewhere (only when it changed).
type frame struct {
	screen screen
	last   string
	lines  int // drawn on the terminal
}

// draw shows text, whole lines, in place of the text before it.
func (f *frame) draw(text string) error {
	if !f.screen.tty {
		return f.append(text)
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if height := f.height(); height > 1 && len(lines) >= height {
		lines = lines[:height-1]
	}
	var b strings.Builder
	if f.lines > 0 {
		b.WriteString("\x1b[" + strconv.Itoa(f.lines) + "A\r")
	}
	for _, line := range lines {
		b.WriteString(line + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	f.lines, f.last = len(lines), text
	_, err := io.WriteString(f.screen, b.String())
	return err
}

// append shows text below what was said, unless it is the same.
func (f *frame) append(text string) error {
	if text == f.last {
		return nil
	}
	f.last = text
	_, err := io.WriteString(f.screen, text)
	return err
}

// height is the terminal's, 0 when unknown.
func (f *frame) height() int {
	file, ok := f.screen.Writer.(*os.File)
	if !ok {
		return 0
	}
	_, height, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return height
}
