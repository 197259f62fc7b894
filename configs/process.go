package configs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Process is what an instance's processes run as. Empty and zero values leave what aictl has itself.
type Process struct {
	User  string `yaml:"user,omitempty" json:"user,omitempty"`   // name or number
	Group string `yaml:"group,omitempty" json:"group,omitempty"` // name or number; the user's own when empty
	Umask string `yaml:"umask,omitempty" json:"umask,omitempty"` // octal
	Nice  int    `yaml:"nice,omitempty" json:"nice,omitempty"`   // -20 to 19
	// OOMScoreAdj is -1000 (never killed for want of memory) to 1000 (killed first).
	OOMScoreAdj int `yaml:"oom_score_adj,omitempty" json:"oom_score_adj,omitempty"`
}

// Rlimit is a resource limit of the kernel, soft and hard: a number, bytes where those are its unit, or Unlimited.
type Rlimit int64

// Unlimited is the Rlimit that is none.
const Unlimited Rlimit = -1

// RlimitNames are the names that resources.rlimits may hold; open files have a key of their own.
var RlimitNames = []string{
	"as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nproc", "rtprio", "sigpending", "stack",
}

var (
	accountRE = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$`)
	umaskRE   = regexp.MustCompile(`^0?[0-7]{1,3}$`)
)

func (p Process) check(c *checker) {
	c.account("process.user", p.User)
	c.account("process.group", p.Group)
	if p.Umask != "" && !umaskRE.MatchString(p.Umask) {
		c.fault("process.umask", "%q is not an octal mask (write \"022\" or \"027\")", clip(p.Umask))
	}
	c.between("process.nice", p.Nice, -20, 19)
	c.between("process.oom_score_adj", p.OOMScoreAdj, -1000, 1000)
}

// minLaunchPids is what the stub that sets limits on processes may need in threads before it becomes the program.
const minLaunchPids = 8

// checkPids refuses a bound that not even the start would keep.
func (m *Manifest) checkPids(c *checker) {
	r := m.Resource
	if r.Pids > 0 && r.Pids < minLaunchPids && (r.Nofile > 0 || len(r.Rlimits) > 0 || m.Process != Process{}) {
		c.fault("resources.pids", "%d is too few for a start with nofile, rlimits or process: at least %d", r.Pids, minLaunchPids)
	}
}

func (c *checker) account(path, name string) {
	if name != "" && !accountRE.MatchString(name) {
		c.fault(path, "%q cannot be a name or number of this machine", clip(name))
	}
}

func checkRlimits(c *checker, limits map[string]Rlimit) {
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		if slices.Contains(RlimitNames, name) {
			continue
		}
		hint := "one of " + strings.Join(RlimitNames, ", ")
		if near := suggest(name, RlimitNames); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		if name == "nofile" {
			hint = "write resources.nofile"
		}
		c.fault("resources.rlimits."+name, "unknown limit (%s)", hint)
	}
}

// String is the text form: a number, a size with its unit, or "unlimited".
func (r Rlimit) String() string {
	if r == Unlimited {
		return "unlimited"
	}
	return Size(r).String()
}

// MarshalText writes the text form.
func (r Rlimit) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// MarshalYAML writes the text form.
func (r Rlimit) MarshalYAML() (any, error) { return r.String(), nil }

// UnmarshalText reads a number, a size (64MiB) or "unlimited".
func (r *Rlimit) UnmarshalText(text []byte) error {
	if s := strings.ToLower(strings.TrimSpace(string(text))); s == "unlimited" || s == "infinity" {
		*r = Unlimited
		return nil
	}
	if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n < 0 {
		return fmt.Errorf("%d is negative (write unlimited for no limit)", n)
	}
	return (*Size)(r).UnmarshalText(text)
}
