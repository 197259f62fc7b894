package main

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"aictl/api"
)

// topModel is what top knows. Update changes it, View shows it; what takes time is done by commands.
type topModel struct {
	app    *app
	source topSource

	width, height int
	services      []api.Service
	rates         map[string]topRate
	seen          map[string]topCount
	selected      string // name of a service
	lines         []api.LogLine
	logOf         string // the service that lines are of
	logOnly       bool
	busy          map[string]string // service → action under way
	notice        string            // what went wrong or was done last
	trouble       error             // why the services are not fresh
}

// topCount is what a service's counters said at a time.
type topCount struct {
	at               time.Time
	requests, errors int64
}

// topRate is per second.
type topRate struct{ requests, errors float64 }

func newTopModel(a *app, source topSource) *topModel {
	return &topModel{
		app: a, source: source, width: 80, height: 24, busy: map[string]string{},
		rates: map[string]topRate{}, seen: map[string]topCount{},
	}
}

// The messages of commands.
type (
	topTick     struct{}
	topServices struct {
		services []api.Service
		at       time.Time
		err      error
	}
	topLog struct {
		service string
		lines   []api.LogLine
		err     error
	}
	topActed struct {
		action, service string
		err             error
	}
)

// Init implements tea.Model.
func (m *topModel) Init() tea.Cmd { return m.ask() }

// Update implements tea.Model.
func (m *topModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		return m, m.key(msg.String())
	case topTick:
		return m, m.ask()
	case topServices:
		return m, m.take(msg)
	case topLog:
		if msg.service == m.selected && msg.err == nil {
			m.lines, m.logOf = msg.lines, msg.service
		}
	case topActed:
		delete(m.busy, msg.service)
		m.notice = msg.service + ": " + m.app.done(msg.action)
		if msg.err != nil {
			m.notice = msg.service + ": " + m.app.t("failed: %s", msg.err.Error())
		}
		return m, m.askOnce()
	}
	return m, nil
}

// key answers a key.
func (m *topModel) key(key string) tea.Cmd {
	switch key {
	case "q", "ctrl+c", "esc":
		return tea.Quit
	case "up", "k":
		return m.move(-1)
	case "down", "j":
		return m.move(1)
	case "home", "g":
		return m.move(-len(m.services))
	case "end", "G":
		return m.move(len(m.services))
	case "l":
		m.logOnly = !m.logOnly
		return m.askLog()
	case "r":
		return m.act(api.ActionRestart)
	case "s":
		if s := m.current(); s != nil && s.State != "stopped" {
			return m.act(api.ActionStop)
		}
		return m.act(api.ActionStart)
	}
	return nil
}

func (m *topModel) index() int {
	return slices.IndexFunc(m.services, func(s api.Service) bool { return s.Name == m.selected })
}

func (m *topModel) current() *api.Service {
	if i := m.index(); i >= 0 {
		return &m.services[i]
	}
	return nil
}

// move selects the service n below.
func (m *topModel) move(n int) tea.Cmd {
	if len(m.services) == 0 {
		return nil
	}
	m.selected = m.services[min(max(m.index()+n, 0), len(m.services)-1)].Name
	return m.askLog()
}

// act begins an action on the selected service, one at a time for each.
func (m *topModel) act(action string) tea.Cmd {
	name := m.selected
	if m.current() == nil || m.busy[name] != "" {
		return nil
	}
	m.busy[name], m.notice = action, ""
	return func() tea.Msg { return topActed{action, name, m.source.act(action, name)} }
}

// take keeps an answer and arranges for the next question.
func (m *topModel) take(msg topServices) tea.Cmd {
	m.trouble = msg.err
	next := tea.Tick(topEvery, func(time.Time) tea.Msg { return topTick{} })
	if msg.at.IsZero() { // asked out of turn
		next = nil
	}
	if msg.err != nil {
		return next
	}
	m.services = msg.services
	if !msg.at.IsZero() {
		m.measure(msg.at)
	}
	if m.current() == nil && len(m.services) > 0 {
		m.selected = m.services[0].Name
	}
	return tea.Batch(next, m.askLog())
}

// measure turns counters into rates. Counters that went back were those of another run of the daemon.
func (m *topModel) measure(at time.Time) {
	seen, rates := map[string]topCount{}, map[string]topRate{}
	for _, s := range m.services {
		if s.Detail == nil {
			continue
		}
		is := topCount{at, s.Detail.Requests, s.Detail.Errors}
		seen[s.Name] = is
		was, ok := m.seen[s.Name]
		span := at.Sub(was.at).Seconds()
		if !ok || span <= 0 || is.requests < was.requests || is.errors < was.errors {
			continue
		}
		rates[s.Name] = topRate{float64(is.requests-was.requests) / span, float64(is.errors-was.errors) / span}
	}
	m.seen, m.rates = seen, rates
}

// ask asks for the services; its answer arranges for the next question.
func (m *topModel) ask() tea.Cmd {
	return func() tea.Msg {
		services, err := m.source.services()
		return topServices{services, m.app.now(), err}
	}
}

// askOnce asks out of turn.
func (m *topModel) askOnce() tea.Cmd {
	return func() tea.Msg {
		services, err := m.source.services()
		return topServices{services: services, err: err}
	}
}

func (m *topModel) askLog() tea.Cmd {
	name := m.selected
	if name == "" {
		return nil
	}
	return func() tea.Msg {
		lines, err := m.source.log(name)
		return topLog{name, lines, err}
	}
}
