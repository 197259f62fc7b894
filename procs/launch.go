package procs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"aictl/procs/internal/launch"
)

// Unlimited is the value of a resource limit that is none.
const Unlimited = launch.Unlimited

// Launch is what a leader is given before its first instruction and hands down to its children. Zero values leave what
// the keeper has itself.
type Launch struct {
	// Rlimits are soft and hard resource limits by name (nofile, core …), in the kernel's units; Unlimited for none.
	Rlimits map[string]int64 `json:"rlimits,omitempty"`
	User    string           `json:"user,omitempty"`  // name or number, with its supplementary groups
	Group   string           `json:"group,omitempty"` // name or number; the user's own when empty
	Umask   string           `json:"umask,omitempty"` // octal: "027"
	Nice    int              `json:"nice,omitempty"`  // -20 (first) to 19 (last)
	// OOMScoreAdj is -1000 (never killed for want of memory) to 1000 (first).
	OOMScoreAdj int `json:"oom_score_adj,omitempty"`
}

// RlimitNames are the names Launch.Rlimits may have, sorted.
func RlimitNames() []string { return slices.Sorted(maps.Keys(launch.Resources)) }

// none says that a plain fork and exec does.
func (l Launch) none() bool {
	return len(l.Rlimits) == 0 && l.User == "" && l.Group == "" && l.Umask == "" && l.Nice == 0 && l.OOMScoreAdj == 0
}

func (l Launch) validate() error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(l.Rlimits)) {
		if _, known := launch.Resources[name]; !known {
			faults = append(faults, fmt.Errorf("launch.rlimits: %q is none of %s", name, strings.Join(RlimitNames(), ", ")))
		} else if l.Rlimits[name] < Unlimited {
			faults = append(faults, fmt.Errorf("launch.rlimits.%s is negative", name))
		}
	}
	if _, err := parseUmask(l.Umask); err != nil {
		faults = append(faults, err)
	}
	if l.Nice < -20 || l.Nice > 19 {
		faults = append(faults, fmt.Errorf("launch.nice %d is not between -20 and 19", l.Nice))
	}
	if l.OOMScoreAdj < -1000 || l.OOMScoreAdj > 1000 {
		faults = append(faults, fmt.Errorf("launch.oom_score_adj %d is not between -1000 and 1000", l.OOMScoreAdj))
	}
	return errors.Join(faults...)
}

// parseUmask reads an octal mask; -1 stands for "".
func parseUmask(text string) (int, error) {
	if text == "" {
		return -1, nil
	}
	mask, err := strconv.ParseUint(text, 8, 32)
	if err != nil || mask > 0o777 {
		return 0, fmt.Errorf("launch.umask %q is not an octal mask such as 022 or 027", text)
	}
	return int(mask), nil
}

// order is the launch with names turned into numbers. A user or group that does not exist is an error.
func (l Launch) order(dir string) (launch.Order, error) {
	o := launch.Order{Rlimits: l.Rlimits, Dir: dir}
	mask, err := parseUmask(l.Umask)
	if err != nil {
		return o, err
	}
	if mask >= 0 {
		o.Umask = &mask
	}
	if l.Nice != 0 {
		o.Nice = &l.Nice
	}
	if l.OOMScoreAdj != 0 {
		o.OOMScoreAdj = &l.OOMScoreAdj
	}
	id, err := FindIdentity(l.User, l.Group)
	if err == nil && id != nil {
		o.Identity = &launch.Identity{Name: id.String(), UID: id.UID, GID: id.GID, Groups: id.Groups}
	}
	return o, err
}

// Identity is a user of this machine as a service runs under it.
type Identity struct {
	Name   string // "" for a number nobody has a name for
	Home   string // "" when unknown or not there
	UID    int
	GID    int
	Groups []int
}

func (i *Identity) String() string {
	if i.Name == "" {
		return "user " + strconv.Itoa(i.UID)
	}
	return "user " + i.Name
}

// FindIdentity looks up a user and a group, each by name or number. Both empty is no identity; without a user, it
// is this process's own with another group. An unknown name is an error that says what to do.
func FindIdentity(name, group string) (*Identity, error) {
	if name == "" && group == "" {
		return nil, nil
	}
	id := &Identity{UID: os.Getuid(), GID: os.Getgid()}
	if name == "" {
		name = strconv.Itoa(id.UID)
	}
	if err := id.takeUser(name); err != nil {
		return nil, err
	}
	if group == "" {
		return id, nil
	}
	gid, err := findGroup(group)
	id.GID = gid
	return id, err
}

