package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) shadowCommand() *cobra.Command {
	var to string
	var percent float64
	var replicas int
	var stop bool
	cmd := &cobra.Command{
		Use:   "shadow SERVICE",
		Short: a.t("Send copies of a service's requests to another release or service"),
		Long: a.t(`Send copies of a service's requests to another service, or to instances of another release that are started for it. Clients get the
live release's answers and wait for nothing else; copies that cannot be sent at once wait in a bounded queue or are dropped and counted.
The answers are recorded with the source "shadow" and the tag shadow_of, the id of the original's record.
Without flags: show where the copies go and what came of them.`),
		Example: a.examples(
			a.t("All requests also to release r12"), "aictl shadow ocr --to r12",
			a.t("Every fifth to another service"), "aictl shadow ocr --to ocr-next --percent 20",
			a.t("What came of it"), "aictl shadow ocr",
			"", "aictl records list ocr --source shadow",
			a.t("Enough"), "aictl shadow ocr --stop"),
		Args:              a.args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeServices(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, one := range []string{"to", "percent", "replicas"} {
				if err := a.notBoth(cmd, one, "stop"); err != nil {
					return err
				}
			}
			client, err := a.connect()
			if err != nil {
				return err
			}
			req := api.ShadowRequest{To: to}
			if cmd.Flags().Changed("percent") {
				req.Percent = &percent
			}
			if cmd.Flags().Changed("replicas") {
				req.Replicas = replicas
			}
			return a.shadow(cmd, client, args[0], req, stop)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", a.t("a service, or a release of this one by its id or its number (r12)"))
	cmd.Flags().Float64Var(&percent, "percent", 100, a.t("percent of the requests"))
	cmd.Flags().IntVar(&replicas, "replicas", 1, a.t("instances of a release"))
	cmd.Flags().BoolVar(&stop, "stop", false, a.t("end it"))
	return cmd
}

func (a *app) shadow(cmd *cobra.Command, client *api.Client, name string, req api.ShadowRequest, stop bool) error {
	ctx, set := cmd.Context(), cmd.Flags().Changed
	var doc api.ShadowDocument
	var err error
	switch {
	case stop:
		doc, err = client.StopShadow(ctx, name)
	case set("to") || set("percent") || set("replicas"):
		spin := a.spin(a.t("the shadow of %s starts …", name))
		doc, err = client.SetShadow(ctx, name, req)
		spin.stop()
	default:
		doc, err = client.Shadow(ctx, name)
	}
	if err != nil {
		return err
	}
	return a.document(doc, func() error {
		if stop {
			a.say("%s", a.t("%s: no more copies are sent", name))
		}
		return a.showShadow(doc.Shadow)
	})
}

func (a *app) showShadow(s api.Shadow) error {
	where := s.Release
	if where == "" {
		where = s.Target
	}
	lines := []string{a.t("%s: %s of the requests are copied to %s", s.Service, percentText(s.Percent), where)}
	if s.Manifest {
		lines[0] += " " + a.t("(by the manifest)")
	}
	lines = append(lines, a.t("sent %d, errors %d, waiting %d, p50 %s, p95 %s", s.Sent, s.Errors, s.Waiting, shownMS(s.P50), shownMS(s.P95)))
	var dropped []string
	for _, why := range slices.Sorted(maps.Keys(s.Dropped)) {
		dropped = append(dropped, fmt.Sprintf("%s %d", why, s.Dropped[why]))
	}
	if len(dropped) > 0 {
		lines = append(lines, a.t("not copied: %s", strings.Join(dropped, ", ")))
	}
	_, err := fmt.Fprintln(a.out, strings.Join(lines, "\n"))
	return err
}
