package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"aictl/api"
	"aictl/gitea/upload"
)

// pushFlags are the flags of gitea push.
type pushFlags struct {
	repo, gitea, branch string
	force, tags         bool
}

func (a *app) giteaPushCommand() *cobra.Command {
	var f pushFlags
	cmd := &cobra.Command{
		Use:   "push [DIR] --repo REPO",
		Short: a.t("Push a Git repository of this machine through the daemon"),
		Long: a.t(`Push the current branch of the Git repository in DIR (default: here). It goes through the daemon, so neither a token of the
Gitea nor a remote is needed. REPO is owner/name at a connected Gitea, or the bare name of one that aictl hosts, which is made
when it is missing.`),
		Example: a.examples("", "aictl gitea push --repo ocr", a.t("With all tags, to another branch"), "aictl gitea push ./ocr --repo ai/ocr --branch release --tags"),
		Args:    a.args(cobra.MaximumNArgs(1)),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.push(cmd, firstArg(args), f) },
	}
	a.repoFlags(cmd, &f.repo, &f.gitea)
	flags := cmd.Flags()
	flags.StringVar(&f.branch, "branch", "", a.t("branch there (default: as it is called here)"))
	flags.BoolVar(&f.force, "force", false, a.t("also when it takes commits away that are there"))
	flags.BoolVar(&f.tags, "tags", false, a.t("all tags, too"))
	return cmd
}

func (a *app) push(cmd *cobra.Command, dir string, f pushFlags) error {
	if dir == "" {
		dir = "."
	}
	branch, err := a.branchOf(cmd.Context(), dir)
	if err != nil {
		return err
	}
	if f.branch != "" {
		branch = f.branch
	}
	return a.throughDaemon(cmd, f.repo, f.gitea, func(g *gitClient, at place) error {
		args := []string{"push"}
		if f.force {
			args = append(args, "--force")
		}
		if f.tags {
			args = append(args, "--tags")
		}
		if err := g.run(cmd.Context(), dir, append(args, "--", g.url+at.path, "HEAD:refs/heads/"+branch)...); err != nil {
			return err
		}
		_, err := fmt.Fprintln(a.out, a.t("pushed to branch %s of %s", branch, at.shown))
		return err
	})
}

// branchOf is the branch that is checked out in a repository.
func (a *app) branchOf(ctx context.Context, dir string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", "-C", dir, "symbolic-ref", "--quiet", "--short", "HEAD").Output()
	if errors.Is(err, exec.ErrNotFound) {
		return "", fail(exitFailed, err, a.t("install git"))
	}
	if err != nil {
		return "", fail(exitUsage, a.errorf("%s is no Git repository with a branch checked out", dir),
			a.t("put files into a repository without Git: `%s`", a.command("gitea upload DIR --repo REPO")))
	}
	return strings.TrimSpace(string(out)), nil
}

func (a *app) giteaPullCommand() *cobra.Command {
	var branch, gitea string
	cmd := &cobra.Command{
		Use:   "pull REPO [DIR]",
		Short: a.t("Get a repository, or what is new in it, through the daemon"),
		Long: a.t(`Clone a repository into DIR (default: a directory of its name), or bring DIR up to date when it is a clone already. REPO is
owner/name at a connected Gitea, or the bare name of one that aictl hosts. Files that LFS keeps are fetched when git-lfs is
installed here.`),
		Example: a.examples("", "aictl gitea pull ocr", "", "aictl gitea pull ai/ocr ./ocr --branch release"),
		Args:    a.args(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := path.Base(strings.TrimSuffix(args[0], ".git"))
			if len(args) == 2 {
				dir = args[1]
			}
			return a.pull(cmd, args[0], gitea, dir, branch)
		},
	}
	a.giteaFlag(cmd, &gitea)
	cmd.Flags().StringVar(&branch, "branch", "", a.t("branch (default: the repository's)"))
	return cmd
}

