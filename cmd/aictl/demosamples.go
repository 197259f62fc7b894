package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"

	"aictl/api"
	"aictl/examples"
)

// demoSample is one sample service of examples/.
type demoSample struct {
	name       string
	files      fs.FS
	repository string // once committed
}

// chooseSamples takes what can run here, and says what it leaves out and why.
func (a *app) chooseSamples(all bool) ([]demoSample, error) {
	var samples []demoSample
	for _, s := range []struct {
		name, needs string
		network     bool
	}{
		{name: "text-classify", needs: "python3"},
		{name: "blob-detect", needs: "python3"},
		{name: "trend", needs: "node"},
		{name: "digits", needs: "python3", network: true},
	} {
		if _, err := exec.LookPath(s.needs); err != nil {
			a.say("%s", a.t("left out: %s, because %s is not on the PATH", s.name, s.needs))
			continue
		}
		if s.network && !all {
			a.say("%s", a.t("left out: %s, because it needs a package index; --all takes it in", s.name))
			continue
		}
		files, err := fs.Sub(examples.Files, s.name)
		if err != nil {
			return nil, err
		}
		samples = append(samples, demoSample{name: s.name, files: files})
	}
	if len(samples) == 0 {
		return nil, fail(exitFailed, a.errorf("no sample can run here"), a.t("`aictl doctor` says what is missing"))
	}
	return samples, nil
}

// commit puts the sample's files into a new Git repository at dir.
func (s demoSample) commit(dir string, now time.Time) (string, error) {
	if err := copyFiles(dir, s.files); err != nil {
		return "", fmt.Errorf("lay out %s: %w", s.name, err)
	}
	repo, err := git.PlainInit(dir, false)
	if err != nil {
		return "", fmt.Errorf("make a repository for %s: %w", s.name, err)
	}
	tree, err := repo.Worktree()
	if err != nil {
		return "", err
	}
	if err := tree.AddWithOptions(&git.AddOptions{All: true}); err != nil {
		return "", fmt.Errorf("add the files of %s: %w", s.name, err)
	}
	author := &object.Signature{Name: "aictl demo", Email: "demo@localhost", When: now}
	if _, err := tree.Commit("Sample service "+s.name, &git.CommitOptions{Author: author}); err != nil {
		return "", fmt.Errorf("commit %s: %w", s.name, err)
	}
	return dir, nil
}

// copyFiles writes files below dir, without what running them in place may have left.
func copyFiles(dir string, files fs.FS) error {
	return fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(dir, filepath.FromSlash(path))
		if entry.IsDir() {
			switch entry.Name() {
			case "__pycache__", "node_modules", ".pytest_cache", ".venv":
				return fs.SkipDir
			}
			return os.MkdirAll(target, 0o755)
		}
		content, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o644)
	})
}

// input is the sample's first input: a JSON document when there is one.
func (s demoSample) input() (name string, content []byte, kind string, err error) {
	found, err := fs.Glob(s.files, "samples/*.json")
	if err == nil && len(found) == 0 {
		found, err = fs.Glob(s.files, "samples/*")
	}
	if err != nil || len(found) == 0 {
		return "", nil, "", errors.Join(fmt.Errorf("%s has no samples", s.name), err)
	}
	if kind = mime.TypeByExtension(filepath.Ext(found[0])); kind == "" {
		kind = "application/octet-stream"
	}
	content, err = fs.ReadFile(s.files, found[0])
	return found[0], content, kind, err
}

// demoDeploys deploys all samples at once and waits until each is live.
func (a *app) demoDeploys(ctx context.Context, client *api.Client, samples []demoSample) error {
	a.say("%s", a.t("deploying %s", sampleNames(samples)))
	board := &deployBoard{app: a, frame: frame{screen: a.err}, lines: make([]boardLine, len(samples))}
	stop := board.start()
	faults := make([]error, len(samples))
	var wait sync.WaitGroup
	for i, s := range samples {
		board.lines[i].name = s.name
		wait.Go(func() { faults[i] = a.demoDeploy(ctx, client, s, i, board) })
	}
	wait.Wait()
	stop()
	return errors.Join(faults...)
}

func (a *app) demoDeploy(ctx context.Context, client *api.Client, s demoSample, i int, board *deployBoard) error {
	doc, err := client.Deploy(ctx, api.DeployRequest{Source: api.Source{Kind: kindGit, URL: s.repository}, Name: s.name, Trigger: "cli"})
	if err != nil {
		return fmt.Errorf("deploy %s: %w", s.name, err)
	}
	for ev, err := range client.DeployEvents(ctx, doc.Deploy.ID) {
		if err != nil {
			return fmt.Errorf("follow the deploy of %s: %w", s.name, err)
		}
		board.event(i, ev)
		if ev.Type == api.EventEnd && ev.Deploy != nil && ev.Deploy.State != "live" {
			return a.errorf("the deploy of %s failed at step %q: %s", s.name, ev.Deploy.FailedStep, ev.Deploy.Error)
		}
	}
	return nil
}

func sampleNames(samples []demoSample) string {
	names := make([]string, len(samples))
	for i, s := range samples {
		names[i] = s.name
	}
	return strings.Join(names, ", ")
}
