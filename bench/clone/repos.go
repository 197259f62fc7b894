package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// repository makes a bare repository, unless it is there from an earlier time.
//
//	blobs    eight files without pattern, as models are
//	files    source-like files of 4 to 28 KiB in a thousand folders
//	history  twice as large: twenty versions of the files that `blobs` would have, the last alone is checked out
func repository(ctx context.Context, parent, name string, mb int) (string, error) {
	bare := filepath.Join(parent, fmt.Sprintf("%s-%d.git", name, mb))
	if _, err := os.Stat(bare); !errors.Is(err, fs.ErrNotExist) {
		return bare, err
	}
	work, err := os.MkdirTemp(parent, "make-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work) // a left-over of a failed run harms nothing
	// Large files are not compared with each other: that takes hours, and no server does it while it is asked.
	if err := errors.Join(git(ctx, work, "init", "--quiet", "--initial-branch=main", "."), git(ctx, work, "config", "core.bigFileThreshold", "1m")); err != nil {
		return "", err
	}
	switch name {
	case "blobs":
		err = errors.Join(noise(work, 8, mb<<20/8, 1), commit(ctx, work))
	case "files":
		err = errors.Join(sources(work, mb<<20), commit(ctx, work))
	case "history":
		for version := range 20 {
			if err = errors.Join(err, noise(work, 4, 2*mb<<20/80, uint64(version)), commit(ctx, work)); err != nil {
				break
			}
		}
	default:
		err = fmt.Errorf("there is no repository %q", name)
	}
	if err == nil {
		err = git(ctx, work, "clone", "--quiet", "--bare", "file://"+work, bare)
	}
	return bare, err
}

func commit(ctx context.Context, dir string) error {
	if err := git(ctx, dir, "add", "--all"); err != nil {
		return err
	}
	return git(ctx, dir, "-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0", "commit", "--quiet", "--message=change")
}

// noise writes files that no compression makes smaller.
func noise(dir string, files, each int, seed uint64) error {
	chunk := make([]byte, 1<<20)
	for i := range files {
		src := rand.NewChaCha8([32]byte{byte(seed), byte(i)})
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("model-%d.bin", i)))
		if err != nil {
			return err
		}
		for left := each; left > 0 && err == nil; left -= len(chunk) {
			if _, err = src.Read(chunk); err == nil {
				_, err = f.Write(chunk[:min(left, len(chunk))])
			}
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// sources writes files that compress about as code does.
func sources(dir string, total int) error {
	r := rand.New(rand.NewPCG(1, 2))
	words := make([]string, 4000)
	for i := range words {
		words[i] = fmt.Sprintf("%x", r.Uint32()>>(r.IntN(3)*8))
	}
	for n := 0; total > 0; n++ {
		var b bytes.Buffer
		for size := 4<<10 + r.IntN(24<<10); b.Len() < size; {
			b.WriteString(words[r.IntN(len(words))])
			b.WriteByte(" \n\t=("[r.IntN(5)])
		}
		total -= b.Len()
		at := filepath.Join(dir, fmt.Sprintf("pkg%03d", n%1000))
		if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(at, fmt.Sprintf("file%d.py", n)), b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func git(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// serve is a smart-HTTP Git server over a folder of repositories.
func serve(root string) *httptest.Server {
	program, err := exec.LookPath("git")
	if err != nil {
		panic(err) // it made the repositories
	}
	return httptest.NewServer(&cgi.Handler{Path: program, Args: []string{"http-backend"}, Env: []string{
		"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
	}})
}