func (a *app) pull(cmd *cobra.Command, repo, gitea, dir, branch string) error {
	_, err := os.Stat(filepath.Join(dir, ".git"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	fresh := err != nil
	return a.throughDaemon(cmd, repo, gitea, func(g *gitClient, at place) error {
		ctx := cmd.Context()
		if fresh {
			if err := g.clone(ctx, at, dir, branch); err != nil {
				return err
			}
		} else {
			if branch == "" {
				if branch, err = a.branchOf(ctx, dir); err != nil {
					return err
				}
			}
			if err := g.run(ctx, dir, "pull", "--ff-only", "--", g.url+at.path, branch); err != nil {
				return err
			}
		}
		if err := g.large(ctx, at, dir); err != nil {
			return err
		}
		_, err := fmt.Fprintln(a.out, a.t("%s is in %s", at.shown, dir))
		return err
	})
}

// gitClient runs the user's git against the daemon.
type gitClient struct {
	a   *app
	url string   // of the passage
	to  string   // of the daemon, as others reach it
	env []string // what lets git through the passage
}

// throughDaemon opens a way to the daemon for git, for the time of do.
func (a *app) throughDaemon(cmd *cobra.Command, repo, gitea string, do func(*gitClient, place) error) (err error) {
	ctx := cmd.Context()
	if _, err := exec.LookPath("git"); err != nil {
		return fail(exitFailed, err, a.t("install git"))
	}
	client, err := a.connect()
	if err != nil {
		return err
	}
	at, err := a.repository(ctx, cmd, client, repo, gitea)
	if err != nil {
		return err
	}
	to, err := a.publicURL(ctx, client)
	if err != nil {
		return err
	}
	way, err := openPassage(ctx, client)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, way.close()) }()
	g := &gitClient{a: a, url: way.url, to: to, env: append(os.Environ(), "GIT_TERMINAL_PROMPT=0")}
	g.env = append(g.env, upload.Environ(way.url+"/", way.token)...)
	return do(g, at)
}

// publicURL is the daemon's address as git can reach it later on.
func (a *app) publicURL(ctx context.Context, client *api.Client) (string, error) {
	if a.server != "" {
		return strings.TrimRight(a.server, "/"), nil
	}
	v, err := client.Version(ctx)
	return v.API, err
}

// run runs git; what it says goes to stderr.
func (g *gitClient) run(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env = dir, g.env
	cmd.Stdout, cmd.Stderr = g.a.stderr, g.a.stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fail(exitFailed, g.a.errorf("git %s failed", args[0]), "")
	}
	return err
}

// clone makes a clone that knows the daemon's own address, not the one of this command.
func (g *gitClient) clone(ctx context.Context, at place, dir, branch string) error {
	args := []string{"clone"}
	if branch != "" {
		args = append(args, "--branch", branch)
	}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	g.env = append(g.env, "GIT_LFS_SKIP_SMUDGE=1") // large files are fetched afterwards
	if err := g.run(ctx, here, append(args, "--", g.url+at.path, dir)...); err != nil {
		return err
	}
	return g.run(ctx, dir, "remote", "set-url", "origin", g.to+at.path)
}

// large fetches what LFS keeps of the files in a clone.
func (g *gitClient) large(ctx context.Context, at place, dir string) error {
	list, err := exec.CommandContext(ctx, "git", "-C", dir, "grep", "-l", "-z", "--cached", "-e", "^version https://git-lfs.github.com/spec/", "--", ".").Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return nil // none
	}
	if err != nil {
		return fmt.Errorf("look for files that LFS keeps: %w", err)
	}
	if _, err := exec.LookPath("git-lfs"); err != nil {
		g.a.say("%s %s", g.a.err.paint(yellow, g.a.t("warning:")), g.a.t("%d files are kept by LFS and are not here: install git-lfs and pull again", bytes.Count(list, []byte{0})))
		return nil
	}
	if err := g.run(ctx, dir, "lfs", "install", "--local", "--skip-repo"); err != nil {
		return err
	}
	return g.run(ctx, dir, "-c", "lfs.url="+g.url+at.path+"/info/lfs", "lfs", "pull")
}
