package deploy

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aictl/deploy/envs"
	"aictl/gitea"
	"aictl/store"
)

func TestDeploy(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	o := newOrigin(t, plain("name: text\nhooks: {release: \"sh -c 'echo migrating; echo done > state'\"}\n"))
	row := r.submit(Request{Source: o.source(), Env: map[string]string{"MODEL": "base"}, Actor: "ann", Trigger: "cli"})
	if row.Service != "svc" || row.State != store.DeployQueued {
		t.Errorf("queued %+v", row)
	}
	events, stop := r.Subscribe(row.ID)
	defer stop()
	row = r.ended(row.ID)
	if row.State != store.DeployLive || row.Service != "text" || row.Actor != "ann" || len(row.Commit) != 40 || row.Error != "" {
		t.Fatalf("%+v\n%s", row, strings.Join(r.tail(row.ID), "\n"))
	}
	if got, want := r.steps(row.ID), "fetch:done checkout:done manifest:done environment:done hook:done start:done health:done interface:done switch:done drain:skipped"; got != want {
		t.Errorf("steps %s\nwant  %s", got, want)
	}
	if len(row.Warnings) != 1 || !strings.Contains(row.Warnings[0], "GET /info is missing (it answers 404)") {
		t.Errorf("warnings %q", row.Warnings)
	}
	svc := r.service("text")
	if svc.Release != row.Release || svc.Env["MODEL"] != "base" || svc.Replicas != 1 || svc.ReplicasPinned || svc.Source != o.source() {
		t.Errorf("service %+v", svc)
	}
	rel, err := r.Store.Release(t.Context(), "text", row.Release)
	must(t, err)
	if text, err := os.ReadFile(filepath.Join(rel.Dir, "state")); err != nil || string(text) != "done\n" || rel.Argv[0] != filepath.Join(rel.Dir, "run.sh") {
		t.Errorf("release %+v; the hook left %q, %v", rel, text, err)
	}
	if !slices.Contains(r.tail(row.ID), "hook | migrating") {
		t.Errorf("log %q", r.tail(row.ID))
	}
	var last Event
	for ev := range events {
		last = ev
	}
	if last.State != string(store.DeployLive) || last.Step != "" {
		t.Errorf("the last event is %+v", last)
	}
	if _, err := r.Store.Setting(t.Context(), wishKey(row.ID)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the wishes are still there: %v", err)
	}
}

