package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"aictl/api"
)

// The kinds of sources, as the API names them.
const (
	kindGit   = "git"
	kindGitea = "gitea"
	kindDir   = "dir"

	kindHosted = "hosted" // by the daemon itself
)

var (
	hostedName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

	ownerRepo = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*/[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
	scpLike   = regexp.MustCompile(`^[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+:[^:]`)
)

// readSource tells what kind of source text names: a Git URL, a directory or repository of this machine,
// owner/repo on the connected Gitea, or the name of a hosted repository. What exists here comes first.
func (a *app) readSource(text, ref, subdir string) (api.Source, error) {
	source := api.Source{Kind: kindGit, URL: text, Ref: ref, Subdir: subdir}
	if strings.Contains(text, "://") || scpLike.MatchString(text) {
		return source, nil
	}
	path, err := a.localPath(text)
	if err != nil {
		return source, err
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return a.localSource(source, path)
	case err == nil:
		return source, fail(exitUsage, a.errorf("%s is a file, and a source is a directory or a repository", path), a.t("name the directory it is in"))
	case !errors.Is(err, os.ErrNotExist):
		return source, fmt.Errorf("look at the source: %w", err)
	case ownerRepo.MatchString(text) && !strings.HasPrefix(text, "."):
		source.Kind = kindGitea
		return source, nil
	case hostedName.MatchString(text):
		source.Kind, source.URL = kindHosted, strings.TrimSuffix(text, ".git")
		return source, nil
	}
	return source, fail(exitUsage, a.errorf("there is no source %q", text),
		a.t("a source is the name of a hosted repository, owner/repo on the connected Gitea, a Git URL, or a directory of this machine such as ./my-service"))
}

func (a *app) localPath(text string) (string, error) {
	if rest, ok := strings.CutPrefix(text, "~/"); ok && a.env("HOME") != "" {
		return filepath.Join(a.env("HOME"), rest), nil
	}
	return filepath.Abs(text)
}

// localSource is a directory as it is, or a repository at a commit: a bare one always, one with a working copy when
// a ref is asked for.
func (a *app) localSource(source api.Source, path string) (api.Source, error) {
	if a.remote() {
		return source, fail(exitUsage, a.errorf("%s is on this machine, and the daemon at %s is on another", path, a.server),
			a.t("push it to a repository the server can reach and deploy that, or run aictl on the server"))
	}
	source.Kind, source.URL = kindDir, path
	if isBare(path) || source.Ref != "" && exists(filepath.Join(path, ".git")) {
		source.Kind = kindGit
	} else if source.Ref != "" {
		return source, fail(exitUsage, a.errorf("%s is no Git repository, so it has no ref %q", path, source.Ref), a.t("leave --ref out to deploy the directory as it is"))
	}
	return source, nil
}

func isBare(path string) bool {
	return exists(filepath.Join(path, "HEAD")) && exists(filepath.Join(path, "objects")) && exists(filepath.Join(path, "refs"))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// readEnv reads K=V pairs; a bare K takes the value it has here.
func (a *app) readEnv(pairs []string) (map[string]string, error) {
	env := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		key, value, found := strings.Cut(pair, "=")
		if !found {
			value = a.env(key)
		}
		if key == "" || !found && value == "" {
			return nil, a.errorf("--env %q is not K=V, and no such variable is set here", pair)
		}
		env[key] = value
	}
	return env, nil
}
