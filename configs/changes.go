package configs

import (
	"net/url"
	"reflect"
	"strings"
)

// Effect says what a change of a setting needs to hold.
type Effect string

// The effects. Settings that nothing marks otherwise are EffectLive.
const (
	EffectLive    Effect = "live"    // the running daemon takes it up
	EffectUpgrade Effect = "upgrade" // the next daemon process does: `aictl upgrade`; services go on
	EffectRestart Effect = "restart" // the keeper holds it: aictl is stopped and started, and every service with it
)

// Change is one setting that is not what it was. Old and New are masked where they may hold secrets, so they can be equal.
type Change struct {
	Key    string
	Old    string
	New    string
	Source string // of the new value
	Effect Effect
}

// effectOf reads the field's tag.
func effectOf(key leaf) Effect {
	if takes := Effect(key.field.Tag.Get("takes")); takes != "" {
		return takes
	}
	return EffectLive
}

// Diff lists what differs between the settings that run and others, in the order of the settings.
func Diff(old, next Settings) []Change {
	var changes []Change
	for _, key := range leaves(reflect.TypeFor[Settings]()) {
		if alike(old.field(key), next.field(key)) {
			continue
		}
		changes = append(changes, Change{
			Key: key.path, Old: old.shown(key), New: next.shown(key), Source: next.source(key.path), Effect: effectOf(key),
		})
	}
	return changes
}

// alike reports whether two values are the same; a list without elements is none.
func alike(a, b reflect.Value) bool {
	return a.Kind() == reflect.Slice && a.Len()+b.Len() == 0 || reflect.DeepEqual(a.Interface(), b.Interface())
}

// Adopt returns s with what next changes and the running daemon can take up. The rest stays as it is in s.
func (s Settings) Adopt(next Settings) Settings {
	out := s
	out.from, out.content, out.origin = next.from, next.content, map[string]string{}
	for _, key := range leaves(reflect.TypeFor[Settings]()) {
		from := &s
		if effectOf(key) == EffectLive || alike(s.field(key), next.field(key)) {
			out.field(key).Set(next.field(key))
			from = &next
		}
		if source, given := from.origin[key.path]; given {
			out.origin[key.path] = source
		}
	}
	return out
}

// shown is a key's value as anyone may see it.
func (s *Settings) shown(key leaf) string {
	switch list := s.field(key).Interface().(type) {
	case []DaemonHook:
		return shownHooks(list)
	case []Sink:
		return shownSinks(list)
	}
	value := text(s.field(key))
	if key.field.Tag.Get("only") == "secret" && value != "" {
		return mask
	}
	return hidePassword(value) // an address may carry a password
}

// shownHooks describes hooks without what may be a secret in them: paths of addresses and arguments of commands.
func shownHooks(hooks []DaemonHook) string {
	list := make([]string, len(hooks))
	for i, h := range hooks {
		list[i] = h.State().Target() + " on " + strings.Join(h.Events, ", ")
		if len(h.Services) > 0 {
			list[i] += " of " + strings.Join(h.Services, ", ")
		}
	}
	return strings.Join(list, "; ")
}

// Target names what the hook calls, without what may be a secret.
func (h StateHook) Target() string {
	if h.Command != "" {
		argv, err := SplitCommand(h.Command)
		if err != nil || len(argv) == 0 {
			return "a command"
		}
		if len(argv) > 1 {
			return argv[0] + " …"
		}
		return argv[0]
	}
	u, err := url.Parse(h.URL)
	if err != nil {
		return "a URL"
	}
	return u.Scheme + "://" + u.Host + "/…"
}

// File is where the settings were read from: the path, and whether a file has to be there. "" is none.
func (s Settings) File() (path string, optional bool) { return s.from.File, s.from.Optional }

// Reload reads the settings again from where these came.
func (s Settings) Reload() (Settings, error) { return Load(s.from) }

// ReloadWith reads them with another content of the settings file, which messages call name.
func (s Settings) ReloadWith(name string, content []byte) (Settings, error) {
	from := s.from
	from.File, from.content = name, content
	if from.content == nil {
		from.content = []byte{}
	}
	return Load(from)
}