// Whatever fails, the old release stays live, the row names the step, and nothing is left behind.
func TestEveryFailingStepLeavesTheOldReleaseLive(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for step, c := range map[string]struct {
		files map[string]string
		setup func(r *rig, o *upstream, req *Request)
		says  string
		undo  string // a call of the fleet that must have happened
	}{
		StepFetch:       {setup: func(_ *rig, _ *upstream, req *Request) { req.Ref = "mian" }, says: "did you mean main?"},
		StepCheckout:    {files: map[string]string{"m.bin": "version https://git-lfs.github.com/spec/v1\n"}, says: "m.bin"},
		StepManifest:    {files: map[string]string{"aictl.yaml": "comand: x\n"}, says: `aictl.yaml:1`},
		StepEnvironment: {files: map[string]string{"aictl.yaml": "command: no-such-program-at-all\n"}, says: "neither in the environment nor on the PATH"},
		StepHook:        {files: map[string]string{"aictl.yaml": "command: ./run.sh\nhooks: {release: \"sh -c 'echo working; echo sorry >&2; exit 4'\"}\n"}, says: "the release hook exited with code 4: sorry"},
		StepStart:       {setup: func(r *rig, _ *upstream, _ *Request) { r.fleet.set("launch", boom) }, says: "boom"},
		StepHealth:      {setup: func(r *rig, _ *upstream, _ *Request) { r.fleet.set("await", boom) }, says: "boom", undo: "retire [svc/2]"},
		StepSwitch:      {setup: func(r *rig, _ *upstream, _ *Request) { r.fleet.set("switch", boom) }, says: "boom", undo: "retire [svc/2]"},
	} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).run()
			o := newOrigin(t, plain(""))
			live := r.deploy(o)
			req := Request{Source: o.source(), Env: map[string]string{"NEW": "1"}}
			o.commit(c.files)
			if c.setup != nil {
				c.setup(r, o, &req)
			}
			row := r.ended(r.submit(req).ID)
			if row.State != store.DeployFailed || row.FailedStep != step || !strings.Contains(row.Error, c.says) {
				t.Errorf("%+v; want it to say %q", row, c.says)
			}
			if !strings.HasSuffix(r.steps(row.ID), step+":failed") {
				t.Errorf("steps %s", r.steps(row.ID))
			}
			log := strings.Join(r.tail(row.ID), "\n")
			if !strings.Contains(log, step+" | failed: ") || !strings.Contains(log, c.says) {
				t.Errorf("log\n%s", log)
			}
			if step == StepHealth && !strings.Contains(log, "svc/2 says goodbye") {
				t.Errorf("the candidate's last lines are missing:\n%s", log)
			}
			svc := r.service("svc")
			if svc.Release != live.Release || svc.Wanted != store.WantedRunning || len(svc.Env) > 0 || svc.Source != o.source() {
				t.Errorf("service %+v; want %s live and nothing changed", svc, live.Release)
			}
			if got := r.folders("svc"); len(got) != 1 || got[0] != live.Release {
				t.Errorf("folders %q; want %s", got, live.Release)
			}
			rows, err := r.Store.Instances(t.Context(), "svc", "")
			if err != nil || len(rows) != 1 || !rows[0].Live {
				t.Errorf("instances %+v, %v", rows, err)
			}
			if c.undo != "" && !slices.Contains(r.fleet.calls, c.undo) {
				t.Errorf("calls %q; want %s", r.fleet.calls, c.undo)
			}
		})
	}
}

// What fails after the switch is a warning: the release serves.
func TestDrainThatFailsIsAWarning(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	o := newOrigin(t, plain(""))
	r.deploy(o)
	r.fleet.set("retire", errors.New("it hangs"))
	row := r.deploy(o)
	if r.service("svc").Release != row.Release || !slices.ContainsFunc(row.Warnings, func(w string) bool { return strings.Contains(w, "it hangs") }) {
		t.Errorf("%+v", row)
	}
}

func TestRecreateStartsTheOldOneAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	o := newOrigin(t, plain("strategy: recreate\n"))
	r.deploy(o)
	r.fleet.set("await", errors.New("out of memory"))
	row := r.ended(r.submit(Request{Source: o.source()}).ID)
	if row.State != store.DeployFailed || row.FailedStep != StepHealth {
		t.Errorf("%+v", row)
	}
	calls := strings.Join(r.fleet.calls, "; ")
	if !strings.HasSuffix(calls, "retire [svc/2]; start live") || !strings.Contains(calls, "stop live; launch") {
		t.Errorf("calls: %s", calls)
	}
}

func TestBadSources(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	empty := newOrigin(t, nil)
	folder := t.TempDir()
	for name, c := range map[string]struct {
		req  Request
		step string
		says []string
	}{
		"not a repository": {Request{Source: store.Source{Kind: SourceGit, URL: "file://" + folder}}, StepFetch, []string{"not a Git repository", "give a directory"}},
		"empty repository": {Request{Source: empty.source(), Name: "empty"}, StepFetch, []string{"the repository is empty", "push something first"}},
		"no Gitea":         {Request{Source: store.Source{Kind: SourceGitea, URL: "ai/ocr"}}, StepFetch, []string{"none is connected", "give a Git URL"}},
		"nobody listens":   {Request{Source: store.Source{Kind: SourceGit, URL: "http://127.0.0.1:1/a/b.git"}}, StepFetch, []string{"connection refused", "check that the server runs"}},
	} {
		row := r.ended(r.submit(c.req).ID)
		if row.State != store.DeployFailed || row.FailedStep != c.step {
			t.Errorf("%s: %+v", name, row)
		}
		for _, s := range c.says {
			if !strings.Contains(row.Error, s) {
				t.Errorf("%s: %q does not say %q", name, row.Error, s)
			}
		}
	}
	if all, err := r.Store.Services(t.Context(), "", 0); err != nil || len(all) > 0 {
		t.Errorf("services %+v, %v: none was ever known", all, err)
	}
}

