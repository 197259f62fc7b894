package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"aictl/internal/giteatest"
)

// scriptTB is what a Gitea for tests needs of a test, in a script. Whatever else it would ask for is a fault of the test.
type scriptTB struct {
	testing.TB
	ts *testscript.TestScript
}

func (t scriptTB) Helper()                           {}
func (t scriptTB) Fatal(args ...any)                 { t.ts.Fatalf("%v", args) }
func (t scriptTB) Fatalf(format string, args ...any) { t.ts.Fatalf(format, args...) }
func (t scriptTB) Cleanup(f func())                  { t.ts.Defer(f) }

// TempDir lies outside the script's folder, in which nothing may be left running.
func (t scriptTB) TempDir() string {
	dir, err := os.MkdirTemp("", "aictl-script-gitea-")
	t.ts.Check(err)
	t.ts.Defer(func() { t.ts.Check(os.RemoveAll(dir)) })
	return dir
}

// cmdGitea drives a Gitea for tests:
//
//	gitea start                          its address is then $GITEA
//	gitea token VAR USER SCOPE…          makes a token, and sets a variable to it
//	gitea revoke VAR                     makes it worthless
//	gitea org NAME MEMBER…
//	gitea push OWNER/NAME DIR [MESSAGE]  the files of a folder, on the default branch; the repository is made when it is not there
//	gitea down | gitea up                it stops to answer, or goes on
func cmdGitea(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: gitea start|token|revoke|org|push|down|up …")
	}
	if args[0] == "start" {
		g := &scriptGitea{Server: giteatest.New(scriptTB{ts: ts}, giteatest.Options{}), repos: map[string]*giteatest.Repo{}}
		*ts.Value("gitea").(**scriptGitea) = g
		ts.Setenv("GITEA", g.URL)
		ts.Setenv("GITEAHOST", strings.ReplaceAll(strings.TrimPrefix(g.URL, "http://"), ":", "-")) // the name that a connection gets
		return
	}
	g := *ts.Value("gitea").(**scriptGitea)
	if g == nil {
		ts.Fatalf("gitea %s: it has not been started", args[0])
	}
	g.do(ts, args[0], args[1:])
}

// scriptGitea is the Gitea that a script started.
type scriptGitea struct {
	*giteatest.Server
	repos map[string]*giteatest.Repo
}

func (g *scriptGitea) do(ts *testscript.TestScript, action string, args []string) {
	switch {
	case action == "token" && len(args) > 2:
		ts.Setenv(args[0], g.Token(args[1], args[2:]...))
	case action == "revoke" && len(args) == 1:
		g.Revoke(ts.Getenv(args[0]))
	case action == "org" && len(args) > 0:
		g.Org(args[0], args[1:]...)
	case action == "push" && (len(args) == 2 || len(args) == 3):
		change := giteatest.Change{Files: filesBelow(ts, ts.MkAbs(args[1]))}
		if len(args) == 3 {
			change.Message = args[2]
		}
		ts.Setenv("COMMIT", g.repo(ts, args[0]).Push(scriptTB{ts: ts}, change))
	case action == "down", action == "up":
		g.SetDown(action == "down")
	default:
		ts.Fatalf("gitea: no such action: %s %q", action, args)
	}
}

func (g *scriptGitea) repo(ts *testscript.TestScript, fullName string) *giteatest.Repo {
	if g.repos[fullName] == nil {
		owner, name, _ := strings.Cut(fullName, "/")
		g.repos[fullName] = g.Repo(scriptTB{ts: ts}, owner, name)
	}
	return g.repos[fullName]
}

// filesBelow are the files of a folder by their paths in it.
func filesBelow(ts *testscript.TestScript, dir string) map[string]string {
	files := map[string]string{}
	ts.Check(filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = string(content)
		return err
	}))
	return files
}
