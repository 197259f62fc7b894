package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"aictl/procs"
)

// Machine is the System this program runs on.
type Machine struct{}

// LookPath finds a program on the PATH.
func (Machine) LookPath(name string) (string, error) { return exec.LookPath(name) }

// Output runs a program for at most ten seconds.
func (Machine) Output(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// ReadFile reads a whole file.
func (Machine) ReadFile(name string) ([]byte, error) { return os.ReadFile(name) }

// Stat describes a file.
func (Machine) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// Writable makes a file in dir and removes it again. In /sys, where no files can be made, access rights are asked.
func (Machine) Writable(dir string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err == nil && (st.Type == unix.CGROUP_SUPER_MAGIC || st.Type == unix.CGROUP2_SUPER_MAGIC) {
		return unix.Access(dir, unix.W_OK)
	}
	f, err := os.CreateTemp(dir, ".aictl-doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Bind listens on addr for a moment.
func (Machine) Bind(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return l.Close()
}

// Disk measures the file system that holds dir, as an ordinary user may fill it.
func (Machine) Disk(dir string) (Disk, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return Disk{}, fmt.Errorf("statfs %s: %w", dir, err)
	}
	block := uint64(st.Bsize)
	return Disk{Free: st.Bavail * block, Total: st.Blocks * block, FreeInodes: st.Ffree, HasInodeCount: st.Files > 0}, nil
}

// OpenFiles reads RLIMIT_NOFILE.
func (Machine) OpenFiles() (soft, hard uint64, err error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, 0, err
	}
	return min(limit.Cur, math.MaxInt32), min(limit.Max, math.MaxInt32), nil
}

// Clock reads the time and asks the kernel whether anything disciplines it.
func (Machine) Clock() (time.Time, bool, error) {
	var tx unix.Timex
	state, err := unix.Adjtimex(&tx)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		// Some sandboxes forbid even reading; the host's clock is the host's business then.
		return time.Now(), true, nil
	}
	if err != nil {
		return time.Time{}, false, err
	}
	return time.Now(), state != unix.TIME_ERROR && tx.Status&unix.STA_UNSYNC == 0, nil
}

// UID is the effective user id.
func (Machine) UID() int { return os.Geteuid() }

// Enforceable asks the kernel for its cgroups.
func (Machine) Enforceable() []procs.Enforcement { return procs.Enforceable() }