func TestBadManifests(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	r := newRig(t).run()
	for name, c := range map[string]struct {
		files  map[string]string
		subdir string
		says   string
	}{
		"a typo":          {map[string]string{"aictl.yaml": "name: a\ncomand: x\n"}, "", "aictl.yaml:2"},
		"a wrong type":    {map[string]string{"aictl.yaml": "replicas: many\n"}, "", "aictl.yaml:1"},
		"a path upwards":  {map[string]string{"aictl.yaml": "subdir: ../../etc\n"}, "", "subdir"},
		"no such folder":  {plain("subdir: nowhere\n"), "", "subdir nowhere: there is no such folder"},
		"a file":          {plain("subdir: run.sh\n"), "", "it is not a folder"},
		"asked for":       {plain(""), "nowhere", "subdir nowhere: there is no such folder"},
		"too large":       {map[string]string{"aictl.yaml": strings.Repeat("#", maxManifest+1)}, "", "no file of at most 1024 KiB"},
		"nothing to run":  {map[string]string{"README.md": "hi"}, "", "there is nothing to start"},
		"a shell command": {map[string]string{"aictl.yaml": "command: a && b\n"}, "", "no shell runs it"},
	} {
		o := newOrigin(t, c.files)
		row := r.ended(r.submit(Request{Source: o.source(), Name: "bad", Subdir: c.subdir}).ID)
		if row.State != store.DeployFailed || row.FailedStep != StepManifest || !strings.Contains(row.Error, c.says) {
			t.Errorf("%s: %s at %s: %s; want it to say %q", name, row.State, row.FailedStep, row.Error, c.says)
		}
	}
	o := newOrigin(t, plain(""))
	must(t, os.Symlink(outside, filepath.Join(o.dir, "out")))
	o.commit(nil)
	if row := r.ended(r.submit(Request{Source: o.source(), Subdir: "out"}).ID); row.FailedStep != StepCheckout || !strings.Contains(row.Error, "the link out leaves the repository") {
		t.Errorf("a link: %+v", row)
	}
	for _, req := range []Request{
		{Source: store.Source{Kind: "svn", URL: "x"}}, {Source: store.Source{Kind: SourceGit}},
		{Source: o.source(), Name: "Bad Name"}, {Source: o.source(), Subdir: "../x"}, {Source: o.source(), Replicas: new(-1)},
	} {
		if _, err := r.Submit(t.Context(), req); !errors.Is(err, ErrSource) {
			t.Errorf("%+v: %v", req, err)
		}
	}
}

func TestSubdirAndProcfile(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	o := newOrigin(t, map[string]string{"one/Procfile": "web: ./serve.sh --port $PORT\n", "one/serve.sh": "#!/bin/sh\n", "two/run.sh": "#!/bin/sh\n", "two/aictl.yaml": "command: ./run.sh\n"})
	for sub, argv := range map[string]string{"one": "serve.sh --port {port}", "two": "run.sh"} {
		row := r.ended(r.submit(Request{Source: o.source(), Subdir: sub}).ID)
		if row.State != store.DeployLive || row.Service != sub {
			t.Fatalf("%+v", row)
		}
		rel, err := r.Store.Release(t.Context(), sub, row.Release)
		must(t, err)
		if got, want := strings.Join(rel.Argv, " "), filepath.Join(rel.Dir, sub, argv); got != want {
			t.Errorf("argv %s; want %s", got, want)
		}
	}
}

