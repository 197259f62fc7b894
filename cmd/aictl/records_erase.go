package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) recordsEraseCommand() *cobra.Command {
	var filter *recordFilter
	var yes, all bool
	cmd := &cobra.Command{
		Use:   "erase",
		Short: a.t("Erase the bodies of records, and what tells a person"),
		Long: a.t(`Erase what the selected records hold of a person: bodies, headers, trailers, query, address, session, user, tags, errors, parts.
It is gone from the disk when the command ends. When, what, how long and how it ended stays, and so do the digests of the bodies: the
hash chain of the day stays whole. Labels stay. What sinks and exports have got is not reached.

On a terminal it asks first; elsewhere it needs --yes.`),
		Example: a.examples(
			a.t("One user, by their wish"), "aictl records erase --user u-4711",
			a.t("One session, without a question"), "aictl records erase --session 81fa --yes"),
		Args: a.args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := filter.query()
			if err == nil && filter.any(cmd) == all {
				err = a.errorf("say which records with filters, or --all for every one")
			}
			if err != nil {
				return a.usageError(cmd, err)
			}
			client, err := a.connect()
			if err != nil {
				return err
			}
			if !yes {
				if err := a.confirmErasing(cmd, client, q); err != nil {
					return err
				}
			}
			spin := a.spin(a.t("Erasing records"))
			done, err := client.EraseRecords(cmd.Context(), q, all)
			spin.stop()
			if err != nil {
				return err
			}
			a.warnAll(done.Warnings)
			return a.document(done, func() error {
				a.say("%s", a.t("erased %d records", done.Erased))
				return nil
			})
		},
	}
	filter = a.recordFilter(cmd)
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, a.t("do not ask"))
	cmd.Flags().BoolVar(&all, "all", false, a.t("erase every record"))
	return cmd
}

// confirmErasing asks on a terminal, saying how many records are meant.
func (a *app) confirmErasing(cmd *cobra.Command, client *api.Client, q api.RecordsQuery) error {
	if !isTerminal(a.in) {
		return fail(exitUsage, a.errorf("this is no terminal, so nobody can be asked"), a.t("add --yes to erase without a question"))
	}
	sums, err := client.RecordSums(cmd.Context(), q, "")
	if err != nil {
		return err
	}
	fmt.Fprint(a.err, a.t("Erase %d records for good? [y/N] ", sums.Records))
	answer, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes", "是", "好":
		return nil
	}
	return fail(exitFailed, a.errorf("nothing was erased"), "")
}
