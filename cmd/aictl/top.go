package main

import (
	"context"
	"errors"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/cobra"

	"aictl/api"
)

// How often top asks, and how many lines of a log it keeps.
const (
	topEvery    = time.Second
	topLogLines = 200
)

func (a *app) topCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "top [PATTERN…]",
		Short: a.t("Watch services live, and act on them"),
		Long: a.t(`Watch services live: state, CPU, memory, requests and errors per second, restarts, and the last log lines of the
selected one. It needs a terminal; for programs there are status, events and logs with -o json.

Keys: up and down select, r restarts, s stops or starts, l shows the log alone and back, q quits.`),
		Example:           a.examples(a.t("All services, or some"), "aictl top", "", "aictl top 'text-*' @nightly"),
		Args:              a.args(cobra.ArbitraryArgs),
		ValidArgsFunction: a.completeServices(-1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !isTerminal(a.in) || !a.out.tty {
				return fail(exitUsage, a.errorf("top needs a terminal"), a.t("use `%s` instead", a.command("status --watch")))
			}
			return a.top(cmd.Context(), args)
		},
	}
}

func (a *app) top(ctx context.Context, patterns []string) error {
	client, err := a.connect()
	if err != nil {
		return err
	}
	if _, err := client.Services(ctx, patterns, false); err != nil {
		return err // before the screen changes
	}
	model := newTopModel(a, daemonTop{ctx, client, patterns})
	_, err = tea.NewProgram(model, tea.WithContext(ctx), tea.WithInput(a.in), tea.WithOutput(a.stdout), tea.WithoutSignalHandler()).Run()
	if errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		return exitWith(exitInterrupted)
	}
	return err
}

// topSource is what top shows and acts on.
type topSource interface {
	services() ([]api.Service, error)
	log(service string) ([]api.LogLine, error)
	act(action, service string) error
}

// daemonTop asks a daemon.
type daemonTop struct {
	ctx      context.Context
	client   *api.Client
	patterns []string
}

// askTime bounds one question.
const askTime = 5 * time.Second

func (d daemonTop) services() ([]api.Service, error) {
	ctx, cancel := context.WithTimeout(d.ctx, askTime)
	defer cancel()
	list, err := d.client.Services(ctx, d.patterns, true)
	return list.Services, err
}

func (d daemonTop) log(service string) (lines []api.LogLine, err error) {
	ctx, cancel := context.WithTimeout(d.ctx, askTime)
	defer cancel()
	for line, err := range d.client.Logs(ctx, api.LogsQuery{Services: []string{service}, Lines: topLogLines}) {
		if err != nil {
			return lines, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func (d daemonTop) act(action, service string) error {
	results, err := d.client.Act(d.ctx, api.ActionRequest{Action: action, Patterns: []string{service}})
	if err != nil {
		return err
	}
	for _, r := range results.Results {
		if !r.OK {
			return errors.New(r.Message)
		}
	}
	return nil
}