func TestTwoServicesOfOneName(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	first, second := newOrigin(t, plain("name: ocr\n")), newOrigin(t, plain("name: ocr\n"))
	r.deploy(first)
	if _, err := r.Submit(t.Context(), Request{Source: second.source(), Name: "ocr"}); !errors.Is(err, store.ErrConflict) || !strings.Contains(err.Error(), "is deployed from file://"+first.dir) {
		t.Errorf("by its asked name: %v", err)
	}
	row := r.ended(r.submit(Request{Source: second.source()}).ID)
	if row.State != store.DeployFailed || row.FailedStep != StepManifest || !strings.Contains(row.Error, "choose another with --name") {
		t.Errorf("by the manifest's name: %+v", row)
	}
	if row := r.ended(r.submit(Request{Source: second.source(), Name: "ocr2"}).ID); row.State != store.DeployLive || row.Service != "ocr2" {
		t.Errorf("with a name of its own: %+v", row)
	}
	if row := r.deploy(first); row.Service != "ocr" {
		t.Errorf("the first one again: %+v", row)
	}
}

// wheel writes an empty package.
func wheel(t *testing.T, file, name, version string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(file), 0o755))
	f, err := os.Create(file)
	must(t, err)
	z := zip.NewWriter(f)
	info := name + "-" + version + ".dist-info/"
	for _, e := range [][2]string{
		{name + ".py", "VERSION = '" + version + "'\n"},
		{info + "METADATA", "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n"},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		{info + "RECORD", fmt.Sprintf("%[1]s.py,,\n%[2]sMETADATA,,\n%[2]sWHEEL,,\n%[2]sRECORD,,\n", name, info)},
	} {
		w, err := z.Create(e[0])
		must(t, err)
		_, err = w.Write([]byte(e[1]))
		must(t, err)
	}
	must(t, z.Close())
	must(t, f.Close())
}

func TestPythonServiceReusesItsEnvironment(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	o := newOrigin(t, nil)
	wheel(t, filepath.Join(o.dir, "wheels", "tiny_pkg-1.0-py3-none-any.whl"), "tiny_pkg", "1.0")
	o.commit(map[string]string{"main.py": "import tiny_pkg", "requirements.txt": "tiny_pkg\n", "aictl.yaml": "python: {wheelhouse: wheels}\n"})
	first := r.deploy(o)
	rel, err := r.Store.Release(t.Context(), "svc", first.Release)
	must(t, err)
	if out, err := exec.Command(rel.Argv[0], filepath.Join(rel.Dir, rel.Argv[1])).CombinedOutput(); err != nil || rel.Argv[0] != filepath.Join(r.deps.Dirs.Envs, rel.EnvKey, "bin/python") {
		t.Errorf("%q: %v: %s", rel.Argv, err, out)
	}
	if d := r.detail(first.ID, StepEnvironment); !strings.HasPrefix(d, "built "+rel.EnvKey) || !strings.Contains(d, "pip, requirements.txt") {
		t.Errorf("first: %s", d)
	}
	o.commit(map[string]string{"main.py": "import tiny_pkg # changed"})
	second := r.deploy(o)
	if d := r.detail(second.ID, StepEnvironment); !strings.HasPrefix(d, "reused "+rel.EnvKey) {
		t.Errorf("second: %s", d)
	}
	o.commit(map[string]string{"requirements.txt": "tiny_pkg\nno-such-package\n"})
	row := r.ended(r.submit(Request{Source: o.source()}).ID)
	if row.FailedStep != StepEnvironment || !strings.Contains(row.Error, "No matching distribution found for no-such-package") || r.service("svc").Release != second.Release {
		t.Errorf("%+v", row)
	}
	if log := strings.Join(r.tail(row.ID), "\n"); !strings.Contains(log, "environment | ERROR: No matching distribution") {
		t.Errorf("pip's own lines are missing:\n%s", log)
	}
}

