package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"aictl/api"
	"aictl/configs"
	"aictl/gitea/upload"
	"aictl/hosting"
)

// uploadFlags are the flags of gitea upload.
type uploadFlags struct {
	repo, gitea, branch, path, message, large string
	prune                                     bool
}

func (a *app) giteaUploadCommand() *cobra.Command {
	var f uploadFlags
	cmd := &cobra.Command{
		Use:   "upload DIR|FILE… --repo REPO",
		Short: a.t("Put files of this machine into a repository"),
		Long: a.t(`Put the files of directories, and single files, into a repository: REPO is owner/name at a connected Gitea, or the bare name
of one that aictl hosts, which is made when it is missing. Only what is new or has changed is sent, in commits of up to 256 MiB,
so that a run that breaks off is resumed by running it again. Large files go to LFS where the server has it. What .gitignore
and .aictlignore files name is left out.`),
		Example: a.examples(
			a.t("A directory, then deploy it"), "aictl gitea upload ./ocr --repo ocr",
			"", "aictl deploy ocr",
			a.t("Models into a directory of a repository"), "aictl gitea upload *.safetensors --repo ai/ocr --path models",
			a.t("Remove there what is not here any more"), "aictl gitea upload ./ocr --repo ocr --prune"),
		Args: a.args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return a.upload(cmd, args, f) },
	}
	a.repoFlags(cmd, &f.repo, &f.gitea)
	flags := cmd.Flags()
	flags.StringVar(&f.branch, "branch", "", a.t("branch (default: the repository's)"))
	flags.StringVar(&f.path, "path", "", a.t("directory in the repository (default: its root)"))
	flags.StringVarP(&f.message, "message", "m", "", a.t("message of the commits"))
	flags.StringVar(&f.large, "lfs", "10MiB", a.t("files from this size on go to LFS; off keeps all in Git"))
	flags.BoolVar(&f.prune, "prune", false, a.t("remove from the repository what is not among the files"))
	return cmd
}

// repoFlags adds --repo and --gitea, which name a repository.
func (a *app) repoFlags(cmd *cobra.Command, repo, gitea *string) {
	cmd.Flags().StringVar(repo, "repo", "", a.t("repository: owner/name at a Gitea, or the name of one that aictl hosts"))
	a.giteaFlag(cmd, gitea)
}

func (a *app) upload(cmd *cobra.Command, sources []string, f uploadFlags) (err error) {
	ctx := cmd.Context()
	limit, err := largeFrom(f.large)
	if err != nil {
		return a.usageError(cmd, a.errorf("--lfs: %w", err))
	}
	for _, source := range sources {
		if _, err := os.Stat(source); err != nil {
			return fail(exitUsage, err, a.t("name directories and files of this machine"))
		}
	}
	client, err := a.connect()
	if err != nil {
		return err
	}
	at, err := a.repository(ctx, cmd, client, f.repo, f.gitea)
	if err != nil {
		return err
	}
	way, err := openPassage(ctx, client)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, way.close()) }()
	name, email := author()
	bar := a.bar()
	defer bar.stop()
	result, err := upload.Run(ctx, upload.Config{
		URL: way.url + at.path, Origin: way.url + "/", Authorization: way.token, Sources: sources, Prefix: f.path, Branch: f.branch,
		Message: a.uploadMessage(f.message, whatIs(sources)), Name: name, Email: email, LFS: limit, Prune: f.prune, Progress: bar.update,
	})
	bar.stop()
	if err != nil {
		return a.uploadFault(at, err, result)
	}
	if err := a.uploaded(at, result); err != nil || !at.hosted {
		return err
	}
	return a.sayBare(ctx, client, at)
}

// uploadFault says what to do after an upload that ended early.
func (a *app) uploadFault(at place, err error, r upload.Result) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	hint := a.t("nothing was sent yet")
	switch {
	case errors.Is(err, upload.ErrNothing):
		return fail(exitUsage, err, a.t("what .gitignore and .aictlignore files name is left out"))
	case errors.Is(err, upload.ErrNotThere):
		return fail(exitNotFound, err, "")
	case strings.Contains(err.Error(), "Push to create is not enabled"): // Gitea's words for a repository that is not there
		return fail(exitNotFound, err, a.t("there is no repository %s: make it with `%s`", at.shown, a.command("gitea create %s", at.shown)))
	case r.Commits > 0 || r.Objects > 0:
		hint = a.t("what was sent is kept: run the same command again to send the rest")
	}
	return fail(exitFailed, err, hint)
}

// sayBare says where a bare name leads, to somebody who may have meant a repository of a Gitea.
func (a *app) sayBare(ctx context.Context, client *api.Client, at place) error {
	list, err := client.Forges(ctx)
	if err == nil && len(list.Forges) > 0 {
		a.say("%s", a.t("%s is hosted by aictl itself; --repo OWNER/%s means one at the Gitea", at.shown, at.shown))
	}
	return err
}

