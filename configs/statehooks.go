package configs

import (
	"fmt"
	"net/url"
	"slices"
)

// StateHook is told of a service's events: Command is run with the event on its stdin, or URL gets it by POST.
type StateHook struct {
	Events  []string `yaml:"events" json:"events"`
	Command string   `yaml:"command,omitempty" json:"command,omitempty"` // split like a shell would, run without one
	URL     string   `yaml:"url,omitempty" json:"url,omitempty"`
}

// maxHooks bounds the state hooks of one service.
const maxHooks = 20

// HookEvents are the events that a state hook may name. A word without a dot is what happens to an instance.
var HookEvents = []string{
	"started", "healthy", "unhealthy", "exited", "backoff", "fatal", "stopped",
	"service.started", "service.stopped", "service.scaled",
	"canary.started", "canary.changed", "canary.unhealthy", "canary.healthy", "canary.promoted", "canary.ended",
	"shadow.started", "shadow.changed", "shadow.ended",
	"job.started", "job.succeeded", "job.failed", "job.skipped", "job.stopped",
	"deploy.queued", "deploy.running", "deploy.live", "deploy.failed", "deploy.superseded", "deploy.cancelled", "deploy.interrupted",
}

// DaemonEvents are those that a hook of the settings may name besides HookEvents; "*" is every one of both.
var DaemonEvents = []string{"*", "service.removed", "config.applied", "config.refused"}

// Wants reports whether the hook is told of an event of that kind ("instance.fatal").
func (h StateHook) Wants(kind string) bool {
	return slices.ContainsFunc(h.Events, func(e string) bool { return e == kind || "instance."+e == kind })
}

// Wants reports whether the hook is told of an event of that kind about a service, "" for none.
func (h DaemonHook) Wants(kind, service string) bool {
	if !slices.Contains(h.Events, "*") && !h.State().Wants(kind) {
		return false
	}
	return len(h.Services) == 0 || MatchesAny(h.Services, service)
}

// State is the hook without its choice of services.
func (h DaemonHook) State() StateHook {
	return StateHook{Events: h.Events, Command: h.Command, URL: h.URL}
}

func (h HookSettings) check(c *checker) {
	if len(h.On) > maxHooks {
		c.fault("hooks.on", "%d hooks are more than the %d there may be", len(h.On), maxHooks)
	}
	for i, on := range h.On {
		at := fmt.Sprintf("hooks.on[%d]", i)
		on.State().check(c, at, append(slices.Clone(HookEvents), DaemonEvents...))
		c.patterns(at+".services", on.Services)
	}
}

func (h Hooks) check(c *checker) {
	c.command("hooks.release", h.Release)
	if len(h.On) > maxHooks {
		c.fault("hooks.on", "%d hooks are more than the %d a service may have", len(h.On), maxHooks)
	}
	for i, on := range h.On {
		on.check(c, fmt.Sprintf("hooks.on[%d]", i), HookEvents)
	}
}

func (h StateHook) check(c *checker, path string, events []string) {
	if len(h.Events) == 0 {
		c.fault(path, "names no events (write events: [fatal, unhealthy])")
	}
	for i, e := range h.Events {
		oneOf(c, fmt.Sprintf("%s.events[%d]", path, i), e, events...)
	}
	switch {
	case h.Command == "" && h.URL == "":
		c.fault(path, "does nothing: give it a command or a url")
	case h.Command != "" && h.URL != "":
		c.fault(path, "has a command and a url: write two hooks")
	case h.Command != "":
		c.command(path+".command", h.Command)
	default:
		u, err := url.Parse(h.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			c.fault(path+".url", "%q is not a URL (write https://host/path)", clip(h.URL))
		}
	}
}
