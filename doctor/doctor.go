// Package doctor looks at a machine and says what aictl needs and does not find, and how to mend it.
package doctor

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"aictl/procs"
)

// Verdict is the outcome of a check.
type Verdict string

// A Warn costs comfort or a feature; a Fail keeps aictl or most services from working.
const (
	OK   Verdict = "ok"
	Warn Verdict = "warn"
	Fail Verdict = "fail"
)

// Text is a message that can be shown in another language: the format is the key.
type Text struct {
	Format string
	Args   []any
}

// String is the message in English.
func (t Text) String() string {
	if len(t.Args) == 0 {
		return t.Format
	}
	return fmt.Sprintf(t.Format, t.Args...)
}

func say(format string, args ...any) Text { return Text{format, args} }

// Result is what one check found. Mend is empty when there is nothing to do.
type Result struct {
	Check   string // stable name: "python", "ports" …
	Verdict Verdict
	Detail  Text
	Mend    Text
}

// Options are the settings the checks look at.
type Options struct {
	DataDir       string
	Listen        string // API
	GatewayListen string
	// TLSCert and GatewayTLSCert are the listeners' certificate files; "" for plain HTTP.
	TLSCert, GatewayTLSCert string

	PortLow  int
	PortHigh int
	// Daemon asks the daemon for its version; an error says that none answers.
	Daemon func(ctx context.Context) (version string, err error)
	// Pushes asks the daemon what keeps pushes from arriving; it may be nil.
	Pushes func(ctx context.Context) (Pushes, error)
	// Giteas asks the daemon about the connected Giteas; it may be nil.
	Giteas func(ctx context.Context) ([]Gitea, error)
}

// Commands finds and runs programs.
type Commands interface {
	LookPath(name string) (string, error)
	// Output is what the program printed on both streams.
	Output(ctx context.Context, name string, args ...string) (string, error)
}

// Files reads the file system.
type Files interface {
	ReadFile(name string) ([]byte, error)
	Stat(name string) (fs.FileInfo, error)
	// Writable tries to make a file in dir.
	Writable(dir string) error
}

// Kernel answers what only the kernel knows.
type Kernel interface {
	// Bind tries to listen on a TCP address and closes it again.
	Bind(addr string) error
	Disk(dir string) (Disk, error)
	// OpenFiles are the soft and hard limits on open files.
	OpenFiles() (soft, hard uint64, err error)
	// Clock is the time, and whether something keeps it synchronised.
	Clock() (now time.Time, synchronised bool, err error)
	// UID is the effective user id.
	UID() int
	// Enforceable says which limits on instances can be enforced.
	Enforceable() []procs.Enforcement
}

// Disk is the room on a file system, in bytes and inodes.
type Disk struct {
	Free, Total   uint64
	FreeInodes    uint64
	HasInodeCount bool // some file systems have no fixed number of inodes
}

// System is the machine as the checks see it.
type System interface {
	Commands
	Files
	Kernel
}

// Run makes every check, in the order a person would read them.
func Run(ctx context.Context, sys System, opts Options) []Result {
	daemon, up := checkDaemon(ctx, opts)
	results := []Result{
		checkPython(ctx, sys),
		checkUV(ctx, sys),
		checkNode(ctx, sys),
		checkGit(ctx, sys),
		checkListen(sys, opts, up),
		checkTLS(sys, opts),
		checkPorts(sys, opts, up),
		checkDataDir(sys, opts),
		checkDisk(sys, opts),
		checkFiles(sys),
	}
	results = append(results, checkLimits(sys)...)
	results = append(results, checkClock(sys), daemon)
	results = append(results, checkPushes(ctx, opts, up)...)
	return append(results, checkGiteas(ctx, opts, up)...)
}

// Worst is the worst verdict of all results; OK without any.
func Worst(results []Result) Verdict {
	worst := OK
	for _, r := range results {
		if r.Verdict == Fail {
			return Fail
		}
		if r.Verdict == Warn {
			worst = Warn
		}
	}
	return worst
}

func ok(check string, detail Text) Result { return Result{Check: check, Verdict: OK, Detail: detail} }

func warn(check string, detail, mend Text) Result { return Result{check, Warn, detail, mend} }

func bad(check string, detail, mend Text) Result { return Result{check, Fail, detail, mend} }
