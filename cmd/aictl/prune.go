package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) diskCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "disk",
		Short: a.t("Show what takes room on the server's disk"),
		Long: a.t(`Show what each service takes on the server's disk, the parts of the data directory, and how much is free. Environments that several
services share are shown apart: removing one of these services does not free them.`),
		Example: a.examples("", "aictl disk", a.t("What can go"), "aictl prune --dry-run"),
		Args:    a.args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			u, err := client.Disk(cmd.Context())
			if err != nil {
				return err
			}
			return a.document(u, func() error { return a.diskTables(u) })
		},
	}
}

func (a *app) diskTables(u api.DiskUsage) error {
	if _, err := fmt.Fprintf(a.out, "%s\n\n", a.t("%s takes %s; %s of %s are free on its disk", u.DataDir, humanSize(u.Used), humanSize(u.Free), humanSize(u.Total))); err != nil {
		return err
	}
	if len(u.Services) > 0 {
		t := newTable(column{title: a.t("SERVICE"), flex: true}, column{title: a.t("SIZE"), right: true}, column{title: a.t("RELEASES"), right: true},
			column{title: a.t("OF RELEASES"), right: true}, column{title: a.t("OF ENVIRONMENTS"), right: true}, column{title: a.t("SHARED"), right: true}, column{title: a.t("LOGS"), right: true})
		for _, s := range u.Services {
			t.row(cell{s.Service, bold}, humanSize(s.Bytes), strconv.Itoa(s.Releases), humanSize(s.ReleaseBytes), humanSize(s.Own), humanSize(s.Common), humanSize(s.LogBytes))
		}
		if err := t.render(a.out, a.wide()); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(a.out); err != nil {
			return err
		}
	}
	t := newTable(column{title: a.t("FOLDER")}, column{title: a.t("SIZE"), right: true}, column{title: a.t("FILE COUNT"), right: true})
	for _, f := range u.Folders {
		t.row(f.Name, humanSize(f.Bytes), strconv.Itoa(f.Files))
	}
	return t.render(a.out, a.wide())
}

func (a *app) pruneCommand() *cobra.Command {
	var req api.PruneRequest
	cmd := &cobra.Command{
		Use:   "prune",
		Short: a.t("Remove what deploys have left and nobody needs"),
		Long: a.t(`Remove releases beyond deploy.keep_releases, environments and LFS objects that no release uses, what deploys that were cut off have left,
deploys of long ago with their logs, and mirrors that nothing was deployed from for a month. The live and the previous release of a service always
stay. The server does this by itself, too: after every deploy, and once a day.`),
		Example: a.examples(a.t("What would go, and how much that frees"), "aictl prune --dry-run", "", "aictl prune"),
		Args:    a.args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			done, err := client.Prune(cmd.Context(), req)
			if err != nil {
				return err
			}
			if err := a.document(done, func() error { return a.prunedTable(done) }); err != nil {
				return err
			}
			for _, i := range done.Items {
				if i.Kept != "" {
					return exitWith(exitFailed)
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&req.DryRun, "dry-run", false, a.t("only say what would be removed"))
	return cmd
}

func (a *app) prunedTable(done api.PruneResult) error {
	if len(done.Items) == 0 {
		a.say("%s", a.t("there is nothing to remove"))
		return nil
	}
	t := newTable(column{title: a.t("WHAT")}, column{title: a.t("SERVICE")}, column{title: a.t("NAME"), flex: true}, column{title: a.t("SIZE"), right: true},
		column{title: a.t("PATH"), wide: true}, column{title: a.t("NOTE"), flex: true})
	for _, i := range done.Items {
		note := cell{"", dim}
		switch {
		case i.Kept != "":
			note = cell{a.t("kept: %s", printable(i.Kept)), yellow}
		case i.Removed:
			note = cell{a.t("removed"), dim}
		}
		t.row(a.t(i.Kind), orDash(i.Service), printable(i.Name), humanSize(i.Bytes), printable(i.Path), note)
	}
	if err := t.render(a.out, a.wide()); err != nil {
		return err
	}
	if done.DryRun {
		a.say("%s", a.t("would free %s; nothing was removed", humanSize(done.Bytes)))
		return nil
	}
	a.say("%s", a.t("freed %s", humanSize(done.Bytes)))
	return nil
}
