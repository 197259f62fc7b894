package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) giteaHostedCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hosted",
		Short: a.t("List and remove the repositories that aictl hosts itself"),
		Long: a.t(`List and remove the repositories that aictl hosts itself. "aictl gitea create NAME --hosted" makes one, and so does the first push
to it; "aictl deploy NAME" deploys from there.`),
		Example: a.examples("", "aictl gitea hosted list"),
	}
	return a.parent(cmd, a.hostedListCommand(), a.hostedRemoveCommand())
}

func (a *app) hostedListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   a.t("List the repositories that aictl hosts itself"),
		Long:    a.t("List the repositories that aictl hosts itself: their default branch, what they take on the disk, and when they were pushed to last."),
		Example: a.examples("", "aictl gitea hosted list -o json"),
		Args:    a.args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			list, err := client.Repositories(cmd.Context())
			if err != nil {
				return err
			}
			return a.document(list, func() error { return a.hostedTable(list.Repositories) })
		},
	}
}

func (a *app) hostedTable(list []api.Repository) error {
	if len(list) == 0 {
		a.say("%s", a.t("aictl hosts no repository; `%s` makes one", a.command("gitea create NAME --hosted")))
		return nil
	}
	t := newTable(column{title: a.t("NAME")}, column{title: a.t("BRANCH")}, column{title: a.t("SIZE")}, column{title: a.t("PUSHED")}, column{title: a.t("URL"), flex: true})
	for _, r := range list {
		pushed := "-"
		if !r.Empty {
			pushed = a.ago(r.PushedAt, a.now())
		}
		t.row(r.Name, r.DefaultBranch, humanSize(r.SizeBytes), pushed, r.URL)
	}
	return t.render(a.out, a.wide())
}

func (a *app) hostedRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: a.t("Remove a hosted repository with all that was pushed to it"),
		Long: a.t(`Remove a repository that aictl hosts itself, with all that was pushed to it. Services that were deployed from it go on, and
can be rolled back to the releases that are kept; deployed again they cannot be until it is pushed anew.`),
		Example: a.examples("", "aictl gitea hosted remove demo"),
		Args:    a.args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			doc, err := client.RemoveRepository(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.document(doc, func() error {
				_, err := fmt.Fprintln(a.out, a.t("%s is removed", doc.Repository.Name))
				return err
			})
		},
	}
}

// hostedKind is the kind of a service's source that aictl hosts itself.
const hostedKind = "hosted"

// onlyHosted lists the repositories that aictl hosts itself in place of those of a Gitea, since none is connected.
func (a *app) onlyHosted(ctx context.Context, client *api.Client, text string, limit int) error {
	hosted, err := client.Repositories(ctx)
	if err != nil {
		return err
	}
	services, err := client.Services(ctx, nil, true)
	if err != nil {
		return err
	}
	from := map[string][]string{}
	for _, s := range services.Services {
		if s.Detail != nil && s.Detail.Source.Kind == hostedKind {
			from[s.Detail.Source.URL] = append(from[s.Detail.Source.URL], s.Name)
		}
	}
	list := api.ForgeRepositories{SchemaVersion: api.SchemaVersion, Repositories: []api.ForgeRepository{}}
	for _, r := range hosted.Repositories {
		if !strings.Contains(strings.ToLower(r.Name), strings.ToLower(text)) {
			continue
		}
		list.Repositories = append(list.Repositories, api.ForgeRepository{
			Name: r.Name, URL: r.URL, DefaultBranch: r.DefaultBranch, Empty: r.Empty, SizeBytes: r.SizeBytes, UpdatedAt: r.PushedAt, Services: from[r.Name],
		})
	}
	slices.SortStableFunc(list.Repositories, func(x, y api.ForgeRepository) int { return y.UpdatedAt.Compare(x.UpdatedAt) })
	list.Repositories = list.Repositories[:min(limit, len(list.Repositories))]
	return a.document(list, func() error {
		a.say("%s", a.t("no Gitea is connected; `%s` connects one", a.command("gitea connect URL")))
		if len(hosted.Repositories) == 0 {
			a.say("%s", a.t("aictl hosts no repository; `%s` makes one", a.command("gitea create NAME")))
			return nil
		}
		a.say("%s", a.t("aictl itself hosts these:"))
		return a.reposTable(list, true)
	})
}

// sayHosted tells of the repositories that aictl hosts beside those of a Gitea.
func (a *app) sayHosted(ctx context.Context, client *api.Client) error {
	hosted, err := client.Repositories(ctx)
	if err == nil && len(hosted.Repositories) > 0 {
		a.say("%s", a.t("aictl itself hosts %d more: `%s`", len(hosted.Repositories), a.command("gitea hosted list")))
	}
	return err
}
