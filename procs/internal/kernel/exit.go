package kernel

import (
	"errors"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Exit is how a process ended: Signal is 0 unless a signal ended it.
type Exit struct {
	Code   int
	Signal syscall.Signal
}

// ErrExitUnknown says that the kernel cannot tell this process how another one ended.
var ErrExitUnknown = errors.New("the exit status is not known to this process")

// childInfo is the SIGCHLD member of siginfo_t.
type childInfo struct {
	signo, errno, code, _ int32
	pid                   int32
	uid                   uint32
	status                int32
}

// cldExited is si_code CLD_EXITED: status is an exit code, not a signal.
const cldExited = 1

// PeekExit tells how an exited child ended and leaves it a zombie, so that its pid and group stay its own.
// For a process that is not a child the answer is ErrExitUnknown.
func (p *Pidfd) PeekExit() (Exit, error) { return p.wait(unix.WNOWAIT) }

// Reap frees the pid of an exited child.
func (p *Pidfd) Reap() (Exit, error) { return p.wait(0) }

func (p *Pidfd) wait(flags int) (Exit, error) {
	var exit Exit
	var fault error
	err := p.raw.Control(func(fd uintptr) {
		var info childInfo
		info, fault = waitid(unix.P_PIDFD, int(fd), flags)
		exit = info.exit()
	})
	if errors.Is(fault, unix.ECHILD) {
		return Exit{}, ErrExitUnknown
	}
	return exit, errors.Join(err, fault)
}

func waitid(kind, id, flags int) (childInfo, error) {
	var info unix.Siginfo
	for {
		err := unix.Waitid(kind, id, &info, unix.WEXITED|unix.WNOHANG|flags, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		child := *(*childInfo)(unsafe.Pointer(&info))
		if err == nil && child.pid == 0 {
			return child, unix.EAGAIN
		}
		return child, err
	}
}

func (c childInfo) exit() Exit {
	if c.code == cldExited {
		return Exit{Code: int(c.status)}
	}
	return Exit{Signal: syscall.Signal(c.status)}
}

// ReportedExit asks the kernel for the exit status of a process that need not be a child (Linux 6.15 and later;
// it is there once the process's parent has reaped it). ErrExitUnknown means not there, now or ever.
func (p *Pidfd) ReportedExit() (Exit, error) {
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
	var errno syscall.Errno
	err := p.raw.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, unix.PIDFD_GET_INFO, uintptr(unsafe.Pointer(&info)))
	})
	if err != nil {
		return Exit{}, err
	}
	if errno != 0 || info.Mask&unix.PIDFD_INFO_EXIT == 0 {
		return Exit{}, ErrExitUnknown
	}
	return exitOf(syscall.WaitStatus(info.Exit_code)), nil
}

func exitOf(status syscall.WaitStatus) Exit {
	if status.Signaled() {
		return Exit{Signal: status.Signal()}
	}
	return Exit{Code: status.ExitStatus()}
}

// PeekAnyZombie names one exited child without reaping it, or 0 when there is none.
func PeekAnyZombie() (int, error) {
	info, err := waitid(unix.P_ALL, 0, unix.WNOWAIT)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ECHILD) {
		return 0, nil
	}
	return int(info.pid), err
}

// ReapPID frees the pid of one exited child known by number only.
func ReapPID(pid int) error {
	_, err := waitid(unix.P_PID, pid, 0)
	return err
}

// BecomeSubreaper makes orphaned descendants children of this process instead of init's.
func BecomeSubreaper() error {
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}
