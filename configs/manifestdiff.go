package configs

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// ManifestEffect says what a changed key of a manifest is about.
type ManifestEffect string

// The effects of a manifest's keys. A deploy replaces the instances in any case: a release is immutable.
const (
	EffectEnvironment ManifestEffect = "environment" // what the environment is built from; processes are new with it
	EffectProcess     ManifestEffect = "process"     // what a process is started with: command, folder, variables, limits of its own
	EffectPolicy      ManifestEffect = "policy"      // how processes are watched, limited and recorded; by itself no reason for new ones
	EffectScale       ManifestEffect = "scale"       // how many instances there are
	EffectDeploy      ManifestEffect = "deploy"      // how a deploy goes about it
)

// manifestEffects names keys, or what they begin with when they end in a dot. All others are EffectProcess.
var manifestEffects = map[string]ManifestEffect{
	"runtime": EffectEnvironment, "python.": EffectEnvironment,
	"replicas": EffectScale,
	"strategy": EffectDeploy, "hooks.release": EffectDeploy, "name": EffectDeploy, "run_on_deploy": EffectDeploy, "verify.": EffectDeploy, "canary.": EffectDeploy, "algorithm.": EffectDeploy, "deploy.": EffectDeploy,
	"health": EffectPolicy, "health.": EffectPolicy, "restart.": EffectPolicy, "stop.": EffectPolicy, "log.": EffectPolicy,
	"record.": EffectPolicy, "gateway.": EffectPolicy, "hooks.on": EffectPolicy, "groups": EffectPolicy, "after": EffectPolicy,
	"resources.memory": EffectPolicy, "resources.cpus": EffectPolicy, "resources.pids": EffectPolicy,
	"schedule": EffectPolicy, "timezone": EffectPolicy, "concurrency": EffectPolicy, "catch_up": EffectPolicy, "timeout": EffectPolicy,
}

// ManifestChange is one key of a manifest that is not what it was. Values of variables are not shown.
type ManifestChange struct {
	Key    string
	Old    string
	New    string
	Effect ManifestEffect
}

// DiffManifests lists what differs between two manifests, in the order of their keys.
func DiffManifests(old, next *Manifest) []ManifestChange {
	var changes []ManifestChange
	add := func(key, was, is string) {
		changes = append(changes, ManifestChange{Key: key, Old: was, New: is, Effect: manifestEffect(key)})
	}
	if old.Health.Disabled != next.Health.Disabled {
		words := map[bool]string{true: "none", false: "checked"}
		add("health", words[old.Health.Disabled], words[next.Health.Disabled])
	}
	for _, key := range leaves(reflect.TypeFor[Manifest]()) {
		a, b := reflect.ValueOf(old).Elem().FieldByIndex(key.index), reflect.ValueOf(next).Elem().FieldByIndex(key.index)
		if alike(a, b) || a.Kind() == reflect.Map && a.Len()+b.Len() == 0 {
			continue
		}
		if key.path == "env" {
			for _, name := range differingNames(old.Env, next.Env) {
				was, is := old.Env[name], next.Env[name]
				add("env."+name, hide(was), hide(is))
			}
			continue
		}
		if key.path == "hooks.on" {
			add(key.path, shownStateHooks(old.Hooks.On), shownStateHooks(next.Hooks.On))
			continue
		}
		add(key.path, hidePassword(text(a)), hidePassword(text(b)))
	}
	return changes
}

func manifestEffect(key string) ManifestEffect {
	if effect, ok := manifestEffects[key]; ok {
		return effect
	}
	group, _, nested := strings.Cut(key, ".")
	if effect, ok := manifestEffects[group+"."]; nested && ok {
		return effect
	}
	return EffectProcess
}

// differingNames are the variables that are not the same in both, sorted.
func differingNames(a, b map[string]string) []string {
	names := map[string]bool{}
	for _, m := range []map[string]string{a, b} {
		for name := range m {
			was, had := a[name]
			is, has := b[name]
			if was != is || had != has {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func hide(value string) string {
	if value == "" {
		return ""
	}
	return mask
}

func shownStateHooks(hooks []StateHook) string {
	list := make([]DaemonHook, len(hooks))
	for i, h := range hooks {
		list[i] = DaemonHook{Events: h.Events, Command: h.Command, URL: h.URL}
	}
	return shownHooks(list)
}
