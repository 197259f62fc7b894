package configs

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestDiffManifests(t *testing.T) {
	for name, c := range map[string]struct {
		old, next string
		want      []string
	}{
		"nothing":            {"command: x\n", "command: x # the same\nreplicas: 1\n", nil},
		"the restart policy": {"command: x\n", "command: x\nrestart: {policy: never}\n", []string{"restart.policy: always → never (policy)"}},
		"replicas":           {"command: x\n", "command: x\nreplicas: 3\n", []string{"replicas: 1 → 3 (scale)"}},
		"the command":        {"command: x\n", "command: y\n", []string{"command: x → y (process)"}},
		"a limit":            {"command: x\n", "command: x\nresources: {memory: 1GiB, nofile: 10}\n", []string{"resources.memory: 0 → 1GiB (policy)", "resources.nofile: 0 → 10 (process)"}},
		"Python":             {"command: x\n", "command: x\npython: {version: \"3.12\", index: 'https://u:secret@pip/'}\n", []string{"python.version:  → 3.12 (environment)", "python.index:  → https://u:xxxxx@pip/ (environment)"}},
		"variables":          {"command: x\nenv: {A: one, B: two}\n", "command: x\nenv: {B: three, C: four}\n", []string{"env.A: ******** →  (process)", "env.B: ******** → ******** (process)", "env.C:  → ******** (process)"}},
		"no health check":    {"command: x\n", "command: x\nhealth: none\n", []string{"health: checked → none (policy)"}},
		"hooks":              {"command: x\n", "command: x\nhooks: {release: ./migrate, on: [{events: [fatal], url: 'http://chat/secret'}]}\n", []string{"hooks.release:  → ./migrate (deploy)", "hooks.on:  → http://chat/… on fatal (policy)"}},
	} {
		read := func(text string) *Manifest {
			t.Helper()
			m, err := ParseManifest([]byte(text), ManifestFile)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return m
		}
		var got []string
		for _, ch := range DiffManifests(read(c.old), read(c.next)) {
			got = append(got, ch.Key+": "+ch.Old+" → "+ch.New+" ("+string(ch.Effect)+")")
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q\nwant %q", name, got, c.want)
		}
	}
}

// Every entry of the table is about a key that there is.
func TestManifestEffectsNameKeys(t *testing.T) {
	var keys []string
	for _, key := range leaves(reflect.TypeFor[Manifest]()) {
		keys = append(keys, key.path)
	}
	for name := range manifestEffects {
		if name != "health" && !slices.ContainsFunc(keys, func(k string) bool { return k == name || strings.HasSuffix(name, ".") && strings.HasPrefix(k, name) }) {
			t.Errorf("there is no key %s", name)
		}
	}
}