func TestNoPython(t *testing.T) {
	r := newRig(t)
	t.Setenv("PATH", t.TempDir())
	r.run()
	row := r.ended(r.submit(Request{Source: newOrigin(t, map[string]string{"main.py": ""}).source()}).ID)
	if row.FailedStep != StepEnvironment || !strings.Contains(row.Error, "python3 is not on the PATH") {
		t.Errorf("%+v", row)
	}
}

// full is a source whose checkouts find no space.
type full struct{ Repository }

func (f full) Checkout(_ context.Context, _, dir string, _ func(string)) error {
	must := os.MkdirAll(dir, 0o755)
	return errors.Join(fmt.Errorf("check out: %w on %s", gitea.ErrNoSpace, dir), must)
}

type fullSources struct{ Sources }

func (s fullSources) Open(ctx context.Context, src store.Source) (Repository, error) {
	r, err := s.Sources.Open(ctx, src)
	return full{r}, err
}

// The disk that is really full is in the tests of gitea and envs; here, that a deploy takes it well.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	python := filepath.Join(t.TempDir(), "python.sh")
	write(t, python, "#!/bin/sh\nif [ \"$1\" = -c ]; then echo 3.11.7; echo \"$0\"; exit; fi\ncat \"$0\" > /dev/full\n")
	for step, change := range map[string]func(*Deps){
		StepCheckout:    func(d *Deps) { d.Sources = fullSources{d.Sources} },
		StepEnvironment: func(d *Deps) { d.Envs = envs.New(envs.Config{Root: d.Dirs.Envs, UV: "none", Python: python}) },
	} {
		r := newRig(t, change).run()
		row := r.ended(r.submit(Request{Source: newOrigin(t, map[string]string{"main.py": ""}).source()}).ID)
		if row.State != store.DeployFailed || row.FailedStep != step || !strings.Contains(row.Error, "no space left on ") {
			t.Errorf("%+v", row)
		}
		if got := r.folders("svc"); len(got) > 0 {
			t.Errorf("left: %q", got)
		}
	}
}

func TestStepThatTakesTooLong(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(d *Deps) { d.Limits.Hook = 50 * time.Millisecond }).run()
	row := r.ended(r.submit(Request{Source: newOrigin(t, plain("hooks: {release: sleep 60}\n")).source()}).ID)
	if row.State != store.DeployFailed || row.FailedStep != StepHook || row.Error != "it took longer than 50ms" {
		t.Errorf("%+v", row)
	}
	if l := StepLimits(time.Hour); l.Fetch != time.Hour || l.Hook != time.Hour || l.Drain != 0 {
		t.Errorf("%+v", l)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	o := newOrigin(t, plain("env: {FILE_SECRET: in-the-manifest}\nhooks: {release: \"sh -c 'echo $API_TOKEN; echo $DB_PASSWORD; echo $FILE_SECRET'\"}\n"))
	r.fleet.set("await", errors.New("it said hunter2-value and old-secret"))
	row := r.ended(r.submit(Request{Source: o.source(), Env: map[string]string{"API_TOKEN": "hunter2-value"}}).ID)
	if strings.Contains(row.Error, "hunter2") {
		t.Errorf("%+v", row)
	}
	must(t, r.Store.SetEnv(t.Context(), "svc", map[string]string{"DB_PASSWORD": "old-secret"})) // by an earlier wish
	row = r.ended(r.submit(Request{Source: o.source(), Env: map[string]string{"API_TOKEN": "hunter2-value"}}).ID)
	text, err := os.ReadFile(logPath(r.deps.Dirs.Logs, row.ID))
	must(t, err)
	for _, s := range []string{string(text), row.Error, r.detail(row.ID, StepHealth)} {
		if strings.Contains(s, "hunter2") || strings.Contains(s, "old-secret") {
			t.Errorf("a secret is in %s", s)
		}
	}
	if strings.Count(string(text), "hook | ***") != 3 {
		t.Errorf("log\n%s", text)
	}
}