func (i *Identity) takeUser(name string) error {
	number, notNumber := strconv.ParseUint(name, 10, 31)
	account, err := user.Lookup(name)
	if err != nil && notNumber == nil {
		account, err = user.LookupId(name)
	}
	if err != nil && notNumber == nil { // a number needs no account: it has no groups and no home then
		i.UID, i.GID = int(number), int(number)
		return nil
	}
	if err != nil {
		return fmt.Errorf("there is no user %q on this machine: create it (useradd --system --create-home %s), or correct the name", name, name)
	}
	ids := []*int{&i.UID, &i.GID}
	for k, text := range []string{account.Uid, account.Gid} {
		if *ids[k], err = strconv.Atoi(text); err != nil {
			return fmt.Errorf("user %s: %w", name, err)
		}
	}
	i.Name = account.Username
	if info, err := os.Stat(account.HomeDir); err == nil && info.IsDir() {
		i.Home = account.HomeDir
	}
	groups, err := account.GroupIds()
	if err != nil {
		return fmt.Errorf("groups of user %s: %w", name, err)
	}
	for _, text := range groups {
		if gid, err := strconv.Atoi(text); err == nil {
			i.Groups = append(i.Groups, gid)
		}
	}
	return nil
}

func findGroup(name string) (int, error) {
	text := name
	if found, err := user.LookupGroup(name); err == nil {
		text = found.Gid
	}
	gid, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("there is no group %q on this machine: create it (groupadd --system %s), or correct the name", name, name)
	}
	return int(gid), nil
}

// launchPatience bounds the way from the stub to the program; only a file system that hangs needs it.
const launchPatience = 30 * time.Second

// stub is a launch under way.
type stub struct {
	path   string
	argv   []string
	status *os.File // what the stub says
	end    *os.File // its end of that
}

// newStub makes ready a stub that becomes path with argv; number is the descriptor its end will have in the child.
func newStub(c command, path string, number int) (*stub, error) {
	order, err := c.launch.order(c.dir)
	if err != nil {
		return nil, err
	}
	order.Status = number
	s := &stub{path: launch.Path}
	if s.argv, err = order.Argv(path, c.argv); err != nil {
		return nil, err
	}
	if order.Identity != nil && path != "" {
		// A service that opens /dev/stdout anew must be allowed to.
		for _, fd := range []int{c.stdout, c.stderr} {
			if err := ownFIFO(fd, order.Identity.UID, order.Identity.GID); err != nil {
				return nil, fmt.Errorf("give the service its output: %w", err)
			}
		}
	}
	s.status, s.end, err = os.Pipe()
	return s, err
}

// ownFIFO gives a FIFO to the user. Without the privilege nothing is lost: the stub tells that it is missing.
func ownFIFO(fd, uid, gid int) error {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil || stat.Mode&unix.S_IFMT != unix.S_IFIFO {
		return err
	}
	if err := unix.Fchown(fd, uid, gid); !errors.Is(err, unix.EPERM) {
		return err
	}
	return nil
}

// began closes the child's end, which only the stub holds from now on.
func (s *stub) began() error { return s.end.Close() }

// await returns once the stub has become the program; an error says why it has not.
func (s *stub) await() error {
	err := s.status.SetReadDeadline(time.Now().Add(launchPatience))
	if err == nil {
		err = launch.ReadFault(s.status)
	}
	return errors.Join(err, s.status.Close())
}

// drop is for a stub that was never started.
func (s *stub) drop() error { return errors.Join(s.end.Close(), s.status.Close()) }

// isRefusal says that a launch was refused for what was asked, not for where it happened.
func isRefusal(err error) bool {
	var fault *launch.Fault
	return errors.As(err, &fault)
}

// Probe tries whether this process could start a service so, by starting nothing with it. Its error is what the start of
// an instance would say.
func (l Launch) Probe(ctx context.Context) error {
	if l.none() {
		return nil
	}
	s, err := newStub(command{launch: l, dir: "/"}, "", 3)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, s.path)
	cmd.Args, cmd.Env, cmd.ExtraFiles = s.argv, []string{}, []*os.File{s.end}
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("try the limits: %w", err), s.drop())
	}
	err = errors.Join(s.began(), s.await())
	if ended := cmd.Wait(); err == nil && ended != nil {
		err = fmt.Errorf("try the limits: %w", ended)
	}
	return err
}
