package envs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// alive reports whether the process whose id a file holds exists and is no zombie.
func alive(file string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strings.TrimSpace(string(text)), "stat"))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// family starts children in the shell's group, in a session of its own, and orphaned; each writes its id.
const family = `
sh -c 'echo $$ > child; sleep 60 & wait' &
setsid sh -c 'echo $$ > session; sleep 60 & wait' &
(setsid sh -c 'echo $$ > orphan; exec sleep 60' &)
`

func TestRunKillsTheWholeFamily(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script string
		cancel bool
	}{
		"when it is cancelled": {family + "wait", true},
		"when it ends":         {family + "while [ ! -s child ] || [ ! -s session ] || [ ! -s orphan ]; do :; done", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			stopped := errors.New("stopped by the test")
			done := make(chan error, 1)
			go func() {
				done <- Run(ctx, Command{Name: "build", Argv: []string{"/bin/sh", "-c", c.script}, Dir: dir, Env: os.Environ(), Mark: dir + "#1", Log: func(string) {}})
			}()
			if c.cancel {
				for _, f := range []string{"child", "session", "orphan"} {
					waitFor(t, f+" to run", func() bool { return alive(filepath.Join(dir, f)) })
				}
				cancel(stopped)
			}
			begun := time.Now()
			err := <-done
			if c.cancel != errors.Is(err, stopped) || !c.cancel && err != nil {
				t.Errorf("got %v", err)
			}
			if took := time.Since(begun); took > 40*time.Second { // its children sleep for 60s
				t.Errorf("it took %s", took)
			}
			for _, f := range []string{"child", "session", "orphan"} {
				waitFor(t, f+" to be gone", func() bool { return !alive(filepath.Join(dir, f)) })
			}
		})
	}
}

func TestKillMarked(t *testing.T) {
	t.Parallel()
	mark := t.TempDir()
	for id, dies := range map[string]bool{"#7": true, "#77": true, "-other#7": false} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		file := filepath.Join(t.TempDir(), "pid")
		done := make(chan error, 1)
		go func() {
			done <- Run(ctx, Command{Name: "build", Argv: []string{"/bin/sh", "-c", "echo $$ > " + file + "; exec sleep 60"}, Dir: "/", Mark: mark + id, Log: func(string) {}})
		}()
		waitFor(t, id+" to run", func() bool { return alive(file) })
		if n := KillMarked(mark); n > 0 != dies {
			t.Errorf("%s: %d killed", id, n)
		}
		if !dies {
			if !alive(file) {
				t.Errorf("%s: another data directory's build was killed", id)
			}
			cancel()
		}
		var failed *Failed
		if err := <-done; errors.As(err, &failed) != dies {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func TestRunOutput(t *testing.T) {
	t.Parallel()
	var out output
	script := `printf 'plain\n\033[31mred\033[0m\nbad \377 byte\nprogress 1\rprogress 2\n'; head -c 10000 /dev/zero | tr '\0' x; echo; for i in $(seq 100); do echo line $i; done; echo "$SEEN" >&2; exit 3`
	err := Run(t.Context(), Command{Name: "it", Argv: []string{"/bin/sh", "-c", script}, Dir: "/", Env: []string{"PATH=" + os.Getenv("PATH"), "SEEN=only this"}, Log: out.add})
	var failed *Failed
	if !errors.As(err, &failed) || failed.Code != 3 || len(failed.Tail) != tailLines || !strings.HasSuffix(err.Error(), "exited with code 3: only this") {
		t.Fatalf("got %v", err)
	}
	for i, want := range []string{"plain", "red", "bad \uFFFD byte", "progress 1", "progress 2"} {
		if out.lines[i] != want {
			t.Errorf("line %d is %q; want %q", i, out.lines[i], want)
		}
	}
	if len(out.lines[5]) != maxLine || len(out.lines) != 5+3+100+1 {
		t.Errorf("%d lines, the long one cut at %d", len(out.lines), len(out.lines[5]))
	}
	if err := Run(t.Context(), Command{Name: "it", Argv: []string{"/nowhere/" + strconv.Itoa(1)}, Dir: "/", Log: out.add}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing program: %v", err)
	}
}

func FuzzEachLine(f *testing.F) {
	for _, s := range []string{"a\nb", "\x1b[31mred\r\n", "\xff\xfe", strings.Repeat("x", maxLine+1), "\r\r\n \n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		eachLine(strings.NewReader(text), func(l string) {
			if l == "" || strings.ContainsAny(l, "\n\r") || len(l) > 3*maxLine {
				t.Errorf("%q gave the line %q", text, l)
			}
		})
	})
}
