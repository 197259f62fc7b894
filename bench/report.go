package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// report is everything that was measured.
type report struct {
	Date     time.Time         `json:"date"`
	Machine  string            `json:"machine"`
	Options  string            `json:"options"`
	Versions map[string]string `json:"proxies,omitempty"`
	Managers []result          `json:"managers"`
	Gateway  []passage         `json:"gateway,omitempty"`
	Scale    []size            `json:"scale,omitempty"`
}

// write puts the JSON report into dir and the Markdown one onto stdout.
func (r report) write(dir string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file := filepath.Join(dir, r.Date.Format("2006-01-02T150405Z")+".json")
	if err := os.WriteFile(file, append(data, '\n'), 0o644); err != nil {
		return err
	}
	fmt.Print(r.markdown())
	progress("every figure: %s", file)
	return nil
}

func (r report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s. %s. %s.\n", r.Machine, r.Options, r.Date.Format("2006-01-02"))
	if len(r.Managers) > 0 {
		r.managers(&b)
	}
	if len(r.Gateway) > 0 {
		r.gateway(&b)
	}
	if len(r.Scale) > 0 {
		r.scale(&b)
	}
	return b.String()
}

func (r report) managers(b *strings.Builder) {
	row := func(what string, cell func(result) string) {
		fmt.Fprintf(b, "| %s |", what)
		for _, m := range r.Managers {
			fmt.Fprintf(b, " %s |", cell(m))
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	row("", func(m result) string { return m.Name + " " + m.Version })
	fmt.Fprintf(b, "|%s\n", strings.Repeat(" --- |", len(r.Managers)+1))
	row("start all by one command", func(m result) string { return seconds(median(m.Start)) })
	row("start the manager with all of them", func(m result) string { return seconds(median(m.Cold)) })
	row("crash → new process, median (worst)", func(m result) string {
		return seconds(median(m.Respawn)) + " (" + seconds(slices.Max(m.Respawn)) + ")"
	})
	row("log capture", func(m result) string { return fmt.Sprintf("%.0f MB/s", median(m.Log)/1e6) })
	row("idle CPU, of one core", func(m result) string { return fmt.Sprintf("%.2f %%", m.IdleCPU) })
	row("memory (PSS)", func(m result) string { return memory(m.PSS) })
	row("daemon killed → answers again, median (worst)", func(m result) string {
		if len(m.Back) == 0 {
			return ""
		}
		return seconds(median(m.Back)) + " (" + seconds(slices.Max(m.Back)) + ")"
	})
}

func (r report) gateway(b *strings.Builder) {
	b.WriteString("\n| way to the service | requests/s | p50 | p99 | p99 at half of aictl's load | 5 MB upload | recorded |\n|" + strings.Repeat(" --- |", 7) + "\n")
	for _, p := range r.Gateway {
		name := p.Name
		if v := r.Versions[name]; v != "" {
			name += " (" + v + ")"
		}
		fmt.Fprintf(b, "| %s | %.0f | %s | %s | %s | %s | %s |\n", name, median(p.Rate), seconds(median(p.P50)), seconds(median(p.P99)),
			optional(p.Half, seconds), optional(p.Upload, seconds), optional(p.Kept, func(share float64) string { return fmt.Sprintf("%.1f %%", share*100) }))
	}
}

// optional is the median of what was measured, or nothing.
func optional(values []float64, show func(float64) string) string {
	if len(values) == 0 {
		return ""
	}
	return show(median(values))
}

func (r report) scale(b *strings.Builder) {
	b.WriteString("\n| services | start the manager with all | until all are healthy | start all by one command | `aictl status` | `GET /api/v1/services` " +
		"| idle CPU, of one core | keeper (PSS) | of it per service | daemon (PSS) |\n|" + strings.Repeat(" --- |", 10) + "\n")
	for _, s := range r.Scale {
		fmt.Fprintf(b, "| %d | %s | %s | %s | %s | %s | %.2f %% | %.1f MB | %.0f KB | %.1f MB |\n", s.Services, seconds(median(s.Cold)),
			seconds(median(s.Healthy)), seconds(median(s.Start)), seconds(median(s.Status)), seconds(median(s.List)), s.IdleCPU,
			float64(s.PSS["keeper"])/1e6, float64(s.PSS["keeper"])/1e3/float64(s.Services), float64(s.PSS["daemon"])/1e6)
	}
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

func seconds(s float64) string {
	switch {
	case s < 0.001:
		return fmt.Sprintf("%.0f µs", s*1e6)
	case s < 0.1:
		return fmt.Sprintf("%.1f ms", s*1e3)
	}
	return fmt.Sprintf("%.2f s", s)
}

// memory lists what each process takes and, when there are several, the sum; of very many their number.
func memory(pss map[string]int64) string {
	var parts []string
	var sum int64
	for name, bytes := range pss {
		sum += bytes
		parts = append(parts, fmt.Sprintf("%s %.1f", name, float64(bytes)/1e6))
	}
	slices.Sort(parts)
	if len(parts) > 4 {
		return fmt.Sprintf("%.1f MB (%d processes)", float64(sum)/1e6, len(parts))
	}
	if len(parts) == 1 {
		return fmt.Sprintf("%.1f MB", float64(sum)/1e6)
	}
	return fmt.Sprintf("%.1f MB (%s)", float64(sum)/1e6, strings.Join(parts, ", "))
}
