package launch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// refused is the exit code of a stub that did not become its program.
const refused = 127

// The stub takes over while packages are still being initialised: this one comes before everything heavy, and in every
// program that holds a keeper, whatever its main does. The initialising goroutine is on the main thread, whose nice value
// and credentials are those that survive exec.
func init() {
	if len(os.Args) > 2 && os.Args[0] == Name {
		os.Exit(run(os.Args[1], os.Args[2], os.Args[3:]))
	}
}

// run becomes the program; it only returns when that failed, or when there is none.
func run(order, program string, argv []string) int {
	var o Order
	if err := json.Unmarshal([]byte(order), &o); err != nil {
		fmt.Fprintln(os.Stderr, "aictl-launch: this is started by aictl, not by hand:", err)
		return refused
	}
	unix.CloseOnExec(o.Status)
	fault := o.launch(program, argv)
	if fault == nil {
		return 0
	}
	status := os.NewFile(uintptr(o.Status), "status")
	if err := json.NewEncoder(status).Encode(fault); err != nil {
		fmt.Fprintln(os.Stderr, "aictl-launch:", fault.Text)
	}
	return refused
}

func (o Order) launch(program string, argv []string) *Fault {
	env := os.Environ()
	err := o.apply()
	if err == nil && program != "" {
		err = o.reach(program)
	}
	if err == nil {
		err = o.smother()
	}
	if err != nil {
		return &Fault{Text: err.Error()}
	}
	if program == "" {
		return nil
	}
	err = syscall.Exec(program, argv, env)
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return &Fault{Errno: errno, Text: err.Error()}
	}
	return &Fault{Text: err.Error()}
}

// reach checks that another user can get to the folder and the program, and names what is in the way: exec's own
// EACCES does not.
func (o Order) reach(program string) error {
	if o.Identity == nil {
		return nil
	}
	for _, path := range []string{o.Dir, program} {
		_, err := filepath.EvalSymlinks(path)
		var at *fs.PathError
		if errors.As(err, &at) && errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("%s cannot get to %s: no permission for %s; open the folders above it for this user (chmod o+x), or place it elsewhere",
				o.Identity.Name, path, at.Path)
		}
	}
	if err := unix.Access(o.Dir, unix.R_OK|unix.X_OK); errors.Is(err, unix.EACCES) {
		return fmt.Errorf("%s may not read the folder %s: give it to this user or its group", o.Identity.Name, o.Dir)
	}
	if err := unix.Access(program, unix.X_OK); errors.Is(err, unix.EACCES) {
		return fmt.Errorf("%s may not run %s: it is not executable for this user; check its mode", o.Identity.Name, program)
	}
	return nil
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) }

func sortedKeys(m map[string]int64) []string { return slices.Sorted(maps.Keys(m)) }
