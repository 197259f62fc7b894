package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aictl/api"
	"aictl/configs"
	"aictl/doctor"
)

// doctorReport is the document of `doctor -o json`.
type doctorReport struct {
	SchemaVersion int           `json:"schemaVersion"`
	Verdict       string        `json:"verdict"`
	Checks        []doctorCheck `json:"checks"`
}

// doctorCheck is one check, in English whatever the language.
type doctorCheck struct {
	Name    string `json:"name"`
	Verdict string `json:"verdict"`
	Detail  string `json:"detail"`
	Mend    string `json:"mend,omitempty"`
}

func (a *app) doctorCommand() *cobra.Command {
	var listen, gatewayListen, ports string
	defaults := configs.DefaultSettings()
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: a.t("Check what this machine needs to run services"),
		Long: a.t(`Check what this machine needs to run services: Python, uv, Node, Git, addresses and ports, the data directory,
room on the disk, open files, which limits can be enforced, the clock, the daemon, and connected Giteas. Whatever is missing comes with the way to
mend it. A failed check exits 1.`),
		Example: a.examples(
			a.t("Before the first start"), "aictl doctor",
			a.t("For another data directory and other ports"), "aictl doctor --data-dir /srv/aictl --ports 9001-9999"),
		Args: a.args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := a.dir()
			if err != nil {
				return fail(exitUsage, err, "")
			}
			opts := doctor.Options{DataDir: dir, Listen: listen, GatewayListen: gatewayListen, Daemon: a.askVersion, Pushes: a.askPushes, Giteas: a.askGiteas}
			takeListeners(cmd, &opts)
			var given configs.PortRange
			if err := given.UnmarshalText([]byte(ports)); err != nil {
				return a.usageError(cmd, a.errorf("--ports: %w", err))
			}
			opts.PortLow, opts.PortHigh = given.First, given.Last
			results := doctor.Run(cmd.Context(), doctor.Machine{}, opts)
			if err := a.document(reportOf(results), func() error { return a.printDoctor(results) }); err != nil {
				return err
			}
			if doctor.Worst(results) == doctor.Fail {
				return exitWith(exitFailed)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&listen, "listen", defaults.Listen, a.t("address of the API"))
	cmd.Flags().StringVar(&gatewayListen, "gateway-listen", defaults.GatewayListen, a.t("address of the gateway"))
	cmd.Flags().StringVar(&ports, "ports", defaults.Ports.String(), a.t("ports for services"))
	return cmd
}

// takeListeners takes addresses and certificates from the environment and the settings file, where flags do not name others. What is
// wrong with those is for `aictl config check` to tell.
func takeListeners(cmd *cobra.Command, opts *doctor.Options) {
	s, err := configs.Load(configs.Sources{Env: os.Environ(), File: configs.DefaultSettingsFile, Optional: true})
	if err != nil {
		return
	}
	if !cmd.Flags().Changed("listen") {
		opts.Listen = s.Listen
	}
	if !cmd.Flags().Changed("gateway-listen") {
		opts.GatewayListen = s.GatewayListen
	}
	opts.TLSCert, opts.GatewayTLSCert = s.TLS.Cert, s.GatewayTLS.Cert
}

// askVersion is how doctor finds out whether a daemon answers.
func (a *app) askVersion(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	client, err := a.connect()
	if err != nil {
		return "", err
	}
	v, err := client.Version(ctx)
	if errors.Is(err, api.ErrUnreachable) {
		text, _ := a.unreachable(err)
		return "", errors.New(text)
	}
	return v.Version, err
}

func reportOf(results []doctor.Result) doctorReport {
	report := doctorReport{SchemaVersion: 1, Verdict: string(doctor.Worst(results)), Checks: make([]doctorCheck, len(results))}
	for i, r := range results {
		report.Checks[i] = doctorCheck{r.Check, string(r.Verdict), r.Detail.String(), r.Mend.String()}
	}
	return report
}

func (a *app) printDoctor(results []doctor.Result) error {
	var b strings.Builder
	counts := make(map[doctor.Verdict]int)
	for _, r := range results {
		counts[r.Verdict]++
		mark, st := "✓", green
		switch r.Verdict {
		case doctor.Warn:
			mark, st = "!", yellow
		case doctor.Fail:
			mark, st = "✗", red
		}
		verdict := fmt.Sprintf("%-4s", r.Verdict)
		if a.out.tty {
			verdict = mark
		}
		fmt.Fprintf(&b, "%s %-10s %s\n", a.out.paint(st, verdict), r.Check, a.t(r.Detail.Format, r.Detail.Args...))
		if r.Mend.Format != "" {
			pad := strings.Repeat(" ", columns(verdict)+12)
			fmt.Fprintf(&b, "%s%s %s\n", pad, a.out.paint(dim, "→"), a.t(r.Mend.Format, r.Mend.Args...))
		}
	}
	fmt.Fprintf(&b, "\n%s\n", a.t("%d ok, %d to look at, %d failed", counts[doctor.OK], counts[doctor.Warn], counts[doctor.Fail]))
	_, err := fmt.Fprint(a.out, b.String())
	return err
}
