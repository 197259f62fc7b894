package main

import (
	"fmt"
	"io"
	"strings"
)

// column is one column of a table.
type column struct {
	title string
	right bool // numbers
	wide  bool // only shown with -o wide
	flex  bool // gives way first when the terminal is too narrow
}

// cell is text with a style; the style takes no room.
type cell struct {
	text  string
	style style
}

// table is rows under columns, aligned by display width.
type table struct {
	columns []column
	rows    [][]cell
}

func newTable(columns ...column) *table { return &table{columns: columns} }

// row adds a row: strings and cells, one for each column.
func (t *table) row(values ...any) {
	cells := make([]cell, len(t.columns))
	for i := range cells {
		if i >= len(values) {
			break
		}
		switch v := values[i].(type) {
		case cell:
			cells[i] = v
		case string:
			cells[i] = cell{text: v}
		default:
			cells[i] = cell{text: fmt.Sprint(v)}
		}
		cells[i].text = printable(cells[i].text)
	}
	t.rows = append(t.rows, cells)
}

// minFlex is how narrow a flexible column may get.
const minFlex = 8

// render writes the table. With wide set every column is shown and nothing is cut; else the columns that give way
// are cut so that a row fits the screen.
func (t *table) render(s screen, wide bool) error {
	shown := make([]int, 0, len(t.columns))
	for i, c := range t.columns {
		if wide || !c.wide {
			shown = append(shown, i)
		}
	}
	widths := t.widths(shown)
	if !wide && s.width > 0 {
		t.squeeze(shown, widths, s.width)
	}
	var b strings.Builder
	head := make([]cell, len(t.columns))
	for i, c := range t.columns {
		head[i] = cell{text: c.title, style: dim}
	}
	t.line(&b, s, head, shown, widths)
	for _, row := range t.rows {
		t.line(&b, s, row, shown, widths)
	}
	_, err := io.WriteString(s, b.String())
	return err
}

func (t *table) widths(shown []int) []int {
	widths := make([]int, len(t.columns))
	for _, i := range shown {
		widths[i] = columns(t.columns[i].title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], columns(row[i].text))
		}
	}
	return widths
}

const gap = 2

// squeeze takes columns away from the widest flexible column until the row fits or nothing gives way any more.
func (t *table) squeeze(shown, widths []int, room int) {
	total := gap * (len(shown) - 1)
	for _, i := range shown {
		total += widths[i]
	}
	for total > room {
		widest := -1
		for _, i := range shown {
			if t.columns[i].flex && widths[i] > minFlex && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
		total--
	}
}

func (t *table) line(b *strings.Builder, s screen, row []cell, shown, widths []int) {
	var line strings.Builder
	for n, i := range shown {
		if n > 0 {
			line.WriteString(strings.Repeat(" ", gap))
		}
		text := clip(row[i].text, widths[i])
		pad := strings.Repeat(" ", max(0, widths[i]-columns(text)))
		if t.columns[i].right {
			line.WriteString(pad + s.paint(row[i].style, text))
			continue
		}
		line.WriteString(s.paint(row[i].style, text) + pad)
	}
	b.WriteString(strings.TrimRight(line.String(), " "))
	b.WriteByte('\n')
}
