package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"aictl/daemon"
	"aictl/procs"
)

// upgradeDocument is the document of `upgrade -o json`.
type upgradeDocument struct {
	SchemaVersion int    `json:"schemaVersion"`
	Program       string `json:"program"`
	From          string `json:"from"`
	To            string `json:"to"`
}

func (a *app) upgradeCommand() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "upgrade [BINARY]",
		Short: a.t("Replace the running server by another version, without a pause"),
		Long: a.t(`Replace the running keeper and daemon by the program BINARY; without it, by what lies now where the server was
started from. No service is restarted and no request is dropped: the new daemon takes over when it is up, the old one
answers what it has begun. A program that does not come up changes nothing; the old one goes on.

It works on the server's own machine. systemctl reload aictl, or SIGHUP to the server, does the same without BINARY.`),
		Example: a.examples(
			a.t("After installing a new version"), "sudo install aictl-new /usr/local/bin/aictl && aictl upgrade",
			a.t("To a program that lies elsewhere"), "aictl upgrade ./aictl-new --timeout 1m"),
		Args: a.args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if timeout <= 0 || timeout > time.Hour {
				return a.usageError(cmd, a.errorf("--timeout %s is not between 0 and 1h", timeout))
			}
			if a.server != "" {
				return a.usageError(cmd, a.errorf("upgrade works on the server's own machine, not with --server"))
			}
			program := ""
			if len(args) == 1 {
				var err error
				if program, err = filepath.Abs(args[0]); err != nil {
					return fail(exitUsage, err, "")
				}
			}
			return a.upgrade(cmd.Context(), program, timeout)
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", procs.DefaultUpgradePatience, a.t("how long the new program may take for each step"))
	return cmd
}

func (a *app) upgrade(ctx context.Context, program string, timeout time.Duration) error {
	dir, err := a.dir()
	if err != nil {
		return fail(exitUsage, err, "")
	}
	status, err := daemon.Upgrade(ctx, dir, program, timeout, func(s procs.UpgradeStatus) {
		a.say("%s", a.t("handing over from %s to %s (%s)", s.From, s.To, s.Program))
	})
	switch {
	case errors.Is(err, procs.ErrVersion):
		return fail(exitConflict, err, "")
	case errors.Is(err, daemon.ErrNoKeeper):
		return fail(exitUnreachable, err, a.t("start it with `aictl daemon`, or name its --data-dir"))
	case err != nil:
		return err
	case status.State != procs.UpgradeDone:
		return fail(exitFailed, a.errorf("%s; the old one goes on", status.Reason), a.t("the server's own log tells more"))
	}
	doc := upgradeDocument{SchemaVersion: 1, Program: status.Program, From: status.From, To: status.To}
	return a.document(doc, func() error {
		_, err := fmt.Fprintln(a.out, a.t("now running %s (was %s)", doc.To, doc.From))
		return err
	})
}
