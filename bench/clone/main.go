// Command clone measures how long aictl takes to fetch and check out a repository, and how much memory, beside `git clone`
// from the same server on the same machine, turn by turn.
//
//	go run ./bench/clone                          # 1 GB in few big files, 1 GB in many small ones, a 2 GB history
//	go run ./bench/clone -only blobs -mb 256 -runs 1
//	go run ./bench/clone -from file               # the same folder by file://, without a server
//
// The server is `git http-backend` behind an HTTP server of this program on loopback; it is not part of what is measured. Time
// runs from the start of the process to its end with every file written. Memory is the greatest sum over the whole process
// tree, sampled every 20 ms: anonymous memory, and all that is resident, which counts mapped pages of files, too.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"aictl/gitea"
)

// job is what the measured child of this program does: a clone in aictl's way.
type job struct {
	URL, Dir, Program string
}

// figure is one measured run.
type figure struct {
	Case, Way string
	Took      time.Duration
	Peak      memory
}

func main() {
	child := flag.String("child", "", "measure nothing: be what is measured, a JSON document")
	only := flag.String("only", "blobs,files,history", "which repositories")
	ways := flag.String("ways", "git,aictl,aictl without git", "who clones")
	mb := flag.Int("mb", 1024, "how large a repository is, in MiB; the history is twice as large")
	runs := flag.Int("runs", 3, "how often each clones; the median counts")
	from := flag.String("from", "http", "where the repositories are cloned from: http, a server on loopback; file, a file:// URL of their folder; folder, its path")
	keep := flag.String("repos", "", "where the repositories are made and stay for the next time; \"\" is a folder that goes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var err error
	if *child != "" {
		err = clone(ctx, *child)
	} else {
		err = bench(ctx, *keep, strings.Split(*only, ","), strings.Split(*ways, ","), *from, *mb, *runs)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "clone:", err)
		os.Exit(1)
	}
}

// clone fetches and checks out as a deploy does.
func clone(ctx context.Context, doc string) error {
	var j job
	if err := json.Unmarshal([]byte(doc), &j); err != nil {
		return err
	}
	mirrors := gitea.NewMirrors(filepath.Join(j.Dir, "repos"), nil)
	mirrors.SetProgram(j.Program)
	m, err := mirrors.Open(ctx, j.URL, gitea.Auth{})
	if err != nil {
		return err
	}
	if err := m.Fetch(ctx, ""); err != nil {
		return err
	}
	sha, err := m.Resolve(ctx, "")
	if err != nil {
		return err
	}
	return m.Checkout(ctx, sha, filepath.Join(j.Dir, "tree"), nil)
}

func bench(ctx context.Context, keep string, only, ways []string, from string, mb, runs int) (err error) {
	if keep == "" {
		if keep, err = os.MkdirTemp("", "aictl-clone-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(keep)) }()
	}
	fmt.Printf("| repository | way | time | beside git | anonymous memory | resident |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, name := range only {
		dir, err := repository(ctx, keep, name, mb)
		if err != nil {
			return err
		}
		url, done, err := address(dir, from)
		if err != nil {
			return err
		}
		all, err := measure(ctx, url, keep, name, ways, runs)
		done()
		if err != nil {
			return err
		}
		report(all, ways)
	}
	return nil
}

// address is where a repository's folder is cloned from, until done is called.
func address(dir, from string) (url string, done func(), err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return "", nil, err
	}
	switch from {
	case "http":
		srv := serve(filepath.Dir(dir))
		return srv.URL + "/" + filepath.Base(dir), srv.Close, nil
	case "file":
		return "file://" + dir, func() {}, nil
	case "folder":
		return dir, func() {}, nil
	}
	return "", nil, fmt.Errorf("-from %s: neither http nor file nor folder", from)
}

// measure clones in every way by turns, so that what else the machine does strikes all of them.
func measure(ctx context.Context, url, scratch, name string, ways []string, runs int) ([]figure, error) {
	var all []figure
	for range runs {
		for _, way := range ways {
			dir, err := os.MkdirTemp(scratch, "run-")
			if err != nil {
				return nil, err
			}
			took, peak, err := watch(ctx, commandFor(ctx, way, url, dir))
			if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
				return nil, fmt.Errorf("%s by %s: %w", name, way, err)
			}
			all = append(all, figure{name, way, took, peak})
			fmt.Fprintf(os.Stderr, "%s by %s: %s, %d MiB anonymous\n", name, way, took.Round(time.Millisecond), peak.anonymous>>20)
		}
	}
	return all, nil
}

func commandFor(ctx context.Context, way, url, dir string) *exec.Cmd {
	if way == "git" {
		cmd := exec.CommandContext(ctx, "git", "clone", "--quiet", url, filepath.Join(dir, "tree"))
		cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0")
		return cmd
	}
	program := "git"
	if way != "aictl" {
		program = ""
	}
	doc, err := json.Marshal(job{url, dir, program})
	if err != nil {
		panic(err) // three strings
	}
	return exec.CommandContext(ctx, "/proc/self/exe", "-child", string(doc))
}

func report(all []figure, ways []string) {
	var base time.Duration
	for _, way := range ways {
		var mine []figure
		for _, f := range all {
			if f.Way == way {
				mine = append(mine, f)
			}
		}
		slices.SortFunc(mine, func(a, b figure) int { return int(a.Took - b.Took) })
		mid := mine[len(mine)/2]
		for _, f := range mine {
			mid.Peak.anonymous, mid.Peak.resident = max(mid.Peak.anonymous, f.Peak.anonymous), max(mid.Peak.resident, f.Peak.resident)
		}
		if way == "git" {
			base = mid.Took
		}
		beside := "–"
		if base > 0 {
			beside = fmt.Sprintf("%.2f ×", mid.Took.Seconds()/base.Seconds())
		}
		fmt.Printf("| %s | %s | %.1f s | %s | %d MiB | %d MiB |\n", mid.Case, way, mid.Took.Seconds(), beside, mid.Peak.anonymous>>20, mid.Peak.resident>>20)
	}
}
