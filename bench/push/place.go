package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"aictl/bench/rig"
)

// place is where it is pushed to. make returns the repository's address, with credentials, and what aictl calls it.
type place struct {
	name, label string
	make        func(d *rig.Daemon, name string) (remote remote, err error)
}

// remote is a repository over HTTP.
type remote struct {
	url, user, token string
	source           string // of `aictl deploy`
	hook             bool   // it needs a webhook
}

func hosted(d *rig.Daemon, name string) (remote, error) {
	return remote{url: "http://" + d.API + "/git/" + name + ".git", user: "aictl", token: d.Token, source: name}, nil
}

func onGitea(d *rig.Daemon, name string) (remote, error) {
	url, token := strings.TrimRight(os.Getenv("AICTL_GITEA_URL"), "/"), os.Getenv("AICTL_GITEA_TOKEN")
	name += fmt.Sprint("-", time.Now().Unix())
	out, err := d.Command("gitea", "create", name, "-o", "json")
	if err != nil {
		return remote{}, err
	}
	var made struct {
		Repository struct {
			Name string
		} `json:"repository"`
	}
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		return remote{}, fmt.Errorf("%w in %s", err, out)
	}
	full := made.Repository.Name
	return remote{url: url + "/" + full + ".git", user: "aictl", token: token, source: full, hook: true}, nil
}

// measure deploys the service from there and pushes versions of it.
// With a webhook, arrived are the times from the arrival of its deliveries instead of the returns of the pushes.
func (p place) measure(ctx context.Context, d *rig.Daemon, dir string, rounds int) (times, arrived []time.Duration, err error) {
	r, err := p.prepare(ctx, d, dir)
	if err != nil {
		return nil, nil, err
	}
	url := "http://" + d.Gateway + "/ai/" + p.name + "/"
	for i := range rounds {
		version := fmt.Sprint(i + 1)
		if err := errors.Join(write(dir, version), git(ctx, dir, r, "commit", "-q", "-a", "-m", version), git(ctx, dir, r, "push", "-q", r.url, "main")); err != nil {
			return nil, nil, err
		}
		took, err := await(ctx, url, version)
		if err != nil {
			return nil, nil, err
		}
		seen := time.Now()
		times = append(times, took)
		if r.hook {
			at, err := arrival(d)
			if err != nil {
				return nil, nil, err
			}
			arrived = append(arrived, seen.Sub(at))
		}
		if err := settle(ctx, d, p.name); err != nil {
			return nil, nil, err
		}
	}
	return times, arrived, nil
}

// arrival is when the last delivery of a webhook came.
func arrival(d *rig.Daemon) (time.Time, error) {
	var list struct {
		Deliveries []struct {
			At time.Time `json:"received_at"`
		}
	}
	out, err := d.Command("gitea", "deliveries", "-o", "json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &list)
	}
	if err != nil || len(list.Deliveries) == 0 {
		return time.Time{}, errors.Join(errors.New("no deliveries are listed"), err)
	}
	return list.Deliveries[0].At, nil
}

// prepare deploys the service's first version.
func (p place) prepare(ctx context.Context, d *rig.Daemon, dir string) (r remote, err error) {
	if r, err = p.make(d, p.name); err != nil {
		return r, err
	}
	if err := write(dir, "0"); err != nil {
		return r, err
	}
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"}, {"config", "user.name", "bench"}, {"config", "user.email", "bench@localhost"},
		{"add", "main.py"}, {"commit", "-q", "-m", "0"},
	} {
		if err := git(ctx, dir, r, args...); err != nil {
			return r, err
		}
	}
	if err := git(ctx, dir, r, "push", "-q", r.url, "main"); err != nil {
		return r, err
	}
	if _, err := d.Command("deploy", r.source, "--name", p.name); err != nil {
		return r, err
	}
	if r.hook {
		if _, err := d.Command("gitea", "hook", p.name); err != nil {
			return r, err
		}
	}
	return r, nil
}

// git runs the git program with the credentials in its environment only.
func git(ctx context.Context, dir string, r remote, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	basic := base64.StdEncoding.EncodeToString([]byte(r.user + ":" + r.token))
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.extraHeader", "GIT_CONFIG_VALUE_0=Authorization: Basic "+basic)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("git %s: %w: %s", args[0], err, said.String())
	}
	return nil
}

type deployed struct {
	ID    int64
	State string
}

// last is the service's last deploy.
func last(d *rig.Daemon, service string) (deployed, error) {
	var list struct{ Deploys []deployed }
	out, err := d.Command("deploys", service, "-o", "json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &list)
	}
	if err != nil || len(list.Deploys) == 0 {
		return deployed{}, errors.Join(errors.New("no deploys are listed"), err)
	}
	return list.Deploys[0], nil
}

// settle waits until the last deploy has ended, so that the next push does not wait for it.
func settle(ctx context.Context, d *rig.Daemon, service string) error {
	for range 600 {
		dep, err := last(d, service)
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if dep.State == "live" {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("the last deploy does not end")
}

// lastSteps tells how long the steps of the service's last deploy took.
func lastSteps(d *rig.Daemon, service string) (string, error) {
	dep, err := last(d, service)
	if err != nil {
		return "", err
	}
	var doc struct {
		Steps []struct {
			Name       string
			StartedAt  time.Time `json:"started_at"`
			FinishedAt time.Time `json:"finished_at"`
		}
	}
	out, err := d.Command("deploys", "show", fmt.Sprint(dep.ID), "-o", "json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &doc)
	}
	var b strings.Builder
	for _, s := range doc.Steps {
		fmt.Fprintf(&b, "  %-12s %s\n", s.Name, s.FinishedAt.Sub(s.StartedAt).Round(time.Millisecond))
	}
	return b.String(), err
}
