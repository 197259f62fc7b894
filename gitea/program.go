package gitea

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The oldest git that takes its settings from its environment alone, so that no token is in its arguments.
const (
	gitMajor = 2
	gitMinor = 31
)

// Bounds of the git program.
const (
	stopGrace = 2 * time.Second // from SIGTERM, at which git removes what is half done, to SIGKILL
	saidLines = 20              // of its output kept for an error
	saidLine  = 1024            // bytes of one
)

// memorySettings keep git's memory small however large a repository or one of its files is: large files are streamed and not
// compared with each other, packs are mapped in small windows, and what is fetched becomes a pack at once.
var memorySettings = []string{
	"core.bigFileThreshold=4m", "core.packedGitWindowSize=8m", "core.packedGitLimit=32m", "core.deltaBaseCacheLimit=24m",
	"pack.windowMemory=32m", "pack.deltaCacheSize=32m", "fetch.unpackLimit=1",
}

// quietSettings turn off whatever a repository, its server or this machine could make git do beside what it is told to.
var quietSettings = []string{
	"protocol.allow=never", "protocol.http.allow=always", "protocol.https.allow=always",
	"credential.helper=", "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.alternateRefsCommand=",
	"gc.auto=0", "maintenance.auto=false", "fetch.writeCommitGraph=false", "fetch.recurseSubmodules=false", "submodule.recurse=false",
	"http.lowSpeedLimit=1", // with http.lowSpeedTime: nothing at all for that long
}

// program is the git program.
type program struct {
	path    string
	environ []string
}

var gitVersion = regexp.MustCompile(`^git version (\d+)\.(\d+)`)

// findProgram looks for git by a name or path. An error says why there is none that can be used.
func findProgram(name string, environ []string) (*program, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "version").Output()
	if err != nil {
		return nil, fmt.Errorf("%s version: %w", path, err)
	}
	if !NewEnough(string(out)) {
		return nil, fmt.Errorf("%s is too old (%s); %d.%d is needed", path, strings.TrimSpace(string(out)), gitMajor, gitMinor)
	}
	return &program{path: path, environ: environ}, nil
}

// NewEnough reports whether a git that says this of its version fetches for mirrors.
func NewEnough(said string) bool {
	v := gitVersion.FindStringSubmatch(said)
	if v == nil {
		return false
	}
	major, err1 := strconv.Atoi(v[1])
	minor, err2 := strconv.Atoi(v[2])
	return err1 == nil && err2 == nil && (major > gitMajor || major == gitMajor && minor >= gitMinor)
}

// said is what the git program said when it failed.
type said struct {
	doing string
	err   error
	lines []string
}

func (s *said) Error() string {
	words := strings.Join(s.lines[max(0, len(s.lines)-3):], "; ")
	if words == "" {
		words = s.err.Error()
	}
	return "git " + s.doing + ": " + words
}

func (s *said) Unwrap() error { return s.err }

func (s *said) says(any ...string) bool {
	all := strings.Join(s.lines, "\n")
	for _, x := range any {
		if strings.Contains(all, x) {
			return true
		}
	}
	return false
}

// call is one run of the git program in a bare repository.
type call struct {
	dir      string
	args     []string
	settings []string // KEY=VALUE, beside the usual ones
	environ  []string // NAME=VALUE, beside the usual ones
	in       io.Reader
	out      io.Writer
	line     func(string) // is told what it says of its progress
}

// passed are the variables of this process that git may see: its way to a proxy and whom it trusts.
var passed = []string{
	"PATH", "http_proxy", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "TMPDIR",
}

// env is the whole environment of a call. Settings go here, because arguments can be read by everybody on the machine.
func (p *program) env(c call) []string {
	var env []string
	for _, name := range passed {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	if file := os.Getenv("SSL_CERT_FILE"); file != "" {
		env = append(env, "GIT_SSL_CAINFO="+file)
	}
	env = append(append(env, p.environ...), c.environ...)
	env = append(env, "HOME="+c.dir, "GIT_DIR="+c.dir, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_OPTIONAL_LOCKS=0", "GIT_NO_REPLACE_OBJECTS=1")
	settings := append(append(append([]string{}, quietSettings...), memorySettings...), c.settings...)
	env = append(env, "GIT_CONFIG_COUNT="+strconv.Itoa(len(settings)))
	for i, s := range settings {
		key, value, _ := cutSetting(s)
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, value))
	}
	return env
}

// cutSetting cuts KEY=VALUE where the key ends: a key that holds an address may hold = as well, its last part does not.
func cutSetting(s string) (key, value string, ok bool) {
	if at := strings.Index(s, headerKey+"="); at >= 0 {
		return s[:at+len(headerKey)], s[at+len(headerKey)+1:], true
	}
	return strings.Cut(s, "=")
}

const headerKey = ".extraHeader"

// basic is the header that HTTP Basic needs.
func (a Auth) basic() string {
	user := a.User
	if user == "" {
		user = "aictl"
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+a.Token))
}

// start starts a call in a process group of its own. wait ends it when ctx ends, and must be called.
func (p *program) start(ctx context.Context, c call) (wait func() error, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	errs, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(p.path, append([]string{"--bare"}, c.args...)...)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = c.dir, p.env(c), c.in, c.out, in
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := errors.Join(cmd.Start(), in.Close()); err != nil {
		return nil, errors.Join(err, errs.Close())
	}
	listening := make(chan []string, 1)
	go func() { listening <- listen(errs, c.line) }()
	g := &family{pid: cmd.Process.Pid}
	unhook := context.AfterFunc(ctx, g.stop)
	return func() error {
		g.await()
		unhook()
		err := cmd.Wait()
		lines := <-listening
		if cerr := errors.Join(ctx.Err(), errs.Close()); cerr != nil {
			return cerr
		}
		if err != nil {
			return &said{doing: c.args[0], err: err, lines: lines}
		}
		return nil
	}, nil
}

func (p *program) run(ctx context.Context, c call) error {
	wait, err := p.start(ctx, c)
	if err != nil {
		return err
	}
	return wait()
}
