package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) sinksCommand() *cobra.Command {
	cmd := a.parent(&cobra.Command{
		Use:   "sinks",
		Short: a.t("See how records get to databases and queues"),
		Long: a.t(`The setting records.sinks names databases (PostgreSQL, MySQL, MariaDB) and queues (Kafka) that get every record, at least
once and in the order it was recorded. Each has a place that survives restarts; what it has not got yet waits in the
server's own store.`),
		Example: a.examples(a.t("How far behind they are"), "aictl sinks list", a.t("Whether one can be reached"), "aictl sinks test db:5432/records"),
	}, a.sinksListCommand(), a.sinksTestCommand(), a.sinksRetryCommand(), a.sinksRewindCommand())
	return cmd
}

func (a *app) sinksListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   a.t("List the sinks: state, delivered, behind, the last error"),
		Long:    a.t("List the sinks: what each is doing, how many records it has got and how many wait for it."),
		Example: a.examples(a.t("As JSON, for monitoring"), "aictl sinks list -o json"),
		Args:    a.args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			list, err := client.Sinks(cmd.Context())
			if err != nil {
				return err
			}
			return a.document(list, func() error { return a.sinksTable(list) })
		},
	}
}

func (a *app) sinksTable(list api.SinkList) error {
	if len(list.Sinks) == 0 {
		a.say("%s", a.t("no sinks: the setting records.sinks names them"))
		return nil
	}
	t := newTable(column{title: a.t("SINK")}, column{title: a.t("STATE")}, column{title: a.t("SENT"), right: true}, column{title: a.t("BEHIND"), right: true},
		column{title: a.t("MISSED"), right: true}, column{title: a.t("LAST SENT")}, column{title: a.t("URL"), wide: true}, column{title: a.t("NOTE"), flex: true})
	for _, s := range list.Sinks {
		last, missed := "-", cell{strconv.FormatInt(s.Missed, 10), plain}
		if !s.LastSentAt.IsZero() {
			last = a.ago(s.LastSentAt, a.now())
		}
		if s.Missed > 0 {
			missed.style = red
		}
		t.row(cell{s.Name, bold}, a.sinkState(s.State), strconv.FormatInt(s.Sent, 10), strconv.FormatInt(s.Behind, 10), missed, last, s.URL, s.Error)
	}
	return t.render(a.out, a.wide())
}

func (a *app) sinkState(state string) cell {
	switch state {
	case "idle", "sending":
		return cell{a.out.glyph("●") + a.t(state), green}
	case "retrying", "stuck":
		return cell{a.out.glyph("✗") + a.t(state), red}
	}
	return cell{a.t(state), plain}
}

// onSink is a command that does one thing with one sink.
func (a *app) onSink(cmd *cobra.Command, act func(cmd *cobra.Command, client *api.Client, name string) (api.SinkResult, error), done string) *cobra.Command {
	cmd.Args = a.args(cobra.ExactArgs(1))
	cmd.ValidArgsFunction = a.completeSinks
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := a.connect()
		if err != nil {
			return err
		}
		result, err := act(cmd, client, args[0])
		if err != nil {
			return err
		}
		if err := a.document(result, func() error {
			if !result.OK {
				return nil // the error below says it
			}
			_, err := fmt.Fprintf(a.out, "%s: %s\n", result.Name, done)
			return err
		}); err != nil || result.OK {
			return err
		}
		return fail(exitFailed, fmt.Errorf("%s", result.Error), a.t("check the address, the user and what it may do there"))
	}
	return cmd
}

func (a *app) completeSinks(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	client, err := a.connect()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	list, err := client.Sinks(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, s := range list.Sinks {
		names = append(names, s.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) sinksTestCommand() *cobra.Command {
	return a.onSink(&cobra.Command{
		Use:     "test SINK",
		Short:   a.t("Connect to a sink and prepare its schema"),
		Long:    a.t(`Connect to a sink from the server, create or migrate its table or topic, and leave.`),
		Example: a.examples(a.t("After changing its address"), "aictl sinks test lake"),
	}, func(cmd *cobra.Command, client *api.Client, name string) (api.SinkResult, error) {
		return client.TestSink(cmd.Context(), name)
	}, a.t("it can be reached and written to"))
}

func (a *app) sinksRetryCommand() *cobra.Command {
	return a.onSink(&cobra.Command{
		Use:     "retry SINK",
		Short:   a.t("Have a sink that waits after a failure try again now"),
		Long:    a.t(`Have a sink that waits after a failure try again now. By itself it does so after up to a minute.`),
		Example: a.examples(a.t("When the database is back"), "aictl sinks retry lake"),
	}, func(cmd *cobra.Command, client *api.Client, name string) (api.SinkResult, error) {
		return client.RetrySink(cmd.Context(), name)
	}, a.t("it tries again"))
}

func (a *app) sinksRewindCommand() *cobra.Command {
	to := "beginning"
	cmd := a.onSink(&cobra.Command{
		Use:   "rewind SINK",
		Short: a.t("Have a sink begin anew"),
		Long: a.t(`Have a sink begin anew with the first record that is kept, for a database that was emptied; or, with --to now, pass over
all that it has not got yet. Records that are there already are not doubled.`),
		Example: a.examples(a.t("Deliver everything again"), "aictl sinks rewind lake", a.t("Give up what is behind"), "aictl sinks rewind lake --to now"),
	}, func(cmd *cobra.Command, client *api.Client, name string) (api.SinkResult, error) {
		if to != "beginning" && to != "now" {
			return api.SinkResult{}, a.usageError(cmd, a.errorf("--to %q is neither beginning nor now", to))
		}
		return client.RewindSink(cmd.Context(), name, to)
	}, a.t("it begins anew"))
	cmd.Flags().StringVar(&to, "to", to, a.t("beginning, or now"))
	return cmd
}
