// Package cgroups puts process trees into cgroups of the version 2 hierarchy, where one write kills all of them.
package cgroups

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	sys "aictl/procs/internal/kernel"
)

// ErrUnavailable says that there is no version 2 hierarchy this process may make cgroups in.
var ErrUnavailable = errors.New("no writable cgroup v2 hierarchy")

// Mount is where the version 2 hierarchy is mounted and where in it this process is.
type Mount struct {
	root  string // the part of the hierarchy that is mounted
	point string // where
	own   string // this process's cgroup below root
}

// FindMount finds the mount that shows this process's own cgroup.
func FindMount() (Mount, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return Mount{}, err
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return Mount{}, err
	}
	return parseMount(string(mounts), string(own))
}

func parseMount(mounts, own string) (Mount, error) {
	path, ok := pathOf(own)
	if !ok {
		return Mount{}, fmt.Errorf("%w: this process is in none", ErrUnavailable)
	}
	for line := range strings.Lines(mounts) {
		root, point, ok := cgroup2Mount(line)
		if !ok {
			continue
		}
		if rel, inside := within(root, path); inside {
			return Mount{root: root, point: point, own: rel}, nil
		}
	}
	return Mount{}, fmt.Errorf("%w: none is mounted that shows this process's own cgroup %s", ErrUnavailable, path)
}

// pathOf finds the version 2 line of a /proc/<pid>/cgroup.
func pathOf(file string) (string, bool) {
	for line := range strings.Lines(file) {
		if path, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			return path, true
		}
	}
	return "", false
}

// GroupOf is the group a process is in.
func (m Mount) GroupOf(pid int) (Group, error) {
	var buf [1024]byte
	file, err := sys.ReadSmall("/proc/"+strconv.Itoa(pid)+"/cgroup", buf[:])
	if err != nil {
		return Group{}, err
	}
	path, ok := pathOf(string(file))
	rel, inside := within(m.root, path)
	if !ok || !inside {
		return Group{}, fmt.Errorf("%w: process %d is in none that is mounted here", ErrUnavailable, pid)
	}
	return Group{dir: filepath.Join(m.point, rel)}, nil
}

// Tree makes (or finds again) the tree called name beside this process's own cgroup, or below it when the parent
// is not ours to write to. Controllers are handed down to it as far as they are ours to give; Lacking says what is in the way.
func (m Mount) Tree(name string) (*Tree, error) {
	var faults []error
	for _, parent := range m.parents() {
		tree, err := Open(filepath.Join(parent, name))
		if err == nil {
			if parent == filepath.Join(m.point, m.own) {
				tree.Lacking = delegate(parent)
			}
			tree.Lacking = errors.Join(tree.Lacking, enable(tree.dir))
			return tree, nil
		}
		faults = append(faults, err)
	}
	return nil, fmt.Errorf("%w: %w", ErrUnavailable, errors.Join(faults...))
}

// parents are the cgroups to try, best first. The root has no siblings.
func (m Mount) parents() []string {
	dir := filepath.Join(m.point, m.own)
	if m.own == "/" {
		return []string{dir}
	}
	return []string{filepath.Dir(dir), dir}
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
