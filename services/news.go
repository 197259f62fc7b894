package services

import "strings"

// news wakes those who wait for changes of certain services, and nobody else: with one signal for everybody, a thousand
// services that start at the same time would wake each other a million times. The manager's lock guards it.
type news map[string]map[chan struct{}]bool // by service: who waits

// tell says that something about a service has changed.
func (n news) tell(service string) {
	for wake := range n[service] {
		select {
		case wake <- struct{}{}:
		default: // it has not looked at an earlier change yet
		}
	}
}

// follow returns a channel that gets a value after every change of one of the services, or one for many, until done is
// called. Follow first and look then, and no change is missed.
func (m *Manager) follow(services ...string) (changed <-chan struct{}, done func()) {
	wake := make(chan struct{}, 1)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range services {
		if m.news[name] == nil {
			m.news[name] = map[chan struct{}]bool{}
		}
		m.news[name][wake] = true
	}
	return wake, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, name := range services {
			if delete(m.news[name], wake); len(m.news[name]) == 0 {
				delete(m.news, name)
			}
		}
	}
}

// servicesOf are the services that instances belong to.
func servicesOf(ids []string) []string {
	names := make([]string, len(ids))
	for k, id := range ids {
		names[k] = id
		if at := strings.LastIndexByte(id, '/'); at > 0 {
			names[k] = id[:at]
		}
	}
	return names
}
