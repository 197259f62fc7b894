// Command envs measures a cold environment: a FastAPI service with a uv.lock is built by `uv sync --frozen` alone and by a deploy of
// aictl, turn by turn, each time with an empty cache. It needs a package index, and uv on the PATH or pip to get it.
//
//	go run ./bench/envs -aictl bin/aictl
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aictl/bench/rig"
)

const project = `[project]
name = "demo"
version = "0.1.0"
requires-python = ">=3.10"
dependencies = ["fastapi", "uvicorn"]
`

const program = `import os
import uvicorn
from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
def health():
    return {"status": "ok"}


uvicorn.run(app, host=os.environ["HOST"], port=int(os.environ["PORT"]))
`

func main() {
	var aictl, uv string
	var rounds int
	flag.StringVar(&aictl, "aictl", "bin/aictl", "the program to measure")
	flag.StringVar(&uv, "uv", "", "the uv program; without it the one on the PATH, else one that pip fetches")
	flag.IntVar(&rounds, "rounds", 5, "builds of each kind")
	flag.Parse()
	if err := measure(aictl, uv, rounds); err != nil {
		fmt.Fprintln(os.Stderr, "envs:", err)
		os.Exit(1)
	}
}

func measure(aictl, uv string, rounds int) (err error) {
	dir, err := os.MkdirTemp("", "aictl-envs-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if uv, err = findUV(dir, uv); err != nil {
		return err
	}
	service := filepath.Join(dir, "demo")
	err = errors.Join(os.Mkdir(service, 0o755), os.WriteFile(filepath.Join(service, "pyproject.toml"), []byte(project), 0o644),
		os.WriteFile(filepath.Join(service, "main.py"), []byte(program), 0o644))
	if err != nil {
		return err
	}
	if _, err := run(service, nil, uv, "lock"); err != nil {
		return err
	}
	var own, steps []time.Duration
	for n := range rounds {
		alone, err := run(service, cold(dir, n), uv, "sync", "--frozen", "--no-install-project", "--no-dev")
		if err != nil {
			return err
		}
		step, err := deploy(aictl, uv, service, filepath.Join(dir, fmt.Sprint("daemon-", n)))
		if err != nil {
			return err
		}
		own, steps = append(own, alone), append(steps, step)
		fmt.Printf("round %d: uv sync %s, the deploy's environment %s\n", n+1, alone.Round(time.Millisecond), step.Round(time.Millisecond))
	}
	fmt.Printf("median: uv sync %s, the deploy's environment %s, which is %s more\n", median(own), median(steps), median(steps)-median(own))
	return nil
}

// cold are the variables that give uv an empty cache and a new place.
func cold(dir string, n int) []string {
	return []string{fmt.Sprintf("UV_CACHE_DIR=%s/cache-%d", dir, n), fmt.Sprintf("UV_PROJECT_ENVIRONMENT=%s/venv-%d", dir, n)}
}

func findUV(dir, uv string) (string, error) {
	if p, err := exec.LookPath(cmp.Or(uv, "uv")); err == nil || uv != "" {
		return p, err
	}
	tools := filepath.Join(dir, "tools")
	if _, err := run(dir, nil, "python3", "-m", "venv", tools); err != nil {
		return "", err
	}
	_, err := run(dir, nil, filepath.Join(tools, "bin", "python"), "-m", "pip", "install", "-q", "uv")
	return filepath.Join(tools, "bin", "uv"), err
}

// run runs a program and tells how long it took.
func run(dir string, env []string, argv ...string) (time.Duration, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, out)
	}
	return time.Since(began), nil
}

// deploy deploys the service with a daemon that has built nothing yet, and returns how long the step of the environment took.
func deploy(aictl, uv, service, dir string) (took time.Duration, err error) {
	d, err := rig.Start(aictl, dir, "22201-22299", "AICTL_DEPLOY_UV="+uv)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, d.Stop()) }()
	if _, err := d.Command("deploy", service); err != nil {
		return 0, err
	}
	text, err := d.Command("deploys", "show", "1", "-o", "json")
	if err != nil {
		return 0, err
	}
	var shown struct {
		Steps []struct {
			Name     string    `json:"name"`
			Started  time.Time `json:"started_at"`
			Finished time.Time `json:"finished_at"`
		} `json:"steps"`
	}
	if err := json.Unmarshal([]byte(text), &shown); err != nil {
		return 0, err
	}
	for _, s := range shown.Steps {
		if s.Name == "environment" {
			return s.Finished.Sub(s.Started), nil
		}
	}
	return 0, errors.New("the deploy had no step of the environment")
}

func median(all []time.Duration) time.Duration {
	all = slices.Clone(all)
	slices.Sort(all)
	return all[len(all)/2].Round(time.Millisecond)
}
