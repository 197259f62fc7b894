package services

import (
	"os"

	"aictl/configs"
)

// SetHooks replaces the hooks for events of every service and of the daemon. Those that are queued still run.
func (m *Manager) SetHooks(list []configs.DaemonHook) { m.hooks.all.Store(&list) }

// offerAll queues the hooks for every service that want ev.
func (h *hooks) offerAll(ev Event) {
	list := h.all.Load()
	if list == nil {
		return
	}
	for _, hook := range *list {
		if hook.Wants(string(ev.Kind), ev.Service) {
			h.put(hookJob{hook.State(), ev, string(os.PathSeparator), plainEnv()})
		}
	}
}

// plainEnv is the environment of commands that belong to no service: what programs need, and none of aictl's secrets.
func plainEnv() []string {
	env := []string{"LANG=C.UTF-8"}
	path := "PATH=/usr/local/bin:/usr/bin:/bin"
	for _, name := range inherited {
		value, ok := os.LookupEnv(name)
		switch {
		case !ok:
		case name == "PATH":
			path = name + "=" + value
		default:
			env = append(env, name+"="+value)
		}
	}
	return append(env, path)
}
