package procs

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	good := Spec{ID: "文本/1", Argv: []string{"x"}, Dir: "/", Env: []string{"A=b=c"}}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	tests := map[string]func(*Spec){
		"id is empty":                           func(s *Spec) { s.ID = "" },
		"must begin with a letter":              func(s *Spec) { s.ID = "../x" },
		"only letters, digits":                  func(s *Spec) { s.ID = "a b" },
		"is too long":                           func(s *Spec) { s.ID = strings.Repeat("字", 50) },
		"argv is empty":                         func(s *Spec) { s.Argv = nil },
		`dir "x" is not an absolute path`:       func(s *Spec) { s.Dir = "x" },
		`log.path "x" is not an absolute`:       func(s *Spec) { s.Log.Path = "x" },
		"must not be negative":                  func(s *Spec) { s.Log.Files = -1 },
		"port 70000":                            func(s *Spec) { s.Port = 70000 },
		"NUL byte":                              func(s *Spec) { s.Argv = []string{"a\x00"} },
		`"=x" is not NAME=VALUE`:                func(s *Spec) { s.Env = []string{"=x"} },
		`restart.policy "sometimes" is none of`: func(s *Spec) { s.Restart.Policy = "sometimes" },
		"stop.grace must not be negative":       func(s *Spec) { s.Stop.Grace = -time.Second },
		`"HARD" is not a signal's name`:         func(s *Spec) { s.Stop.Signal = "HARD" },
		"restart: backoff, max_backoff, within": func(s *Spec) { s.Restart.Backoff = -1 },
	}
	for want, spoil := range tests {
		bad := good
		spoil(&bad)
		if err := bad.Validate(); !errors.Is(err, ErrInvalidSpec) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestDigest(t *testing.T) {
	base := Spec{ID: "a", Argv: []string{"x", "y"}, Dir: "/", Env: []string{"A=1", "B=2"}, Port: 8001}
	same := map[string]func(*Spec){
		"order of env": func(s *Spec) { s.Env = []string{"B=2", "A=1"} },
		"id":           func(s *Spec) { s.ID = "b" },
		"policy":       func(s *Spec) { s.Restart.Backoff = time.Hour },
		"labels":       func(s *Spec) { s.Labels = map[string]string{"a": "b"} },
	}
	other := map[string]func(*Spec){
		"argv": func(s *Spec) { s.Argv = []string{"x y"} },
		"dir":  func(s *Spec) { s.Dir = "/tmp" },
		"env":  func(s *Spec) { s.Env = []string{"A=1"} },
		"port": func(s *Spec) { s.Port = 8002 },
	}
	for name, change := range same {
		s := base
		if change(&s); s.Digest() != base.Digest() {
			t.Errorf("%s changes the digest", name)
		}
	}
	for name, change := range other {
		s := base
		if change(&s); s.Digest() == base.Digest() {
			t.Errorf("%s does not change the digest", name)
		}
	}
}

func TestParseSignal(t *testing.T) {
	for name, want := range map[string]syscall.Signal{"TERM": syscall.SIGTERM, "SIGHUP": syscall.SIGHUP, "usr1": syscall.SIGUSR1} {
		if got, err := ParseSignal(name); err != nil || got != want {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	if signalName(syscall.SIGKILL) != "KILL" || signalName(200) != "200" {
		t.Error("names of signals")
	}
}

func TestRemoteErrorsKeepTheirIdentity(t *testing.T) {
	for code, known := range codes {
		sent := remote(errors.Join(errors.New("ocr/1"), known))
		if sent.Code != code || !errors.Is(sent, known) {
			t.Errorf("%s arrives as %s", code, sent.Code)
		}
	}
	if remote(errors.New("disk full")).Code != "internal" {
		t.Error("an error without identity")
	}
}
