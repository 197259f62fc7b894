// Package cgroups puts process trees into cgroups of the version 2 hierarchy, where one write kills all of them.
package cgroups

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// ErrUnavailable says that there is no version 2 hierarchy this process may make cgroups in.
var ErrUnavailable = errors.New("no writable cgroup v2 hierarchy")

// Find makes (or finds again) the tree called name beside this process's own cgroup, or below it when the
// parent is not ours to write to.
func Find(name string) (*Tree, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	return find(string(mounts), string(own), name)
}

func find(mounts, own, name string) (*Tree, error) {
	dir, err := ownDir(mounts, own)
	if err != nil {
		return nil, err
	}
	var faults []error
	for _, parent := range parents(dir) {
		tree, err := Open(filepath.Join(parent, name))
		if err == nil {
			return tree, nil
		}
		faults = append(faults, err)
	}
	return nil, fmt.Errorf("%w: %w", ErrUnavailable, errors.Join(faults...))
}

// place is this process's cgroup: the mount point and the path below it.
type place struct{ mount, rel string }

// parents are the cgroups to try, best first. The root has no siblings.
func parents(at place) []string {
	dir := filepath.Join(at.mount, at.rel)
	if at.rel == "/" {
		return []string{dir}
	}
	return []string{filepath.Dir(dir), dir}
}

// ownDir finds the cgroup v2 mount in mountinfo and this process's path in it from /proc/self/cgroup.
func ownDir(mounts, own string) (place, error) {
	rel, ok := "", false
	for line := range strings.Lines(own) {
		if after, found := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); found {
			rel, ok = after, true
		}
	}
	if !ok {
		return place{}, fmt.Errorf("%w: this process is in none", ErrUnavailable)
	}
	for line := range strings.Lines(mounts) {
		root, point, ok := cgroup2Mount(line)
		if !ok {
			continue
		}
		below, inside := within(root, rel)
		if inside {
			return place{mount: point, rel: below}, nil
		}
	}
	return place{}, fmt.Errorf("%w: none mounted that shows this process's own cgroup %s", ErrUnavailable, rel)
}

// cgroup2Mount reads one mountinfo line: its fourth field is the root of the mount, the fifth where it is mounted;
// the type follows the lone dash.
func cgroup2Mount(line string) (root, point string, ok bool) {
	head, tail, found := strings.Cut(line, " - ")
	fields, kind := strings.Fields(head), strings.Fields(tail)
	if !found || len(fields) < 5 || len(kind) == 0 || kind[0] != "cgroup2" {
		return "", "", false
	}
	return unescape(fields[3]), unescape(fields[4]), true
}

// unescape undoes mountinfo's octal escapes of blanks.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

func within(root, rel string) (string, bool) {
	if root == "/" {
		return path.Clean(rel), true
	}
	if rel == root {
		return "/", true
	}
	below, ok := strings.CutPrefix(rel, root+"/")
	return "/" + below, ok
}