// uploaded says what was done.
func (a *app) uploaded(at place, r upload.Result) error {
	doc := uploadDocument{
		SchemaVersion: api.SchemaVersion, Repository: at.shown, Branch: r.Branch, Commit: r.Commit, Commits: r.Commits,
		Files: r.Files, Unchanged: r.Same, Removed: r.Removed, Objects: r.Objects, Bytes: r.Bytes,
	}
	return a.document(doc, func() error {
		for _, s := range r.Skipped {
			a.say("%s %s", a.err.paint(yellow, a.t("warning:")), a.t("%s is neither a file nor a directory and was left out", printable(s)))
		}
		if r.NoLFS {
			a.say("%s %s", a.err.paint(yellow, a.t("warning:")), a.t("the server has no LFS: large files are in Git itself, where every version of them stays"))
		}
		if r.Commits == 0 {
			_, err := fmt.Fprintln(a.out, a.t("%s has it all already: %d files", at.shown, r.Same))
			return err
		}
		_, err := fmt.Fprintln(a.out, a.t("%d files (%s) are in %s now, %d were there, %d were removed: commit %s of %s",
			r.Files, humanSize(r.Bytes), at.shown, r.Same, r.Removed, shortCommit(r.Commit), r.Branch))
		if err == nil {
			a.say("%s %s", a.err.paint(yellow, a.t("hint:")), a.t("deploy it with `%s`", a.command("deploy %s", at.source)))
		}
		return err
	})
}

// uploadDocument is what `gitea upload -o json` prints.
type uploadDocument struct {
	SchemaVersion int    `json:"schemaVersion"`
	Repository    string `json:"repository"`
	Branch        string `json:"branch"`
	Commit        string `json:"commit"`
	Commits       int    `json:"commits"`
	Files         int    `json:"files"`
	Unchanged     int    `json:"unchanged"`
	Removed       int    `json:"removed"`
	Objects       int    `json:"objects"`
	Bytes         int64  `json:"bytes"`
}

func (a *app) uploadMessage(given, source string) string {
	if given != "" {
		return given
	}
	return "Upload " + source // a commit is read by people of all languages
}

// whatIs names what is uploaded, for the message of a commit.
func whatIs(sources []string) string {
	name := path.Base(strings.TrimRight(sources[0], "/"))
	if name == "." || name == ".." || name == "/" {
		name = "files"
	}
	if len(sources) > 1 {
		return fmt.Sprintf("%s and %d more", name, len(sources)-1)
	}
	return name
}

// largeFrom reads --lfs: a size, or off, which is -1.
func largeFrom(text string) (int64, error) {
	if text == "off" {
		return -1, nil
	}
	var size configs.Size
	if err := size.UnmarshalText([]byte(text)); err != nil {
		return 0, err
	}
	return max(int64(size), 1), nil
}

// author is who this machine says that its user is.
func author() (name, email string) {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	u, err := user.Current()
	if err != nil {
		return "aictl", "aictl@" + host
	}
	if name = strings.TrimSpace(u.Name); name == "" {
		name = u.Username
	}
	return name, u.Username + "@" + host
}

// place is a repository as the daemon serves it.
type place struct {
	path   string // below the daemon's address
	shown  string // as people name it
	source string // as deploy takes it
	hosted bool
}

// repository finds out what --repo and --gitea mean: a bare name is hosted by the daemon, owner/name is at a Gitea.
func (a *app) repository(ctx context.Context, cmd *cobra.Command, client *api.Client, repo, gitea string) (place, error) {
	repo = strings.TrimSuffix(repo, ".git")
	switch {
	case repo == "":
		return place{}, a.usageError(cmd, a.errorf("--repo is missing: owner/name at a Gitea, or the name of a repository that aictl hosts"))
	case !strings.Contains(repo, "/") && gitea == "":
		if err := hosting.ValidName(repo); err != nil {
			return place{}, a.usageError(cmd, err)
		}
		return place{path: hosting.Prefix + repo + ".git", shown: repo, source: repo, hosted: true}, nil
	case !ownerRepo.MatchString(repo):
		return place{}, a.usageError(cmd, a.errorf("--repo %q is not owner/name", repo))
	}
	list, err := client.Forges(ctx)
	if err != nil {
		return place{}, err
	}
	if gitea == "" {
		if len(list.Forges) == 0 {
			return place{}, fail(exitNotFound, a.errorf("%s is a repository of a Gitea, and none is connected", repo),
				a.t("connect one with `%s`, or give a bare name for a repository that aictl hosts", a.command("gitea connect URL")))
		}
		gitea = list.Forges[0].Name
	}
	return place{path: hosting.Prefix + "~" + gitea + "/" + repo + ".git", shown: repo, source: sourceAt(list.Forges, gitea, repo)}, nil
}

// sourceAt is what deploy takes for a repository of a Gitea: owner/name at the default one, its address at another.
func sourceAt(forges []api.Forge, gitea, repo string) string {
	for _, f := range forges {
		if f.Name == gitea && !f.Default {
			return strings.TrimRight(f.URL, "/") + "/" + repo + ".git"
		}
	}
	return repo
}
