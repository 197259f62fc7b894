package main

import (
	"encoding/json"
	"fmt"
	"html"
	"math"
	"os"
	"slices"
	"strings"
)

// panel is one figure over the number of services, on logarithmic axes: what grows linearly rises at 45 degrees or less.
type panel struct {
	title string
	unit  string
	goal  float64 // 0 without one
	value func(size) float64
}

// panels are in the order of the table. Times in seconds, memory in KB per service.
var panels = []panel{
	{"start the manager with all", "s", 3, func(s size) float64 { return median(s.Cold) }},
	{"aictl status", "ms", 50, func(s size) float64 { return 1e3 * median(s.Status) }},
	{"GET /api/v1/services", "ms", 50, func(s size) float64 { return 1e3 * median(s.List) }},
	{"idle CPU with health checks", "% of one core", 0.5, func(s size) float64 { return s.IdleCPU }},
	{"memory of the keeper", "MB", 40, func(s size) float64 { return float64(s.PSS["keeper"]) / 1e6 }},
	{"start all by one command", "s", 0, func(s size) float64 { return median(s.Start) }},
}

const (
	panelWidth, panelHeight = 300, 230
	plotLeft, plotTop       = 52, 40
	plotWidth, plotHeight   = 230, 150
	perRow                  = 3
)

// scaleSVG draws the panels. The dashed line through the largest size is linear growth: points above it towards the left are
// costs that are there with few services already, and no point may lie below it.
func scaleSVG(sizes []size) string {
	var b strings.Builder
	rows := (len(panels) + perRow - 1) / perRow
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n",
		perRow*panelWidth, rows*panelHeight)
	b.WriteString(`<rect width="100%" height="100%" fill="#fff"/>` + "\n")
	for n, p := range panels {
		fmt.Fprintf(&b, `<g transform="translate(%d,%d)">`+"\n", n%perRow*panelWidth, n/perRow*panelHeight)
		p.draw(&b, sizes)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (p panel) draw(b *strings.Builder, sizes []size) {
	var values []float64
	for _, s := range sizes {
		values = append(values, p.value(s))
	}
	x, y := axes(sizes, values, p.goal)
	fmt.Fprintf(b, `<text x="%d" y="18" font-weight="bold">%s, %s</text>`+"\n", plotLeft, html.EscapeString(p.title), html.EscapeString(p.unit))
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" fill="none" stroke="#999"/>`+"\n", plotLeft, plotTop, plotWidth, plotHeight)
	for e := math.Ceil(y.from); e <= y.to; e++ {
		at := y.at(e)
		fmt.Fprintf(b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/>`, plotLeft, plotLeft+plotWidth, at, at)
		fmt.Fprintf(b, `<text x="%d" y="%.1f" text-anchor="end">%g</text>`+"\n", plotLeft-5, at+4, math.Pow(10, e))
	}
	for _, s := range sizes {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%d</text>`+"\n", x.at(math.Log10(float64(s.Services))), plotTop+plotHeight+16, s.Services)
	}
	if p.goal > 0 {
		at := y.at(math.Log10(p.goal))
		fmt.Fprintf(b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#2a7"/>`, plotLeft, plotLeft+plotWidth, at, at)
		fmt.Fprintf(b, `<text x="%d" y="%.1f" fill="#2a7">goal at 1,000: %g</text>`+"\n", plotLeft+4, at-4, p.goal)
	}
	p.lines(b, sizes, values, x, y)
}

// lines draws linear growth and what was measured.
func (p panel) lines(b *strings.Builder, sizes []size, values []float64, x, y axis) {
	last := len(sizes) - 1
	xn, yn := math.Log10(float64(sizes[last].Services)), math.Log10(values[last])
	back := min(xn-x.from, yn-y.from) // where the line leaves the plot
	fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#999" stroke-dasharray="4 3"/>`+"\n",
		x.at(xn), y.at(yn), x.at(xn-back), y.at(yn-back))
	var points []string
	for n, v := range values {
		points = append(points, fmt.Sprintf("%.1f,%.1f", x.at(math.Log10(float64(sizes[n].Services))), y.at(math.Log10(v))))
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="#06c" stroke-width="2"/>`+"\n", strings.Join(points, " "))
	for n, point := range points {
		cx, cy, _ := strings.Cut(point, ",")
		fmt.Fprintf(b, `<circle cx="%s" cy="%s" r="3" fill="#06c"><title>%d services: %.3g %s</title></circle>`+"\n",
			cx, cy, sizes[n].Services, values[n], html.EscapeString(p.unit))
	}
}

// axis is a logarithmic one: from and to are powers of ten, start and length places in the picture.
type axis struct{ from, to, start, length float64 }

func (a axis) at(power float64) float64 { return a.start + a.length*(power-a.from)/(a.to-a.from) }

func axes(sizes []size, values []float64, goal float64) (x, y axis) {
	x = axis{math.Log10(float64(sizes[0].Services)) - 0.1, math.Log10(float64(sizes[len(sizes)-1].Services)) + 0.1, plotLeft, plotWidth}
	all := slices.Clone(values)
	if goal > 0 {
		all = append(all, goal)
	}
	y = axis{math.Floor(math.Log10(slices.Min(all))), math.Ceil(math.Log10(slices.Max(all)) + 0.05), plotTop + plotHeight, -plotHeight}
	return x, y
}

// drawable reports whether every value can stand on a logarithmic axis.
func drawable(sizes []size) bool {
	for _, p := range panels {
		for _, s := range sizes {
			if p.value(s) <= 0 {
				return false
			}
		}
	}
	return len(sizes) > 0
}

// plot draws the figures of a report's file.
func plot(results, svg string) error {
	data, err := os.ReadFile(results)
	if err != nil {
		return err
	}
	var r report
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("%s: %w", results, err)
	}
	if !drawable(r.Scale) {
		return fmt.Errorf("%s has no complete figures of -only scale", results)
	}
	return os.WriteFile(svg, []byte(scaleSVG(r.Scale)), 0o644)
}
