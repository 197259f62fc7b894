package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) giteaReposCommand() *cobra.Command {
	var name string
	var quick bool
	limit := 200
	cmd := &cobra.Command{
		Use:   "repos [TEXT]",
		Short: a.t("List the repositories of a connected Gitea"),
		Long: a.t(`List the repositories that the token may read, or those with TEXT in their names, the latest changed first: which services are deployed
from them, and what their files look like to aictl. A repository with an aictl.yaml, a Procfile, a main.py or app.py, or a package.json
can be deployed as it is. When no Gitea is connected, the repositories that aictl hosts itself are listed.`),
		Example: a.examples("", "aictl gitea repos", a.t("Fast, without a look at the files"), "aictl gitea repos ocr --quick", a.t("Of another Gitea"), "aictl gitea repos --gitea lab"),
		Args:    a.args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 {
				return a.usageError(cmd, a.errorf("--limit %d is less than one", limit))
			}
			client, err := a.connect()
			if err != nil {
				return err
			}
			if name == "" {
				forges, err := client.Forges(cmd.Context())
				if err != nil {
					return err
				}
				if len(forges.Forges) == 0 {
					return a.onlyHosted(cmd.Context(), client, firstArg(args), limit)
				}
			}
			list, err := client.ForgeRepositories(cmd.Context(), name, firstArg(args), limit, !quick)
			if err != nil {
				return err
			}
			return a.document(list, func() error {
				if err := a.reposTable(list, quick); err != nil {
					return err
				}
				return a.sayHosted(cmd.Context(), client)
			})
		},
	}
	a.giteaFlag(cmd, &name)
	cmd.Flags().IntVar(&limit, "limit", limit, a.t("how many at most"))
	cmd.Flags().BoolVar(&quick, "quick", false, a.t("do not look at their files, which takes a call of the Gitea for each"))
	return cmd
}

// giteaFlag adds --gitea, which names a connection.
func (a *app) giteaFlag(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVar(name, "gitea", "", a.t("name of the connection; the default one when left out"))
	if err := cmd.RegisterFlagCompletionFunc("gitea", func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return a.forgeNames(cmd), cobra.ShellCompDirectiveNoFileComp
	}); err != nil {
		panic(err) // the flag's name is misspelt
	}
}

func (a *app) reposTable(list api.ForgeRepositories, quick bool) error {
	if len(list.Repositories) == 0 {
		a.say("%s", a.t("no repositories that the token may read"))
		return nil
	}
	columns := []column{{title: a.t("REPOSITORY")}, {title: a.t("BRANCH")}, {title: a.t("LOOKS LIKE")}, {title: a.t("DEPLOYED AS")}, {title: a.t("CHANGED")},
		{title: a.t("SIZE"), right: true, wide: true}, {title: a.t("URL"), wide: true}, {title: a.t("DESCRIPTION"), flex: true}}
	t := newTable(columns...)
	for _, r := range list.Repositories {
		changed := "-"
		if !r.UpdatedAt.IsZero() {
			changed = a.ago(r.UpdatedAt, a.now())
		}
		deployed := cell{orDash(strings.Join(r.Services, ", ")), plain}
		if len(r.Services) > 0 {
			deployed.style = green
		}
		t.row(r.Name, orDash(r.DefaultBranch), a.looksText(r, quick), deployed, changed, humanSize(r.SizeBytes), r.URL, printable(r.Description))
	}
	return t.render(a.out, a.wide())
}

// looksText says what a repository looks like.
func (a *app) looksText(r api.ForgeRepository, quick bool) string {
	switch {
	case r.Empty:
		return a.t("(empty)")
	case r.Archived:
		return a.t("(archived)")
	case quick:
		return "-"
	}
	switch r.Looks {
	case "manifest":
		return a.t("service (aictl.yaml)")
	case "procfile":
		return a.t("service (Procfile)")
	case "python":
		return a.t("service (Python)")
	case "node":
		return a.t("service (Node)")
	case "package":
		return a.t("Python, nothing to start")
	}
	return "-"
}

func (a *app) giteaCreateCommand() *cobra.Command {
	var req api.ForgeRepositoryRequest
	var name string
	var hosted bool
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: a.t("Make an empty repository"),
		Long: a.t(`Make an empty repository at the default Gitea: of the connection's owner and with its prefix, unless NAME is owner/name. It is private
unless --public is given. With --hosted, or when no Gitea is connected, the daemon itself hosts it.`),
		Example: a.examples("", "aictl gitea create ocr", a.t("Of an organization"), "aictl gitea create ai/ocr --description 'reads text in images'",
			a.t("Hosted by aictl"), "aictl gitea create ocr --hosted"),
		Args: a.args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.notBoth(cmd, "gitea", "hosted"); err != nil {
				return err
			}
			client, err := a.connect()
			if err != nil {
				return err
			}
			req.Name = args[0]
			list, err := client.Forges(cmd.Context())
			if err != nil {
				return err
			}
			hosted = hosted || name == "" && len(list.Forges) == 0
			if hosted {
				return a.createHosted(cmd, client, req)
			}
			made, err := client.CreateForgeRepository(cmd.Context(), name, req)
			if err != nil {
				return err
			}
			return a.document(made, func() error {
				return a.showCreated(made.Repository.Name, made.Repository.URL, sourceAt(list.Forges, made.Forge, made.Repository.Name))
			})
		},
	}
	a.giteaFlag(cmd, &name)
	flags := cmd.Flags()
	flags.BoolVar(&hosted, "hosted", false, a.t("hosted by the daemon itself, not by a Gitea"))
	flags.StringVar(&req.Description, "description", "", a.t("what is in it, in a line"))
	flags.StringVar(&req.Branch, "branch", "", a.t("its default branch; the Gitea's own choice when left out"))
	flags.BoolVar(&req.Public, "public", false, a.t("everybody who reaches the Gitea may read it"))
	return cmd
}

// createHosted makes a repository that the daemon hosts itself.
func (a *app) createHosted(cmd *cobra.Command, client *api.Client, req api.ForgeRepositoryRequest) error {
	for _, flag := range []string{"description", "branch", "public"} {
		if cmd.Flags().Changed(flag) {
			return a.usageError(cmd, a.errorf("--%s is for repositories of a Gitea, and this one is hosted by the daemon", flag))
		}
	}
	made, err := client.CreateRepository(cmd.Context(), api.RepositoryRequest{Name: req.Name})
	if err != nil {
		return err
	}
	return a.document(made, func() error { return a.showCreated(made.Repository.Name, made.Repository.URL, made.Repository.Name) })
}

// showCreated prints the address for scripts, and what comes next for people.
func (a *app) showCreated(name, url, source string) error {
	a.say("%s", a.t("%s is there, and empty; push to it, then `%s`", name, a.command("deploy %s", source)))
	_, err := fmt.Fprintln(a.out, url)
	return err
}
