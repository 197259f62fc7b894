package procs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// envHandover is "document,program": descriptors of what the keeper before this one left in the same process.
	envHandover = "AICTL_HANDOVER"
	// envHandoverFault says why the program in between has given back.
	envHandoverFault = "AICTL_HANDOVER_FAULT"
	// handoverFormat is the version of the document.
	handoverFormat = 1
)

// document is all that a keeper knows, for the program that takes its process over. It lies in memory (memfd).
type document struct {
	Format    int            `json:"format"`
	PID       int            `json:"pid"`
	StartedAt time.Time      `json:"started_at"`
	Lock      int            `json:"lock"`   // descriptors, as the next ones
	Socket    int            `json:"socket"` // of the protocol
	Listeners []passedSocket `json:"listeners"`
	Pipes     []int          `json:"pipes"` // reading ends that keep what is written meanwhile
	Daemons   []heldDaemon   `json:"daemons"`
	Seq       uint64         `json:"seq"` // number of the last change told
	Instances []heldInstance `json:"instances"`
	Upgrade   UpgradeStatus  `json:"upgrade"`
	Patience  time.Duration  `json:"patience"`
}

type passedSocket struct {
	Name string `json:"name"`
	FD   int    `json:"fd"`
}

func (d *document) fds() []int {
	fds := append([]int{d.Lock, d.Socket}, d.Pipes...)
	for _, l := range d.Listeners {
		fds = append(fds, l.FD)
	}
	return fds
}

// Handover is a keeper between two programs of one process. It owns the descriptors in the document until it is closed;
// the keeper that is made of it works with copies, so that the program can still be changed back.
type Handover struct {
	doc   document
	file  *os.File // the document
	old   *os.File // the program that wrote it
	fault string
}

// newHandover writes the document.
func newHandover(doc document) (_ *Handover, err error) {
	h := &Handover{doc: doc}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Close())
		}
	}()
	fd, err := unix.MemfdCreate("aictl-handover", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make the handover document: %w", err)
	}
	h.file = os.NewFile(uintptr(fd), "handover")
	if h.old, err = os.Open(ownProgram); err != nil {
		return nil, err
	}
	if err := json.NewEncoder(h.file).Encode(doc); err != nil {
		return nil, fmt.Errorf("write the handover document: %w", err)
	}
	return h, nil
}

// InheritedHandover is what an earlier program left in this process; nil when there is nothing. It can be called once.
// Descriptors that cannot be what they are said to be make it an error.
func InheritedHandover() (*Handover, error) {
	text, fault := os.Getenv(envHandover), os.Getenv(envHandoverFault)
	if err := errors.Join(os.Unsetenv(envHandover), os.Unsetenv(envHandoverFault)); err != nil || text == "" {
		return nil, err
	}
	first, second, _ := strings.Cut(text, ",")
	document, err := strconv.Atoi(first)
	program, err2 := strconv.Atoi(second)
	if err = errors.Join(err, err2); err != nil || document <= 2 || program <= 2 {
		return nil, fmt.Errorf("%s=%s is not two descriptors: remove it from the environment", envHandover, text)
	}
	unix.CloseOnExec(document)
	unix.CloseOnExec(program)
	h := &Handover{file: os.NewFile(uintptr(document), "handover"), old: os.NewFile(uintptr(program), "program"), fault: fault}
	if fault != "" {
		nameProcess(os.Args[0])
	}
	return h, h.read()
}

// read parses the document. It is read by position: the program before may have to read it again.
func (h *Handover) read() error {
	info, err := h.file.Stat()
	if err == nil {
		err = json.NewDecoder(io.NewSectionReader(h.file, 0, info.Size())).Decode(&h.doc)
	}
	if err != nil {
		return fmt.Errorf("read the handover document: %w", err)
	}
	if h.doc.Format != handoverFormat || h.doc.PID != os.Getpid() {
		return fmt.Errorf("handover document of format %d for process %d, wanted is format %d for %d", h.doc.Format, h.doc.PID, handoverFormat, os.Getpid())
	}
	for _, fd := range h.doc.fds() {
		unix.CloseOnExec(fd)
	}
	return nil
}

// Exec replaces the program of this process by the new one. It returns only when that did not work; Fault is then set, and a
// keeper that is made of the Handover goes on with the old program.
func (h *Handover) Exec() error {
	err := h.exec(h.doc.Upgrade.Program, "")
	h.fault = err.Error()
	return err
}

// GoBack replaces the program of this process by the one that wrote the document. It returns only when that did not work.
func (h *Handover) GoBack(why error) error {
	return h.exec("/proc/self/fd/"+strconv.Itoa(int(h.old.Fd())), why.Error())
}

func (h *Handover) exec(program, fault string) error {
	env := append(without(os.Environ(), envHandover, envHandoverFault),
		fmt.Sprintf("%s=%d,%d", envHandover, h.file.Fd(), h.old.Fd()))
	if fault != "" {
		env = append(env, envHandoverFault+"="+fault)
	}
	fds := append(h.doc.fds(), int(h.file.Fd()), int(h.old.Fd()))
	err := inheritable(fds, true)
	if err == nil {
		err = syscall.Exec(program, os.Args, env)
	}
	return errors.Join(fmt.Errorf("run %s in the keeper's place: %w", program, err), inheritable(fds, false))
}

// inheritable says whether descriptors outlive an exec.
func inheritable(fds []int, yes bool) error {
	flag := unix.FD_CLOEXEC
	if yes {
		flag = 0
	}
	for _, fd := range fds {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, flag); err != nil {
			return fmt.Errorf("descriptor %d: %w", fd, err)
		}
	}
	return nil
}

// Close gives up the descriptors.
func (h *Handover) Close() error {
	fds := h.doc.fds()
	h.doc.Lock, h.doc.Socket, h.doc.Pipes, h.doc.Listeners = -1, -1, nil, nil
	var faults []error
	for _, fd := range fds {
		if fd > 2 {
			faults = append(faults, syscall.Close(fd))
		}
	}
	for _, file := range []*os.File{h.file, h.old} {
		if file != nil {
			faults = append(faults, file.Close())
		}
	}
	return errors.Join(faults...)
}

// copyOf is a descriptor of the same thing.
func copyOf(fd int, what string) (*os.File, error) {
	own, err := dupFD(fd)
	if err != nil {
		return nil, fmt.Errorf("take over %s: %w", what, err)
	}
	return os.NewFile(uintptr(own), what), nil
}

// nameProcess makes a program that was run by its descriptor look in lists of processes as its name says.
func nameProcess(program string) {
	if err := os.WriteFile("/proc/self/comm", []byte(filepath.Base(program)), 0); err != nil {
		slog.Debug("name this process", "err", err) // only what people see depends on it
	}
}
