package procs

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode"

	"golang.org/x/sys/unix"
)

// maxEscapedID keeps the names of FIFOs and state files within what file systems take.
const maxEscapedID = 200

// Validate says everything that is wrong with the spec, joined; each fault names its field.
func (s *Spec) Validate() error {
	faults := []error{checkID(s.ID)}
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(len(s.Argv) == 0 || s.Argv[0] == "", "argv is empty: name the program to run")
	fault(!filepath.IsAbs(s.Dir), "dir %q is not an absolute path", s.Dir)
	fault(s.Log.Path != "" && !filepath.IsAbs(s.Log.Path), "log.path %q is not an absolute path", s.Log.Path)
	fault(s.Log.MaxBytes < 0 || s.Log.Files < 0, "log.max_bytes and log.files must not be negative")
	fault(s.Port < 0 || s.Port > 65535, "port %d is not between 0 and 65535", s.Port)
	for _, text := range slices.Concat(s.Argv, s.Env, []string{s.Dir}) {
		fault(strings.ContainsRune(text, 0), "argv, env and dir must not hold a NUL byte: %.40q", text)
	}
	for _, kv := range s.Env {
		fault(strings.IndexByte(kv, '=') < 1, "env entry %.40q is not NAME=VALUE", kv)
	}
	faults = append(faults, s.Restart.validate(), s.Stop.validate(), s.Limits.validate(), s.Launch.validate())
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("%w %q: %w", ErrInvalidSpec, s.ID, err)
	}
	return nil
}

func (p RestartPolicy) validate() error {
	known := []string{"", PolicyAlways, PolicyOnFailure, PolicyNever}
	if !slices.Contains(known, p.Policy) {
		return fmt.Errorf("restart.policy %q is none of always, on-failure, never", p.Policy)
	}
	if p.Backoff < 0 || p.MaxBackoff < 0 || p.Within < 0 || p.Stable < 0 {
		return errors.New("restart: backoff, max_backoff, within and stable must not be negative")
	}
	return nil
}

func (p StopPolicy) validate() error {
	if p.Grace < 0 {
		return errors.New("stop.grace must not be negative")
	}
	if p.Signal == "" {
		return nil
	}
	_, err := ParseSignal(p.Signal)
	return err
}

// ParseSignal reads a signal's name with or without SIG, in any case.
func ParseSignal(name string) (syscall.Signal, error) {
	upper := "SIG" + strings.TrimPrefix(strings.ToUpper(name), "SIG")
	if sig := unix.SignalNum(upper); sig != 0 {
		return sig, nil
	}
	return 0, fmt.Errorf("%w: %q is not a signal's name; use one such as TERM, INT, HUP, USR1", ErrInvalidSpec, name)
}

// signalName is a signal's name without SIG.
func signalName(sig syscall.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return strings.TrimPrefix(name, "SIG")
	}
	return fmt.Sprintf("%d", int(sig))
}

func checkID(id string) error {
	if id == "" {
		return errors.New("id is empty")
	}
	for _, part := range strings.Split(id, "/") {
		if part == "" || part[0] == '.' || part[0] == '-' {
			return fmt.Errorf("id %q: each part between slashes must begin with a letter or digit", id)
		}
	}
	for _, r := range id {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-/", r) {
			return fmt.Errorf("id %q: only letters, digits and . _ - / are allowed, not %q", id, r)
		}
	}
	if len(escapeID(id)) > maxEscapedID {
		return fmt.Errorf("id %.40q… is too long", id)
	}
	return nil
}

// escapeID makes a file name of an id.
func escapeID(id string) string { return url.PathEscape(id) }

// Digest is equal for two specs when a process started by one is as good as one started by the other: it covers
// program, arguments, directory, environment (in any order), port, limits and launch. Policies, log and labels are left out: they
// are changed under a running process.
func (s *Spec) Digest() string {
	env := slices.Sorted(slices.Values(s.Env))
	what := []any{s.Argv, s.Dir, env, s.Port}
	if s.Limits != (Limits{}) {
		what = append(what, s.Limits) // only then: digests of instances without limits stay as they were
	}
	if !s.Launch.none() {
		what = append(what, s.Launch)
	}
	data, err := json.Marshal(what)
	if err != nil {
		panic(err) // strings and a number always marshal
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}
