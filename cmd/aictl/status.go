package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) statusCommand() *cobra.Command {
	var watch bool
	var every time.Duration
	cmd := &cobra.Command{
		Use:     "status [PATTERN…]",
		Aliases: []string{"ps"},
		Short:   a.t("Show services and their instances"),
		Long: a.t(`Show every service, or those the patterns match: names, globs such as 'text-*', or @group.

With patterns the exit code is 3 when a matching service is not running, and 6 when a pattern matches none.
A stopped service counts as not running, and so does a oneshot or cron service whose last run failed. -o wide shows every instance.`),
		Example: a.examples(
			a.t("All services, and then their instances too"), "aictl status",
			"", "aictl status -o wide",
			a.t("Keep looking"), "aictl status --watch",
			a.t("In a script"), "aictl status ocr >/dev/null || aictl logs ocr -n 50"),
		Args:              a.args(cobra.ArbitraryArgs),
		ValidArgsFunction: a.completeServices(-1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if watch {
				return a.watchStatus(cmd.Context(), args, max(every, 100*time.Millisecond))
			}
			services, err := a.fetchStatus(cmd.Context(), args)
			if err != nil {
				return err
			}
			if err := a.printStatus(services); err != nil {
				return err
			}
			if a.refused != "" && !a.machine() {
				a.refusedHint(a.refused)
			}
			return statusCode(args, services)
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, a.t("show it again whenever it changes, until Ctrl-C"))
	cmd.Flags().DurationVar(&every, "interval", time.Second, a.t("how often --watch looks"))
	return cmd
}

// statusCode is the exit of `status PATTERN…`: nothing when all that match run, else exitNotRunning.
func statusCode(patterns []string, services []api.Service) error {
	if len(patterns) == 0 {
		return nil
	}
	for _, s := range services {
		if s.State != "running" && !(isJob(s) && jobFine(s)) {
			return exitWith(exitNotRunning)
		}
	}
	return nil
}

func (a *app) fetchStatus(ctx context.Context, patterns []string) ([]api.Service, error) {
	client, err := a.connect()
	if err != nil {
		return nil, err
	}
	// The table does without details: they are two thirds of the answer, which with a thousand services is felt.
	ask := func() (api.ServiceList, error) { return client.Services(ctx, patterns, false) }
	if a.wide() || a.machine() {
		ask = func() (api.ServiceList, error) { return client.ServicesInUse(ctx, patterns) }
	}
	list, err := ask()
	if err != nil {
		return nil, err
	}
	if len(list.Services) == 0 && len(patterns) > 0 {
		return nil, fail(exitNotFound, a.errorf("no service matches %q", strings.Join(patterns, " ")), a.t("`%s` lists the services", a.command("status")))
	}
	a.refused = list.ConfigRefused
	return list.Services, nil
}

// statusDocument is the documented JSON shape: without the detail that the table asks for.
func statusDocument(services []api.Service) api.ServiceList {
	list := api.ServiceList{SchemaVersion: api.SchemaVersion, Services: []api.Service{}}
	for _, s := range services {
		s.Detail = nil
		instances := make([]api.Instance, len(s.Instances))
		for i, in := range s.Instances {
			in.Detail = nil
			instances[i] = in
		}
		s.Instances = instances
		list.Services = append(list.Services, s)
	}
	return list
}

func (a *app) printStatus(services []api.Service) error {
	return a.document(statusDocument(services), func() error {
		if len(services) == 0 {
			a.say("%s", a.t("no services yet; deploy one with `aictl deploy SOURCE`"))
			return nil
		}
		return a.statusTable(services).render(a.out, a.wide())
	})
}

func (a *app) statusTable(services []api.Service) *table {
	t := newTable(
		column{title: a.t("SERVICE"), flex: true}, column{title: a.t("STATE")}, column{title: a.t("HEALTH")},
		column{title: a.t("READY")}, column{title: a.t("RELEASE")}, column{title: a.t("COMMIT"), wide: true},
		column{title: a.t("PID"), right: true, wide: true}, column{title: a.t("PORT"), flex: true},
		column{title: a.t("UPTIME"), right: true}, column{title: a.t("RESTARTS"), right: true},
		column{title: a.t("CPU"), right: true}, column{title: a.t("MEMORY"), right: true},
		column{title: a.t("PROCS"), right: true, wide: true}, column{title: a.t("FILES"), right: true, wide: true},
		column{title: a.t("URL"), flex: true, wide: !a.roomForURLs()}, column{title: a.t("NOTE"), flex: true})
	for _, s := range services {
		a.serviceRow(t, s)
		if a.wide() {
			for i, in := range s.Instances {
				a.instanceRow(t, in, i == len(s.Instances)-1)
			}
		}
	}
	if !hasNotes(t) {
		t.columns = t.columns[:len(t.columns)-1]
	}
	return t
}

// roomForURLs reports whether the URLs fit beside the rest; where nobody looks they always do.
func (a *app) roomForURLs() bool { return a.out.width == 0 || a.out.width >= 110 }

func hasNotes(t *table) bool {
	for _, row := range t.rows {
		if row[len(row)-1].text != "" {
			return true
		}
	}
	return false
}

func (a *app) serviceRow(t *table, s api.Service) {
	var ports []string
	var oldest float64
	var restarts int
	var cpu float64
	var memory int64
	var processes, files int
	for _, in := range s.Instances {
		if in.Port != 0 {
			ports = append(ports, strconv.Itoa(in.Port))
		}
		oldest = max(oldest, in.UptimeSeconds)
		restarts += in.Restarts
		cpu += in.CPUPercent
		memory += in.MemoryBytes
		processes += in.Processes
		files += in.OpenFiles
	}
	note, ready, state := "", fmt.Sprintf("%d/%d", s.Ready, s.Replicas), a.state(s.State)
	if isJob(s) {
		note, ready, state, s.URL = a.jobNote(s), "-", a.jobState(s), ""
	} else if (s.State != "running" || s.Health == "unhealthy") && s.State != "stopped" {
		note = s.Reason
	}
	if trials := a.trials(s); trials != "" {
		note = strings.TrimSuffix(trials+"; "+note, "; ")
	}
	if s.DeploysPaused != "" {
		note = strings.TrimSuffix(a.t("deploys paused: %s", s.DeploysPaused)+"; "+note, "; ")
	}
	t.row(cell{s.Name, bold}, state, a.health(s.Health), ready,
		orDash(s.Release.ID), orDash(shortCommit(s.Release.Commit)), "", orDash(strings.Join(ports, ",")),
		uptime(oldest), restartCount(restarts), percent(cpu, memory), memoryText(memory), countText(processes), countText(files), orDash(s.URL), note)
}

// trials says which instances run beside the live ones, and what for.
func (a *app) trials(s api.Service) string {
	var parts []string
	for _, purpose := range []string{"canary", "shadow", "candidate"} {
		var ids []string
		for _, in := range s.Instances {
			if in.Purpose == purpose {
				ids = append(ids, in.ID)
			}
		}
		if len(ids) > 0 {
			parts = append(parts, a.t(purpose)+" "+strings.Join(ids, " "))
		}
	}
	return strings.Join(parts, ", ")
}

func (a *app) instanceRow(t *table, in api.Instance, last bool) {
	branch := "├ "
	if last {
		branch = "└ "
	}
	note, release := "", ""
	if in.Detail != nil {
		release = in.Detail.Release
		note = a.instanceNote(in)
	}
	pid := "-"
	if in.PID != 0 {
		pid = strconv.Itoa(in.PID)
	}
	t.row(branch+in.ID, a.state(in.State), a.health(in.Health), "", orDash(release), "", pid, countText(in.Port),
		uptime(in.UptimeSeconds), restartCount(in.Restarts), percent(in.CPUPercent, in.MemoryBytes), memoryText(in.MemoryBytes),
		countText(in.Processes), countText(in.OpenFiles), "", note)
}

// instanceNote says why an instance is where it is: the server's reason, its last exit, lost output.
func (a *app) instanceNote(in api.Instance) string {
	var parts []string
	if in.State != "running" && in.Detail.Reason != "" {
		parts = append(parts, in.Detail.Reason)
	}
	switch {
	case in.Purpose != "":
		parts = append(parts, a.t(in.Purpose))
	case !in.Detail.Live:
		parts = append(parts, a.t("not live"))
	}
	if in.Detail.LogLost > 0 {
		parts = append(parts, a.t("%s of output lost", humanSize(in.Detail.LogLost)))
	}
	return strings.Join(parts, "; ")
}

// countText is a number that 0 means nothing is known of.
func countText(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

func uptime(seconds float64) string {
	if seconds <= 0 {
		return "-"
	}
	return shortDuration(time.Duration(seconds * float64(time.Second)))
}

func restartCount(n int) cell {
	if n > 0 {
		return cell{strconv.Itoa(n), yellow}
	}
	return cell{text: "0"}
}

func percent(cpu float64, memory int64) string {
	if memory == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", cpu)
}

func memoryText(n int64) string {
	if n == 0 {
		return "-"
	}
	return humanSize(n)
}

// state is a service's or an instance's state with its mark and colour.
func (a *app) state(state string) cell {
	mark, st := "●", plain
	switch state {
	case "running":
		st = green
	case "starting", "stopping":
		mark, st = "◐", cyan
	case "unhealthy", "backoff":
		mark, st = "▲", yellow
	case "fatal":
		mark, st = "✗", red
	case "stopped":
		mark, st = "○", dim
	}
	return cell{a.out.glyph(mark) + a.t(state), st}
}

func (a *app) health(health string) cell {
	switch health {
	case "healthy":
		return cell{a.t("healthy"), green}
	case "unhealthy":
		return cell{a.t("unhealthy"), red}
	case "":
		return cell{text: "-"}
	}
	return cell{text: a.t(health)}
}
