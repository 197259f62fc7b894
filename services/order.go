package services

import (
	"maps"
	"slices"
	"strings"
)

// order says what each service waits for, given what each is to be started after. Names that are no key are left out,
// and so is what would close a cycle; the cycles are returned, each as a list of names that begins and ends with the
// same one. The result does not depend on the order of the input.
func order(after map[string][]string) (waits map[string][]string, cycles [][]string) {
	waits = map[string][]string{}
	var path []string
	done := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		path = append(path, name)
		for _, dep := range slices.Sorted(slices.Values(after[name])) {
			if _, known := after[dep]; !known || slices.Contains(waits[name], dep) {
				continue
			}
			if at := slices.Index(path, dep); at >= 0 {
				cycles = append(cycles, append(slices.Clone(path[at:]), dep))
				continue
			}
			if !done[dep] {
				visit(dep)
			}
			waits[name] = append(waits[name], dep)
		}
		path = path[:len(path)-1]
		done[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if !done[name] {
			visit(name)
		}
	}
	return waits, cycles
}

// shownCycle is a cycle for people.
func shownCycle(cycle []string) string { return strings.Join(cycle, " → ") }
