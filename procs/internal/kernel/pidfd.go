package kernel

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Pidfd refers to one process for as long as it is open; a recycled pid never shows up behind it.
type Pidfd struct {
	file *os.File
	raw  syscall.RawConn
}

// NewPidfd takes over the descriptor fd and puts it on the runtime's poller, so that waiting costs no thread.
func NewPidfd(fd int) (*Pidfd, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(fmt.Errorf("make pidfd non-blocking: %w", err), unix.Close(fd))
	}
	file := os.NewFile(uintptr(fd), "pidfd")
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("pidfd: %w", err), file.Close())
	}
	return &Pidfd{file: file, raw: raw}, nil
}

// OpenPidfd opens a pidfd on pid, which may be any process. Check the process's identity after opening, not before.
func OpenPidfd(pid int) (*Pidfd, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("open pidfd of %d: %w", pid, err)
	}
	return NewPidfd(fd)
}

// Wait blocks until the process has exited or the Pidfd is closed (os.ErrClosed).
func (p *Pidfd) Wait() error {
	var fault error
	err := p.raw.Read(func(fd uintptr) bool {
		ready, err := exited(int(fd))
		fault = err
		return ready || err != nil
	})
	return errors.Join(err, fault)
}

// Exited says whether the process has exited, without waiting.
func (p *Pidfd) Exited() (bool, error) {
	var ready bool
	var fault error
	err := p.raw.Control(func(fd uintptr) { ready, fault = exited(int(fd)) })
	return ready, errors.Join(err, fault)
}

func exited(fd int) (bool, error) {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return n > 0, err
	}
}

// Signal sends sig to the process itself.
func (p *Pidfd) Signal(sig syscall.Signal) error { return p.send(sig, 0) }

// SignalGroup sends sig to the process group the process leads. Kernels before 6.9 answer EINVAL.
func (p *Pidfd) SignalGroup(sig syscall.Signal) error {
	return p.send(sig, unix.PIDFD_SIGNAL_PROCESS_GROUP)
}

func (p *Pidfd) send(sig syscall.Signal, flags int) error {
	var fault error
	err := p.raw.Control(func(fd uintptr) { fault = unix.PidfdSendSignal(int(fd), sig, nil, flags) })
	return errors.Join(err, fault)
}

// Close releases the descriptor and wakes Wait.
func (p *Pidfd) Close() error { return p.file.Close() }
