package main

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"aictl/api"
)

// actionCommand is start, stop or restart: many services at once, one result line each.
func (a *app) actionCommand(action string) *cobra.Command {
	texts := map[string][2]string{
		"start": {a.t("Start services"), a.t(`Start every service that the patterns match: names, globs such as 'text-*', or @group.
All of them start at once. The command returns when each of them runs or has failed.`)},
		"stop": {a.t("Stop services"), a.t(`Stop every service that the patterns match: names, globs such as 'text-*', or @group.
Each gets its stop signal and its grace period; what is left after that is killed. Stopped services stay stopped,
also when the server starts again.`)},
		"restart": {a.t("Restart services"), a.t(`Restart every service that the patterns match: names, globs such as 'text-*', or @group.
All of them at once; each keeps its port. A stopped service is started.`)},
	}
	return &cobra.Command{
		Use:     action + " PATTERN…",
		Short:   texts[action][0],
		Long:    texts[action][1],
		Example: a.examples(a.t("One, several, a group"), "aictl "+action+" ocr", "", "aictl "+action+" 'text-*' trend", "", "aictl "+action+" @nightly"),
		Args:    a.args(cobra.MinimumNArgs(1)), ValidArgsFunction: a.completeServices(-1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.act(cmd, api.ActionRequest{Action: action, Patterns: args})
		},
	}
}

func (a *app) scaleCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "scale SERVICE N",
		Short: a.t("Set how many instances a service has"),
		Long: a.t(`Set how many instances a service has. From then on this number counts, not the manifest's.
Each instance has its own port; the gateway shares the requests among those that are ready. 0 instances
answer nothing, but keep the service deployed.`),
		Example:           a.examples(a.t("Three instances of ocr"), "aictl scale ocr 3"),
		Args:              a.args(cobra.ExactArgs(2)),
		ValidArgsFunction: a.completeServices(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.Atoi(args[1])
			if err != nil || n < 0 {
				return a.usageError(cmd, a.errorf("%q is not a number of instances: use 0, 1, 2 …", args[1]))
			}
			return a.act(cmd, api.ActionRequest{Action: api.ActionScale, Patterns: args[:1], Replicas: &n})
		},
	}
}

func (a *app) signalCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "signal SERVICE SIGNAL",
		Short: a.t("Send a signal to a service's processes"),
		Long: a.t(`Send a signal to every process group of a service: HUP, USR1, USR2, INT … with or without SIG.
What ends a process counts as a crash, and the restart policy applies; to stop a service use aictl stop.`),
		Example:           a.examples(a.t("Have a service read its settings again"), "aictl signal ocr HUP"),
		Args:              a.args(cobra.ExactArgs(2)),
		ValidArgsFunction: a.completeServices(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := strings.TrimPrefix(strings.ToUpper(args[1]), "SIG")
			if unix.SignalNum("SIG"+name) == 0 {
				return a.usageError(cmd, a.errorf("%q is not a signal: use one such as HUP, USR1, INT or TERM", args[1]))
			}
			return a.act(cmd, api.ActionRequest{Action: api.ActionSignal, Patterns: args[:1], Signal: name})
		},
	}
}

func (a *app) removeCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:     "remove PATTERN…",
		Aliases: []string{"rm"},
		Short:   a.t("Stop services and forget them"),
		Long: a.t(`Stop every service that the patterns match and forget it: its releases, its ports, its logs.
Its records and the history of its deploys stay. On a terminal it asks first; elsewhere it needs --yes.`),
		Example:           a.examples(a.t("Without a question"), "aictl remove ocr --yes"),
		Args:              a.args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: a.completeServices(-1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes {
				if err := a.confirmRemoval(cmd, args); err != nil {
					return err
				}
			}
			return a.act(cmd, api.ActionRequest{Action: api.ActionRemove, Patterns: args})
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, a.t("do not ask"))
	return cmd
}

// confirmRemoval asks on a terminal, naming what the patterns match.
func (a *app) confirmRemoval(cmd *cobra.Command, patterns []string) error {
	if !isTerminal(a.in) {
		return fail(exitUsage, a.errorf("this is no terminal, so nobody can be asked"), a.t("add --yes to remove without a question"))
	}
	services, err := a.fetchStatus(cmd.Context(), patterns)
	if err != nil {
		return err
	}
	names := make([]string, len(services))
	for i, s := range services {
		names[i] = s.Name
	}
	fmt.Fprint(a.err, a.t("Remove %s? [y/N] ", strings.Join(names, ", ")))
	answer, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil && err != io.EOF {
		return fmt.Errorf("read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes", "是", "好":
		return nil
	}
	return fail(exitFailed, a.errorf("nothing was removed"), "")
}

// act asks for an action and prints one line for each service. One failure makes it exit 1, or with the code that
// all failures share.
func (a *app) act(cmd *cobra.Command, req api.ActionRequest) error {
	client, err := a.connect()
	if err != nil {
		return err
	}
	spin := a.spin(a.progressOf(req.Action, req.Patterns))
	results, err := client.Act(cmd.Context(), req)
	spin.stop()
	if err != nil {
		return err
	}
	if err := a.document(results, func() error { return a.printResults(results) }); err != nil {
		return err
	}
	return resultCode(results.Results)
}

func (a *app) printResults(results api.ActionResults) error {
	for _, r := range results.Results {
		took := a.out.paint(dim, latency(time.Duration(r.DurationSeconds*float64(time.Second))))
		mark, text := a.out.paint(green, a.out.glyph("✓")), a.done(results.Action)
		if !r.OK {
			mark, text = a.out.paint(red, a.out.glyph("✗")), a.out.paint(red, a.t("failed: %s", printable(r.Message)))
		}
		if _, err := fmt.Fprintf(a.out, "%s%s: %s %s\n", mark, r.Service, text, took); err != nil {
			return err
		}
	}
	return nil
}

// done is an action's name once it has happened.
func (a *app) done(action string) string {
	switch action {
	case api.ActionStart:
		return a.t("started")
	case api.ActionStop:
		return a.t("stopped")
	case api.ActionRestart:
		return a.t("restarted")
	case api.ActionRemove:
		return a.t("removed")
	case api.ActionScale:
		return a.t("scaled")
	case api.ActionSignal:
		return a.t("signalled")
	}
	return action
}

func (a *app) progressOf(action string, patterns []string) string {
	what := strings.Join(patterns, " ")
	switch action {
	case api.ActionStart:
		return a.t("starting %s", what)
	case api.ActionStop:
		return a.t("stopping %s", what)
	case api.ActionRestart:
		return a.t("restarting %s", what)
	case api.ActionRemove:
		return a.t("removing %s", what)
	}
	return what
}

// resultCode is the exit code of an action: that of its failures when they agree, else 1.
func resultCode(results []api.ActionResult) error {
	code := exitOK
	for _, r := range results {
		if r.OK {
			continue
		}
		this := codeOfProblem(r.Code)
		if code != exitOK && code != this || len(results) > 1 {
			this = exitFailed
		}
		code = this
	}
	if code == exitOK {
		return nil
	}
	return exitWith(code)
}
