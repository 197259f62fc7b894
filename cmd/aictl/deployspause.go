package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) deploysPauseCommand() *cobra.Command {
	req := api.AutoDeployRequest{Paused: true}
	cmd := &cobra.Command{
		Use:   "pause PATTERN…",
		Short: a.t("Keep pushes from deploying services"),
		Long: a.t(`Keep pushes to its repository from deploying a service, until "aictl deploys resume". "aictl deploy" goes on to work. A rollback
pauses by itself: otherwise the next push, or the next look at the repository, would undo it.`),
		Example: a.examples("", "aictl deploys pause ocr --why 'demo on Friday'", a.t("Many at once"), "aictl deploys pause @vision"),
	}
	cmd.Flags().StringVar(&req.Why, "why", "", a.t("why, for others to read"))
	return a.autoCommand(cmd, &req)
}

func (a *app) deploysResumeCommand() *cobra.Command {
	return a.autoCommand(&cobra.Command{
		Use:     "resume PATTERN…",
		Short:   a.t("Let pushes deploy services again"),
		Long:    a.t(`Let pushes deploy a service again. What was pushed meanwhile is deployed now, unless it is what was tried last before the pause.`),
		Example: a.examples("", "aictl deploys resume ocr"),
	}, &api.AutoDeployRequest{})
}

// autoCommand completes a command that pauses or resumes.
func (a *app) autoCommand(cmd *cobra.Command, req *api.AutoDeployRequest) *cobra.Command {
	cmd.Args = a.args(cobra.MinimumNArgs(1))
	cmd.ValidArgsFunction = a.completeServices(-1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := a.connect()
		if err != nil {
			return err
		}
		req.Services = args
		done, err := client.SetAutoDeploys(cmd.Context(), *req)
		if err != nil {
			return err
		}
		return a.document(done, func() error {
			for _, name := range done.Services {
				a.say("%s: %s", name, a.autoOutcome(done, name))
			}
			return nil
		})
	}
	return cmd
}

func (a *app) autoOutcome(done api.AutoDeployResults, name string) string {
	switch {
	case done.Paused:
		return a.t("no push deploys it until `%s`", a.command("deploys resume %s", name))
	case slices.Contains(done.Changed, name):
		return a.t("pushes deploy it again")
	}
	return a.t("it was not paused")
}

// sayPaused tells when no push deploys a service for now; one that was removed has nothing to tell.
func (a *app) sayPaused(ctx context.Context, client *api.Client, service string) error {
	if service == "" {
		return nil
	}
	list, err := client.Services(ctx, []string{service}, false)
	var missing *api.Error
	if errors.As(err, &missing) && missing.Status == http.StatusNotFound {
		return nil
	}
	for _, s := range list.Services {
		if s.DeploysPaused != "" {
			a.say("%s", a.t("no push deploys %s (%s) until `%s`", s.Name, s.DeploysPaused, a.command("deploys resume %s", s.Name)))
		}
	}
	return err
}

func (a *app) deploysAutoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "auto",
		Short: a.t("Tell what pushes do to services"),
		Long: a.t(`Tell for every service that has a repository whether pushes deploy it, which ones, and what was considered last. The section deploy:
of its aictl.yaml says which.`),
		Example: a.examples("", "aictl deploys auto"),
		Args:    a.args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			list, err := client.AutoDeploys(cmd.Context())
			if err != nil {
				return err
			}
			return a.document(list, func() error { return a.autoTable(list) })
		},
	}
}

func (a *app) autoTable(list api.AutoDeployList) error {
	if len(list.Services) == 0 {
		a.say("%s", a.t("no service is deployed from a repository whose pushes are told"))
		return nil
	}
	t := newTable(column{title: a.t("SERVICE"), flex: true}, column{title: a.t("PUSHES")}, column{title: a.t("WHICH"), flex: true}, column{title: a.t("COMMIT")},
		column{title: a.t("CONSIDERED")}, column{title: a.t("OUTCOME"), flex: true})
	for _, s := range list.Services {
		commit, at, outcome := "-", "-", ""
		if len(s.Considered) > 0 {
			last := s.Considered[0]
			commit, at, outcome = shortCommit(last.Commit), a.ago(last.At, a.now()), shortRef(last.Ref)+": "+last.Outcome
		}
		if s.Paused {
			outcome = strings.TrimPrefix(outcome+"; "+a.t("paused by %s: %s", orDash(s.Actor), orDash(s.Why)), "; ")
		}
		t.row(cell{s.Service, bold}, a.autoState(s), a.autoWhich(s), commit, at, outcome)
	}
	return t.render(a.out, a.wide())
}

func (a *app) autoState(s api.AutoDeploy) cell {
	switch {
	case s.Paused:
		return cell{a.out.glyph("▲") + a.t("paused"), yellow}
	case s.Auto:
		return cell{a.out.glyph("✓") + a.t("deploy"), green}
	}
	return cell{a.out.glyph("–") + a.t("do nothing"), dim}
}

// autoWhich says which pushes deploy a service.
func (a *app) autoWhich(s api.AutoDeploy) string {
	var parts []string
	switch {
	case !s.Auto:
		return "-"
	case s.Branch != "":
		parts = append(parts, s.Branch)
	case len(s.Tags) == 0:
		parts = append(parts, a.t("default branch"))
	}
	if len(s.Tags) > 0 {
		parts = append(parts, a.t("tags %s", strings.Join(s.Tags, " ")))
	}
	if len(s.Paths) > 0 {
		parts = append(parts, a.t("files %s", strings.Join(s.Paths, " ")))
	}
	if len(s.Ignore) > 0 {
		parts = append(parts, a.t("not %s", strings.Join(s.Ignore, " ")))
	}
	if s.Previews {
		parts = append(parts, a.t("previews"))
	}
	return strings.Join(parts, ", ")
}
