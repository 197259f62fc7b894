package main

import (
	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) giteaCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "gitea",
		Short: a.t("Connect Giteas, and work with their repositories"),
		Long: a.t(`A connected Gitea is where services come from: "aictl deploy owner/repo" clones from there, and what is pushed there is
deployed. More than one can be connected; owner/repo alone means the default one.`),
		Example: a.examples(a.t("Which are connected"), "aictl gitea list"),
	}
	return a.parent(cmd, a.giteaConnectCommand(), a.giteaListCommand(), a.giteaTestCommand(), a.giteaReposCommand(), a.giteaHookCommand(), a.giteaDeliveriesCommand(), a.giteaCreateCommand(), a.giteaHistoryCommand(),
		a.giteaRollbackCommand(), a.giteaDisconnectCommand(), a.giteaUploadCommand(), a.giteaPushCommand(), a.giteaPullCommand(), a.giteaHostedCommand())
}

func (a *app) giteaListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   a.t("List the connected Giteas"),
		Long: a.t(`List the connected Giteas, the default one first, and where each connection comes from: AICTL_GITEA_URL comes before what
"aictl gitea connect" has stored, and that before gitea.url in the settings file. Tokens are not shown.`),
		Example: a.examples("", "aictl gitea list -o json"),
		Args:    a.args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			list, err := client.Forges(cmd.Context())
			if err != nil {
				return err
			}
			return a.document(list, func() error { return a.forgesTable(list) })
		},
	}
}

func (a *app) forgesTable(list api.ForgeList) error {
	if len(list.Forges) == 0 {
		a.say("%s", a.t("no Gitea is connected; `%s` connects one", a.command("gitea connect URL")))
		return nil
	}
	t := newTable(column{title: a.t("NAME")}, column{title: a.t("URL")}, column{title: a.t("TOKEN OF")}, column{title: a.t("TOKEN")}, column{title: a.t("OWNER")},
		column{title: a.t("FROM")}, column{title: a.t("NOTE"), flex: true})
	for _, f := range list.Forges {
		name, hint := cell{f.Name, plain}, "-"
		if f.Default {
			name = cell{f.Name + " *", bold}
		}
		if f.Hint != "" {
			hint = "…" + f.Hint
		}
		t.row(name, f.URL, orDash(f.Login), hint, orDash(ownerText(f)), a.forgeFrom(f.From), f.Error)
	}
	return t.render(a.out, a.wide())
}

// ownerText is where new repositories go: owner/prefix….
func ownerText(f api.Forge) string {
	if f.Prefix == "" {
		return f.Owner
	}
	return f.Owner + "/" + f.Prefix + "…"
}

// forgeFrom says where a connection comes from.
func (a *app) forgeFrom(from string) string {
	switch from {
	case "environment":
		return a.t("environment")
	case "file":
		return a.t("settings file")
	}
	return a.t("stored")
}
