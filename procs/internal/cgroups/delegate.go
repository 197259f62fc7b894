package cgroups

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Controllers are those that limit something here.
var Controllers = []string{"memory", "cpu", "pids"}

// keeperLeaf is the group this process moves into when the one it is in has to pass controllers on: a group with
// processes of its own cannot.
const keeperLeaf = "aictl-keeper"

// control writes to the kernel; tests put something else in its place.
var control = writeControl

// enable hands the controllers down to the groups in dir. What is not there, or not ours to give, is left out: the limits that
// need it are told when they are wanted.
func enable(dir string) error {
	has, err := words(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	passed, err := words(filepath.Join(dir, "cgroup.subtree_control"))
	var faults []error
	for _, controller := range Controllers {
		if err != nil || !slices.Contains(has, controller) || slices.Contains(passed, controller) {
			continue
		}
		// One at a time: they are taken all or none.
		if fault := control(filepath.Join(dir, "cgroup.subtree_control"), "+"+controller); fault != nil {
			faults = append(faults, fmt.Errorf("pass the %s controller on: %w", controller, fault))
		}
	}
	return errors.Join(err, errors.Join(faults...))
}

// delegate makes dir, this process's own group, pass its controllers on. Where the kernel refuses because of the process
// in it, it steps aside into a leaf.
func delegate(dir string) error {
	err := enable(dir)
	if !errors.Is(err, unix.EBUSY) {
		return err
	}
	leaf := filepath.Join(dir, keeperLeaf)
	if err := makeDir(leaf); err != nil {
		return err
	}
	if err := control(filepath.Join(leaf, "cgroup.procs"), "0"); err != nil {
		return errors.Join(fmt.Errorf("step aside: %w", err), removeDir(leaf))
	}
	if err = enable(dir); errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("other processes live in the cgroup %s: %w", dir, err)
	}
	return err
}

// words reads a control file of words with blanks between.
func words(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	return strings.Fields(string(data)), err
}

// Survey says for each controller how it limits groups in this process's part of the hierarchies: "cgroup v2",
// "cgroup v1", or an error that says why it cannot. Nothing is changed.
func Survey() (how map[string]string, faults map[string]error) {
	mount, err := FindMount()
	var v2 []string
	why := err
	if err == nil {
		v2, why = mount.available()
	}
	l, err := NewLimiter(Group{}, ".", ".")
	if err != nil {
		why = errors.Join(why, err)
	}
	return survey(v2, why, l.v1)
}

func survey(v2 []string, why error, v1 map[string]string) (how map[string]string, faults map[string]error) {
	how, faults = make(map[string]string), make(map[string]error)
	for _, controller := range Controllers {
		dir, mounted := v1[controller]
		switch {
		case slices.Contains(v2, controller):
			how[controller] = "cgroup v2"
		case mounted:
			if err := unix.Access(dir, unix.W_OK); err != nil {
				faults[controller] = fmt.Errorf("no permission to make cgroups in %s: %w", dir, err)
			} else {
				how[controller] = "cgroup v1"
			}
		case why != nil:
			faults[controller] = fmt.Errorf("no %s controller: %w", controller, why)
		default:
			faults[controller] = fmt.Errorf("no %s controller is handed down to this cgroup, and none is mounted as version 1", controller)
		}
	}
	return how, faults
}

// available are the controllers that groups of services have here, or would have.
func (m Mount) available() ([]string, error) {
	own := filepath.Join(m.point, m.own)
	tree := filepath.Dir(own)
	if strings.HasPrefix(filepath.Base(tree), "aictl-") && strings.HasPrefix(filepath.Base(own), "svc-") {
		return words(filepath.Join(tree, "cgroup.subtree_control")) // we are the daemon, in a group beside the services'
	}
	var faults []error
	for _, parent := range m.parents() {
		if err := unix.Access(parent, unix.W_OK); err != nil {
			faults = append(faults, fmt.Errorf("no permission to make cgroups in %s: %w", parent, err))
			continue
		}
		file := "cgroup.subtree_control"
		if parent == own {
			file = "cgroup.controllers"
		}
		return words(filepath.Join(parent, file))
	}
	return nil, errors.Join(faults...)
}
