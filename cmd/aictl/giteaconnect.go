package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) giteaConnectCommand() *cobra.Command {
	var req api.ForgeRequest
	var owner, prefix, token, tokenFile string
	cmd := &cobra.Command{
		Use:   "connect URL",
		Short: a.t("Connect a Gitea, or change a connection"),
		Long: a.t(`Connect a Gitea: the server is asked for its version, the token for whose it is and for its scopes, and what lacks is said. The
token is stored encrypted and never shown again; earlier configurations are kept ("aictl gitea history").

The token comes from --token-file, from standard input, or is asked for without being shown. --token is there, too, but other users
of this machine may see it in the list of processes. It is the Gitea's: the token for --server comes from AICTL_TOKEN here.`),
		Example: a.examples(
			a.t("The token is asked for"), "aictl gitea connect https://git.example.com",
			a.t("New repositories belong to an organization"), "aictl gitea connect https://git.example.com --owner ai --prefix algo- --token-file ./token"),
		Args: a.args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.notBoth(cmd, "token", "token-file"); err != nil {
				return err
			}
			client, err := a.connect()
			if err != nil {
				return err
			}
			if req.Token, err = a.secret(cmd.Context(), a.t("Access token (empty keeps the stored one): "), token, tokenFile); err != nil {
				return err
			}
			req.URL = args[0]
			if cmd.Flags().Changed("owner") {
				req.Owner = &owner
			}
			if cmd.Flags().Changed("prefix") {
				req.Prefix = &prefix
			}
			check, err := client.ConnectForge(cmd.Context(), req)
			if err != nil {
				return err
			}
			return a.document(check, func() error { return a.showCheck(check) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&req.Name, "name", "", a.t("name of the connection; made from the host when left out"))
	flags.StringVar(&token, "token", "", a.t("access token of the Gitea"))
	flags.StringVar(&tokenFile, "token-file", "", a.t("file with the access token; - is standard input"))
	flags.StringVar(&owner, "owner", "", a.t("user or organization that new repositories belong to; the token's user when left out"))
	flags.StringVar(&prefix, "prefix", "", a.t("what the names of new repositories begin with"))
	flags.BoolVar(&req.Default, "default", false, a.t("owner/repo means this Gitea from now on; the first one that is connected is the default by itself"))
	return cmd
}

func (a *app) giteaTestCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "test [NAME]",
		Short: a.t("Check a connected Gitea: server, token, scopes"),
		Long: a.t(`Check the default Gitea, or the connection NAME, from the server: whether it can be reached, what it runs, whose the token is,
and which of the scopes that aictl uses it has. Nothing is changed there. Without the scope read:repository it exits 1.`),
		Example:           a.examples("", "aictl gitea test", a.t("Another one"), "aictl gitea test lab"),
		Args:              a.args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeForges,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			check, err := client.TestForge(cmd.Context(), firstArg(args))
			if err != nil {
				return err
			}
			if err := a.document(check, func() error { return a.showCheck(check) }); err != nil || check.OK {
				return err
			}
			return exitWith(exitFailed)
		},
	}
}

func (a *app) giteaDisconnectCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "disconnect NAME",
		Short: a.t("Forget a connected Gitea"),
		Long: a.t(`Forget a connected Gitea and its token. Services that came from there go on, and are not deployed from there any more. Webhooks stay
at the Gitea; what they send is refused. "aictl gitea rollback NAME" connects it again.`),
		Example:           a.examples("", "aictl gitea disconnect git.example.com"),
		Args:              a.args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeForges,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			removed, err := client.DisconnectForge(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.document(removed, func() error {
				a.say("%s", a.t("%s is disconnected", args[0]))
				for _, name := range removed.Services {
					a.say("%s", a.t("%s came from there: it goes on, and is not deployed from there any more", name))
				}
				return nil
			})
		},
	}
}

// showCheck prints what a connection is good for.
func (a *app) showCheck(c api.ForgeCheck) error {
	t := newTable(column{title: a.t("CHECK")}, column{title: a.t("RESULT")}, column{title: a.t("DETAIL"), flex: true})
	if c.Error != "" {
		t.row(c.Forge.Name, a.checkCell(false, a.t("failed")), c.Error)
		return t.render(a.out, a.wide())
	}
	server, result := a.t("Gitea %s at %s", c.Version, c.Forge.URL), a.checkCell(true, "")
	if c.Old {
		result = cell{a.out.glyph("!") + a.t("old"), yellow}
		server = a.t("Gitea %s at %s; aictl is made for %s and newer", c.Version, c.Forge.URL, c.OldestVersion)
	}
	t.row(a.t("server"), result, server)
	t.row(a.t("token"), a.checkCell(true, ""), a.tokenText(c))
	if c.Forge.Owner != "" {
		kind := a.t("it cannot be told what %s is: the token lacks read:organization", c.Forge.Owner)
		if c.OwnerKind != "" {
			kind = ownerText(c.Forge)
		}
		t.row(a.t("new repositories"), a.checkCell(c.OwnerKind == "user" || c.OwnerKind == "organization", a.t("unclear")), kind)
	}
	lacks := 0
	for _, s := range c.Scopes {
		t.row(s.Scope, a.checkCell(s.Has, a.t("missing")), a.scopeText(s))
		if !s.Has {
			lacks++
		}
	}
	if err := t.render(a.out, a.wide()); err != nil {
		return err
	}
	if lacks > 0 {
		a.say("%s %s", a.err.paint(yellow, a.t("hint:")), a.t("scopes are chosen when a token is made, in Gitea under Settings → Applications; `%s` takes another token", a.command("gitea connect %s", c.Forge.URL)))
	}
	return nil
}

func (a *app) checkCell(ok bool, otherwise string) cell {
	if ok {
		return cell{a.out.glyph("✓") + a.t("ok"), green}
	}
	return cell{a.out.glyph("✗") + otherwise, red}
}

// tokenText says whose a token is, and its end.
func (a *app) tokenText(c api.ForgeCheck) string {
	hint := "-"
	if c.Forge.Hint != "" {
		hint = "…" + c.Forge.Hint
	}
	if c.Login == "" {
		return hint
	}
	return a.t("of %s, %s", c.Login, hint)
}

// scopeText says what aictl does with a scope.
func (a *app) scopeText(s api.Scope) string {
	switch s.Scope {
	case "read:user":
		return a.t("tell whose token it is")
	case "read:repository":
		return a.t("list, clone and deploy repositories")
	case "write:repository":
		return a.t("create webhooks, report commit statuses, push and upload")
	case "write:user":
		return a.t("create repositories of the token's user")
	case "read:organization":
		return a.t("see whether the owner of repositories is an organization")
	case "write:organization":
		return a.t("create repositories of organizations")
	}
	return s.For
}

// completeForges offers the names of connections.
func (a *app) completeForges(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.forgeNames(cmd), cobra.ShellCompDirectiveNoFileComp
}

func (a *app) forgeNames(cmd *cobra.Command) (names []string) {
	client, err := a.connect()
	if err != nil {
		return nil
	}
	list, err := client.Forges(cmd.Context())
	if err != nil {
		return nil
	}
	for _, f := range list.Forges {
		names = append(names, fmt.Sprintf("%s\t%s", f.Name, f.URL))
	}
	return names
}

// firstArg is the first argument, "" when there is none.
func firstArg(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}
