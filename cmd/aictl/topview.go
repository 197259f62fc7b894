package main

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"aictl/api"
)

// View implements tea.Model.
func (m *topModel) View() tea.View {
	v := tea.NewView(m.text())
	v.AltScreen = true
	return v
}

// topFrame is the room for what is neither a service nor a log line: the head, the table's titles, the log's title
// and the keys.
const topFrame = 4

// text is the whole screen: never more lines than it has.
func (m *topModel) text() string {
	a := m.app
	lines := []string{m.head()}
	if !m.logOnly {
		lines = append(lines, m.table()...)
	}
	if name := m.selected; name != "" {
		title := "── " + a.t("log of %s", name) + " "
		lines = append(lines, a.out.paint(dim, clip(title+strings.Repeat("─", max(0, m.width-columns(title))), m.width)))
		lines = append(lines, m.log(m.height-len(lines)-1)...)
	}
	for len(lines) < m.height-1 {
		lines = append(lines, "")
	}
	lines = append(lines[:max(0, min(len(lines), m.height-1))], m.foot())
	return strings.Join(lines, "\n")
}

func (m *topModel) head() string {
	a := m.app
	if m.trouble != nil {
		text, _ := a.explain(m.trouble)
		return a.out.paint(red, clip(printable(text), m.width))
	}
	running := 0
	for _, s := range m.services {
		if s.State == "running" {
			running++
		}
	}
	text := "aictl top  " + a.t("%d services, %d running", len(m.services), running)
	if len(m.services) == 0 {
		text = "aictl top  " + a.t("no services yet; deploy one with `aictl deploy SOURCE`")
	}
	return a.out.paint(bold, clip(text, m.width))
}

func (m *topModel) foot() string {
	a := m.app
	if m.notice != "" {
		return clip(printable(m.notice), m.width)
	}
	return a.out.paint(dim, clip(a.t("↑↓ select  r restart  s stop/start  l log  q quit"), m.width))
}

// table are the titles and those services that there is room for, the selected one among them.
func (m *topModel) table() []string {
	a := m.app
	t := newTable(
		column{title: "  " + a.t("SERVICE"), flex: true}, column{title: a.t("STATE")}, column{title: a.t("READY"), right: true},
		column{title: a.t("CPU"), right: true}, column{title: a.t("MEMORY"), right: true}, column{title: a.t("REQ/S"), right: true},
		column{title: a.t("ERR/S"), right: true}, column{title: a.t("RESTARTS"), right: true})
	room := max(1, (m.height-topFrame)/2)
	first := min(max(0, m.index()-room/2), max(0, len(m.services)-room))
	for _, s := range m.services[first:min(first+room, len(m.services))] {
		m.row(t, s)
	}
	var b strings.Builder
	screen := a.out
	screen.Writer, screen.width = &b, m.width
	if err := t.render(screen, false); err != nil {
		return []string{err.Error()}
	}
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

func (m *topModel) row(t *table, s api.Service) {
	a := m.app
	name := cell{text: "  " + s.Name}
	if s.Name == m.selected {
		name = cell{"› " + s.Name, bold}
	}
	state := a.state(s.State)
	if action := m.busy[s.Name]; action != "" {
		state = cell{strings.TrimSpace(a.progressOf(action, nil)), cyan}
	}
	var cpu float64
	var memory int64
	restarts := 0
	for _, in := range s.Instances {
		cpu, memory, restarts = cpu+in.CPUPercent, memory+in.MemoryBytes, restarts+in.Restarts
	}
	requests, errs := cell{text: "-"}, cell{text: "-"}
	if rate, ok := m.rates[s.Name]; ok {
		requests.text, errs.text = perSecond(rate.requests), perSecond(rate.errors)
		if rate.errors > 0 {
			errs.style = red
		}
	}
	t.row(name, state, fmt.Sprintf("%d/%d", s.Ready, s.Replicas), percent(cpu, memory), memoryText(memory), requests, errs, restartCount(restarts))
}

// perSecond shows a rate: 0, 0.3, 12, 1500.
func perSecond(rate float64) string {
	if rate == 0 || rate >= 9.95 {
		return fmt.Sprintf("%.0f", rate)
	}
	return fmt.Sprintf("%.1f", rate)
}

// log are the last n lines of the selected service.
func (m *topModel) log(n int) []string {
	a := m.app
	if m.logOf != m.selected || n <= 0 {
		return nil
	}
	var out []string
	for _, line := range m.lines[max(0, len(m.lines)-n):] {
		st := plain
		if line.Stream == "stderr" {
			st = red
		}
		out = append(out, a.out.paint(st, clip(printable(withoutControls(line.Text)), m.width)))
	}
	return out
}
