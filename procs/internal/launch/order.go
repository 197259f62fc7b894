// Package launch bounds a process before its first instruction. What the parent cannot give a child between fork and
// exec (resource limits, umask, nice value, user) is set by a stub: this same program, started under another name, which
// sets it and then becomes the wanted program by exec. No shell is involved, and the keeper's own settings stay as they are.
package launch

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Name is what the stub is called in argv[0]; nothing else is started under it.
const Name = "aictl-launch"

// Unlimited is the limit that is none.
const Unlimited = -1

// Order is what the stub sets before it becomes the program.
type Order struct {
	Rlimits     map[string]int64 `json:"rlimits,omitempty"` // soft and hard, by the names in Resources; bytes where that is the unit
	Identity    *Identity        `json:"identity,omitempty"`
	Umask       *int             `json:"umask,omitempty"`
	Nice        *int             `json:"nice,omitempty"`
	OOMScoreAdj *int             `json:"oom_score_adj,omitempty"`
	Dir         string           `json:"dir,omitempty"` // where the program runs, to say who may not go there
	Status      int              `json:"status"`        // descriptor a Fault is written to; closed by a successful exec
}

// Identity is whom the program runs as. Name is for messages.
type Identity struct {
	Name   string `json:"name"`
	UID    int    `json:"uid"`
	GID    int    `json:"gid"`
	Groups []int  `json:"groups,omitempty"`
}

// Resources are the resource limits that can be set, and the kernel's numbers for them.
var Resources = map[string]int{
	"as": unix.RLIMIT_AS, "core": unix.RLIMIT_CORE, "cpu": unix.RLIMIT_CPU, "data": unix.RLIMIT_DATA,
	"fsize": unix.RLIMIT_FSIZE, "locks": unix.RLIMIT_LOCKS, "memlock": unix.RLIMIT_MEMLOCK,
	"msgqueue": unix.RLIMIT_MSGQUEUE, "nice": unix.RLIMIT_NICE, "nofile": unix.RLIMIT_NOFILE, "nproc": unix.RLIMIT_NPROC,
	"rtprio": unix.RLIMIT_RTPRIO, "sigpending": unix.RLIMIT_SIGPENDING, "stack": unix.RLIMIT_STACK,
}

// Fault is why the stub did not become the program. Errno is set when exec refused; Text says everything else.
type Fault struct {
	Errno syscall.Errno `json:"errno,omitempty"`
	Text  string        `json:"text"`
}

func (f *Fault) Error() string { return f.Text }

// Is lets errors.Is find the errno of exec.
func (f *Fault) Is(target error) bool { return f.Errno != 0 && f.Errno == target }

// Argv is the command line of a stub that becomes program with argv. An empty program only tries the settings.
func (o Order) Argv(program string, argv []string) ([]string, error) {
	data, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	return append([]string{Name, string(data), program}, argv...), nil
}

// Path is the stub: this program, also when its file was replaced meanwhile.
const Path = "/proc/self/exe"

// ReadFault reads what a stub said. It returns nil when the stub became the program.
func ReadFault(status *os.File) error {
	var fault Fault
	data := make([]byte, 0, 4096)
	for {
		n, err := status.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case n == 0 && len(data) == 0 && isEOF(err):
			return nil
		case isEOF(err) || len(data) == cap(data):
			if err := json.Unmarshal(data, &fault); err != nil || fault.Text == "" {
				return fmt.Errorf("the stub that sets limits said %.200q", data)
			}
			return &fault
		case err != nil:
			return fmt.Errorf("the stub that sets limits did not get to the program: %w", err)
		}
	}
}

// apply sets everything but the last limits, what needs privileges before those are dropped.
func (o Order) apply() error {
	if o.OOMScoreAdj != nil {
		if err := setOOMScoreAdj(*o.OOMScoreAdj); err != nil {
			return err
		}
	}
	if o.Nice != nil {
		if err := unix.Setpriority(unix.PRIO_PROCESS, 0, *o.Nice); err != nil {
			return denied(fmt.Sprintf("set nice to %d", *o.Nice), err, "less than 0, or than aictl's own, needs root")
		}
	}
	if o.Umask != nil {
		unix.Umask(*o.Umask)
	}
	for _, name := range sortedKeys(o.Rlimits) {
		if err := setRlimit(name, o.Rlimits[name], slices.Contains(smothering, name)); err != nil {
			return err
		}
	}
	return o.become()
}

// smothering are the limits under which the stub itself may not be able to go on; they are set last.
var smothering = []string{"as", "data", "stack", "nofile", "fsize"}

func (o Order) smother() error {
	for _, name := range smothering {
		if value, wanted := o.Rlimits[name]; wanted {
			if err := setRlimit(name, value, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// setRlimit sets soft and hard limit. With raiseOnly, it does no more than what needs privileges.
func setRlimit(name string, value int64, raiseOnly bool) error {
	resource, known := Resources[name]
	if !known {
		return fmt.Errorf("cannot set %s: this version knows no such limit", name)
	}
	want := uint64(unix.RLIM_INFINITY)
	if value != Unlimited {
		want = uint64(value)
	}
	var has unix.Rlimit
	if err := unix.Prlimit(0, resource, nil, &has); err != nil {
		return fmt.Errorf("cannot read the limit %s: %w", name, err)
	}
	next := unix.Rlimit{Cur: want, Max: want}
	if raiseOnly {
		next = unix.Rlimit{Cur: has.Cur, Max: max(want, has.Max)}
	}
	err := unix.Prlimit(0, resource, &next, nil)
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("cannot set %s to %s: the hard limit is %s; ask for less, or raise it for aictl itself%s",
			name, showLimit(want), showLimit(has.Max), unitHint(name))
	}
	if err != nil {
		return fmt.Errorf("cannot set %s to %s: %w", name, showLimit(want), err)
	}
	return nil
}

// unitHint names the setting of a systemd unit that raises a limit.
func unitHint(name string) string {
	return " (Limit" + strings.ToUpper(name) + "= in its unit)"
}

func showLimit(n uint64) string {
	if n == uint64(unix.RLIM_INFINITY) {
		return "unlimited"
	}
	return strconv.FormatUint(n, 10)
}

func setOOMScoreAdj(value int) error {
	err := os.WriteFile("/proc/self/oom_score_adj", []byte(strconv.Itoa(value)), 0)
	if err != nil {
		return denied(fmt.Sprintf("set oom_score_adj to %d", value), err, "less than aictl's own needs CAP_SYS_RESOURCE")
	}
	return nil
}

// become takes on the identity for good.
func (o Order) become() error {
	id := o.Identity
	if id == nil {
		return nil
	}
	same := id.UID == os.Getuid() && id.GID == os.Getgid()
	if err := syscall.Setgroups(id.Groups); err != nil && !same {
		return denied("run as "+id.Name, err, "only root may start services as another user: needs root")
	}
	if err := syscall.Setresgid(id.GID, id.GID, id.GID); err != nil {
		return denied("run as "+id.Name, err, "needs root")
	}
	if err := syscall.Setresuid(id.UID, id.UID, id.UID); err != nil {
		return denied("run as "+id.Name, err, "needs root")
	}
	return nil
}

// denied explains a lack of privileges.
func denied(doing string, err error, hint string) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("cannot %s: not permitted; %s", doing, hint)
	}
	return fmt.Errorf("cannot %s: %w", doing, err)
}
