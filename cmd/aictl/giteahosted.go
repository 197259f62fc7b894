package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) giteaHostedCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hosted",
		Short: a.t("List and remove the repositories that aictl hosts itself"),
	}
	return a.parent(cmd, a.hostedListCommand(), a.hostedRemoveCommand())
}

func (a *app) hostedListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   a.t("List the repositories that aictl hosts itself"),
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
