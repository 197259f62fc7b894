package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"aictl/api"
)

// deployFlags are the flags of deploy.
type deployFlags struct {
	name, ref, subdir string
	reason            string
	env               []string
	replicas          int
	wait, watch, dry  bool
	timeout           time.Duration
	source            string // as given
	verify            verifyFlags
	canary            float64
}

func (a *app) deployCommand() *cobra.Command {
	var f deployFlags
	cmd := &cobra.Command{
		Use:   "deploy SOURCE",
		Short: a.t("Turn a commit into the live release of a service"),
		Long: a.t(`Turn a commit into the live release of a service: fetch it, build its environment, start it, wait until it is
healthy, switch the gateway, stop the old one. If any step fails the old release keeps serving.

SOURCE is owner/repo on the connected Gitea, the name of a repository that aictl hosts, any Git URL (https, ssh,
file), or a directory or repository of this machine. The repository may hold an aictl.yaml; see aictl init.

The command waits for the result. Ctrl-C leaves the deploy going; --wait=false does not wait at all.`),
		Example: a.examples(
			a.t("A directory, a Gitea repository, a Git URL"), "aictl deploy ./ocr",
			"", "aictl deploy team/ocr --ref v1.4",
			"", "aictl deploy https://git.example.com/team/models.git --subdir ocr",
			a.t("Deploy at every change of a file"), "aictl deploy ./ocr --watch",
			a.t("The same code twice, with different settings"), "aictl deploy team/ocr --name ocr-large --env MODEL=large --replicas 2"),
		Args: a.args(cobra.ExactArgs(1)),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f.source = args[0]
			return a.deploy(cmd, args[0], f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.name, "name", "", a.t("name of the service (default: the manifest's, else the repository's)"))
	flags.StringVar(&f.ref, "ref", "", a.t("branch, tag or commit (default: the default branch)"))
	flags.StringVar(&f.subdir, "subdir", "", a.t("directory of the service in the repository"))
	flags.StringArrayVarP(&f.env, "env", "e", nil, a.t("environment variable `K=V`, kept with the service; may be repeated"))
	flags.IntVar(&f.replicas, "replicas", 0, a.t("number of instances (default: the manifest's)"))
	flags.BoolVar(&f.watch, "watch", false, a.t("deploy the directory again whenever a file changes, until Ctrl-C"))
	flags.BoolVar(&f.dry, "dry-run", false, a.t("show what the deploy would change, and do nothing"))
	flags.Float64Var(&f.canary, "canary", 0, a.t("make it the canary with so many percent of the requests, not the live release"))
	flags.StringVar(&f.reason, "reason", "", a.t("why, for the history"))
	a.verifyFlags(cmd, &f.verify)
	a.waitFlags(cmd, &f.wait, &f.timeout)
	return cmd
}

func (a *app) waitFlags(cmd *cobra.Command, wait *bool, timeout *time.Duration) {
	cmd.Flags().BoolVar(wait, "wait", true, a.t("wait for the result"))
	cmd.Flags().DurationVar(timeout, "timeout", 0, a.t("how long to wait; the deploy itself goes on (default: without end)"))
}

func (a *app) deploy(cmd *cobra.Command, arg string, f deployFlags) error {
	source, err := a.readSource(arg, f.ref, f.subdir)
	if err != nil {
		return err
	}
	env, err := a.readEnv(f.env)
	if err != nil {
		return a.usageError(cmd, err)
	}
	req := api.DeployRequest{Source: source, Name: f.name, Env: env, Reason: f.reason, Trigger: "cli"}
	if cmd.Flags().Changed("replicas") {
		if f.replicas < 0 {
			return a.usageError(cmd, a.errorf("--replicas %d is not a number of instances: use 0, 1, 2 …", f.replicas))
		}
		req.Replicas = &f.replicas
	}
	if cmd.Flags().Changed("canary") {
		if f.canary <= 0 || f.canary > 100 {
			return a.usageError(cmd, a.errorf("--canary %v is not above 0 and up to 100 percent", f.canary))
		}
		req.Canary = &f.canary
	}
	if req.Verify, err = f.verify.read(a, cmd); err != nil {
		return a.usageError(cmd, err)
	}
	if f.watch {
		if err := a.checkWatch(cmd, f, &req.Source); err != nil {
			return err
		}
	}
	client, err := a.connect()
	if err != nil {
		return err
	}
	if f.dry {
		return a.previewDeploy(cmd.Context(), client, req)
	}
	if f.watch {
		return a.watchDeploys(cmd.Context(), client, req)
	}
	doc, err := client.Deploy(cmd.Context(), req)
	if err != nil {
		return err
	}
	w := a.newWaiter(client, doc.Deploy)
	w.sample = sampleOf(source)
	return w.finish(cmd.Context(), f.wait, f.timeout)
}

// sampleOf is a sample input that lies beside a local service, for the call that is suggested.
func sampleOf(source api.Source) string {
	if source.Kind != kindDir {
		return ""
	}
	found, err := filepath.Glob(filepath.Join(source.URL, source.Subdir, "samples", "*.json"))
	if err != nil || len(found) == 0 {
		return ""
	}
	return found[0]
}

func (a *app) rollbackCommand() *cobra.Command {
	var to, reason string
	var wait, list bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "rollback SERVICE",
		Short: a.t("Make an earlier release live again"),
		Long: a.t(`Make an earlier release live again: the one before, or the one that --to names. Its environment is still
there, so nothing is fetched or built. The same gate as for a deploy applies: it must become healthy first.
From then on pushes do not deploy the service, until "aictl deploys resume" says so. --list shows the releases that are kept.`),
		Example: a.examples(
			a.t("Back to the release before"), "aictl rollback ocr",
			a.t("Choose one"), "aictl rollback ocr --list",
			"", "aictl rollback ocr --to r12",
			"", "aictl rollback ocr --to 1a2b3c4d --reason \"wrong model\""),
		Args:              a.args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeServices(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			if list {
				return a.listReleases(cmd, client, args[0])
			}
			doc, err := client.Rollback(cmd.Context(), args[0], api.RollbackRequest{To: to, Reason: reason, Trigger: "cli"})
			if err != nil {
				return err
			}
			if err := a.newWaiter(client, doc.Deploy).finish(cmd.Context(), wait, timeout); err != nil || a.output != formatTable && !a.wide() {
				return err
			}
			return a.sayPaused(cmd.Context(), client, doc.Deploy.Service)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", a.t("release id, its number, or its commit (default: the one that was live before)"))
	cmd.Flags().StringVar(&reason, "reason", "", a.t("why, for the history"))
	cmd.Flags().BoolVar(&list, "list", false, a.t("show the releases that are kept"))
	a.waitFlags(cmd, &wait, &timeout)
	return cmd
}

func (a *app) listReleases(cmd *cobra.Command, client *api.Client, service string) error {
	list, err := client.Releases(cmd.Context(), service)
	if err != nil {
		return err
	}
	return a.document(list, func() error {
		t := newTable(column{title: a.t("RELEASE")}, column{title: a.t("COMMIT")}, column{title: a.t("CREATED")},
			column{title: ""}, column{title: a.t("ENVIRONMENT"), wide: true}, column{title: a.t("COMMAND"), wide: true})
		for _, r := range list.Releases {
			mark := cell{}
			switch {
			case r.Live:
				mark = cell{a.t("live"), green}
			case r.Previous:
				mark = cell{a.t("previous"), cyan}
			}
			t.row(r.ID, shortCommit(r.Commit), a.ago(r.CreatedAt, a.now()), mark, orDash(r.EnvKey), fmt.Sprint(r.Argv))
		}
		return t.render(a.out, a.wide())
	})
}
