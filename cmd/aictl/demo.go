package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"aictl/api"
)

// demoPorts is a range of its own, so that a demo does not meet the services of a daemon beside it.
const demoPorts = "18001-18999"

type demoFlags struct {
	once, keep, all bool
	dir, ports      string
}

func (a *app) demoCommand() *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: a.t("Show everything at work with sample services"),
		Long: a.t(`Show everything at work: a daemon of its own in a temporary directory, sample services put into Git
repositories, deployed, called with real input, and recorded. It stays up for you to try things until Ctrl-C, and
then leaves nothing behind. It needs no network: samples that do are only deployed with --all.`),
		Example: a.examples(
			a.t("Look around, then press Ctrl-C"), "aictl demo",
			a.t("Run it through and stop, as a check"), "aictl demo --once"),
		Args: a.args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.once, "once", false, a.t("stop when everything was shown"))
	flags.BoolVar(&f.once, "exit-after-run", false, a.t("the same as --once"))
	flags.BoolVar(&f.keep, "keep", false, a.t("keep the demo's directory"))
	flags.BoolVar(&f.all, "all", false, a.t("also the samples that need a package index"))
	flags.StringVar(&f.dir, "dir", "", a.t("directory to work in (default: a new temporary one)"))
	flags.StringVar(&f.ports, "ports", demoPorts, a.t("ports for services"))
	return cmd
}

// demo runs the story in a directory of its own, and cleans up whatever happens.
func (a *app) demo(ctx context.Context, f demoFlags) (err error) {
	dir, err := demoDir(f.dir)
	if err != nil {
		return err
	}
	defer func() {
		if f.keep {
			a.say("%s", a.t("kept: %s", dir))
			return
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	started := a.now()
	a.say("%s", a.err.paint(bold, a.t("aictl demo in %s", dir)))
	daemon, err := a.startDaemon(ctx, filepath.Join(dir, "data"), f.ports)
	if err != nil {
		return err
	}
	defer func() {
		spin := a.spin(a.t("stopping everything"))
		stopErr := daemon.stop()
		spin.stop()
		if err = errors.Join(err, stopErr); err == nil || codeOf(err) == exitInterrupted {
			a.say("%s", a.t("stopped; nothing is left running"))
		}
	}()
	if err := a.demoStory(ctx, filepath.Join(dir, "repositories"), daemon, f.all); err != nil {
		if ctx.Err() != nil {
			return exitWith(exitInterrupted)
		}
		return err
	}
	a.say("%s", a.t("all of this took %s", latency(a.now().Sub(started))))
	if f.once {
		return nil
	}
	a.say("%s", a.err.paint(bold, a.t("everything stays up until Ctrl-C")))
	select {
	case <-ctx.Done():
		return nil
	case <-daemon.gone:
		return daemon.died(a)
	}
}

// demoDir is a new directory: one to be removed must not have been there before.
func demoDir(wanted string) (string, error) {
	if wanted == "" {
		return os.MkdirTemp("", "aictl-demo-")
	}
	dir, err := filepath.Abs(wanted)
	if err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("the demo wants a directory of its own that does not exist yet: %w", err)
	}
	return dir, nil
}

// demoStory deploys the samples, calls them, and shows what came of it.
func (a *app) demoStory(ctx context.Context, repositories string, d *demoDaemon, all bool) error {
	samples, err := a.chooseSamples(all)
	if err != nil {
		return err
	}
	for i := range samples {
		if samples[i].repository, err = samples[i].commit(filepath.Join(repositories, samples[i].name), a.now()); err != nil {
			return err
		}
	}
	// From here on commands to paste, and the calls below, mean the demo's daemon.
	here := *a
	here.server, here.token, here.dataDir = "", "", d.dir
	client, err := here.connect()
	if err != nil {
		return err
	}
	defer client.Close()
	if err := here.demoDeploys(ctx, client, samples); err != nil {
		return err
	}
	return here.demoShow(ctx, client, samples)
}

func (a *app) demoShow(ctx context.Context, client *api.Client, samples []demoSample) error {
	for _, s := range samples {
		if err := a.demoCall(ctx, client, s); err != nil {
			return err
		}
	}
	a.heading(a.t("What runs"))
	services, err := client.Services(ctx, nil, true)
	if err != nil {
		return err
	}
	if err := a.statusTable(services.Services).render(a.out, false); err != nil {
		return err
	}
	a.heading(a.t("What was recorded"))
	page, err := a.demoRecords(ctx, client, len(samples))
	if err != nil {
		return err
	}
	if err := a.recordsTable(page); err != nil {
		return err
	}
	v, err := client.Version(ctx)
	if err != nil {
		return err
	}
	a.heading(a.t("Where"))
	fmt.Fprintf(a.out, "%s  %s\n%s  %s\n", a.t("API          "), a.out.paint(cyan, v.API), a.t("gateway      "), a.out.paint(cyan, v.Gateway+"/ai/<service>/"))
	return a.demoNext(samples, page)
}

// demoRecords waits until the calls are recorded: the recorder writes them in batches.
func (a *app) demoRecords(ctx context.Context, client *api.Client, want int) (api.RecordList, error) {
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		page, err := client.Records(ctx, api.RecordsQuery{Path: "/predict", Limit: want})
		if err != nil || len(page.Records) >= want {
			return page, err
		}
		select {
		case <-ctx.Done():
			return page, ctx.Err()
		case <-deadline.C:
			return page, a.errorf("%d calls were made, and %d are recorded after 10s", want, len(page.Records))
		case <-tick.C:
		}
	}
}

// demoNext lists commands to try on the demo.
func (a *app) demoNext(samples []demoSample, page api.RecordList) error {
	a.heading(a.t("Try next (in another terminal)"))
	first := samples[0].name
	lines := []string{
		a.command("status --watch"),
		a.command("logs -f %s", first),
		a.command("call %s -d %s", first, quoteWord(`{"input_data": ["How long does delivery take?"]}`)),
		a.command("restart @samples"),
		a.command("scale %s 3", first),
		a.command("deploys"),
	}
	if len(page.Records) > 0 {
		lines = append(lines, a.command("records show %s", page.Records[0].ID))
	}
	for _, line := range lines {
		if _, err := fmt.Fprintf(a.out, "  %s\n", line); err != nil {
			return err
		}
	}
	fmt.Fprintln(a.out)
	return nil
}

func (a *app) heading(text string) {
	fmt.Fprintf(a.out, "\n%s\n", a.out.paint(bold, text))
}
