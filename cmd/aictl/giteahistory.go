package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) giteaHistoryCommand() *cobra.Command {
	limit := 20
	cmd := &cobra.Command{
		Use:   "history [NAME]",
		Short: a.t("List earlier configurations of connections"),
		Long: a.t(`List how connections were, the newest first: each line is what was from that revision on. Of tokens only the last characters are
shown.`),
		Example:           a.examples("", "aictl gitea history", a.t("Of one connection"), "aictl gitea history git.example.com --limit 5"),
		Args:              a.args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeForges,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			history, err := client.ForgeHistory(cmd.Context(), firstArg(args), limit)
			if err != nil {
				return err
			}
			return a.document(history, func() error { return a.forgeHistoryTable(history) })
		},
	}
	cmd.Flags().IntVar(&limit, "limit", limit, a.t("how many at most"))
	return cmd
}

func (a *app) forgeHistoryTable(history api.ForgeHistory) error {
	if len(history.Changes) == 0 {
		a.say("%s", a.t("no Gitea was ever connected; `%s` connects one", a.command("gitea connect URL")))
		return nil
	}
	t := newTable(column{title: a.t("REVISION"), right: true}, column{title: a.t("NAME")}, column{title: a.t("URL")}, column{title: a.t("TOKEN OF")}, column{title: a.t("TOKEN")},
		column{title: a.t("OWNER")}, column{title: a.t("WHEN")}, column{title: a.t("BY")}, column{title: a.t("NOTE"), flex: true})
	for _, c := range history.Changes {
		hint, note := "-", ""
		if c.Hint != "" {
			hint = "…" + c.Hint
		}
		if c.Removed {
			note = a.t("disconnected")
		}
		t.row(strconv.FormatInt(c.Revision, 10), c.Name, c.URL, orDash(c.Login), hint, orDash(ownerText(api.Forge{Owner: c.Owner, Prefix: c.Prefix})), a.ago(c.At, a.now()), c.Actor, note)
	}
	return t.render(a.out, a.wide())
}

func (a *app) giteaRollbackCommand() *cobra.Command {
	var to int64
	cmd := &cobra.Command{
		Use:   "rollback NAME",
		Short: a.t("Make a connection what it was"),
		Long: a.t(`Make a connection what it was before its last change, or at a revision of "aictl gitea history". The Gitea is checked as when it was
connected: a token that has been revoked meanwhile is not taken back.`),
		Example:           a.examples(a.t("Take the last change back"), "aictl gitea rollback git.example.com", "", "aictl gitea rollback git.example.com --to 3"),
		Args:              a.args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeForges,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("to") && to <= 0 {
				return a.usageError(cmd, a.errorf("--to %d is no revision: `aictl gitea history` lists them", to))
			}
			client, err := a.connect()
			if err != nil {
				return err
			}
			check, err := client.RollbackForge(cmd.Context(), args[0], to)
			if err != nil {
				return err
			}
			return a.document(check, func() error { return a.showCheck(check) })
		},
	}
	cmd.Flags().Int64Var(&to, "to", 0, a.t("a revision of `aictl gitea history`; before the last change when left out"))
	return cmd
}
