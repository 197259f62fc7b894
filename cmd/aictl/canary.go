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

// canaryFlags are the flags of `aictl canary`.
type canaryFlags struct {
	to, header    string
	weight        float64
	replicas      int
	promote, stop bool
	wait          bool
	timeout       time.Duration
}

func (a *app) canaryCommand() *cobra.Command {
	var f canaryFlags
	cmd := &cobra.Command{
		Use:   "canary SERVICE",
		Short: a.t("Send a part of a service's requests to another release"),
		Long: a.t(`Start instances of another release beside the live ones, and send a part of the requests to them once they are healthy.
Without flags: show the split, and the requests, errors and times of both sides.

Requests with --header go to the canary; of the rest --weight percent do. A session that the manifest's gateway.sticky or
record.session names stays on its side. While the canary is not healthy, all requests go to the live release. A deploy of another
release ends it.`),
		Example: a.examples(
			a.t("A tenth of the requests"), "aictl canary ocr --to r12 --weight 10",
			a.t("Only those of a tester"), `aictl canary ocr --to r12 --weight 0 --header "X-Canary: 1"`,
			a.t("How it does"), "aictl canary ocr",
			a.t("More of them, then all for good"), "aictl canary ocr --weight 50",
			"", "aictl canary ocr --promote",
			a.t("Back to the live release"), "aictl canary ocr --stop"),
		Args:              a.args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeServices(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, one := range []string{"to", "weight", "header", "replicas"} {
				for _, other := range []string{"promote", "stop"} {
					if err := a.notBoth(cmd, one, other); err != nil {
						return err
					}
				}
			}
			if err := a.notBoth(cmd, "promote", "stop"); err != nil {
				return err
			}
			client, err := a.connect()
			if err != nil {
				return err
			}
			return a.canary(cmd, client, args[0], f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.to, "to", "", a.t("the release, by its id or its number (r12)"))
	flags.Float64Var(&f.weight, "weight", 10, a.t("percent of the requests"))
	flags.StringVar(&f.header, "header", "", a.t(`requests with this header go to the canary ("X-Canary: 1"; "" for none)`))
	flags.IntVar(&f.replicas, "replicas", 1, a.t("instances of the canary"))
	flags.BoolVar(&f.promote, "promote", false, a.t("make the canary the live release"))
	flags.BoolVar(&f.stop, "stop", false, a.t("end it: all requests go to the live release"))
	a.waitFlags(cmd, &f.wait, &f.timeout)
	return cmd
}

func (a *app) canary(cmd *cobra.Command, client *api.Client, name string, f canaryFlags) error {
	ctx, set := cmd.Context(), cmd.Flags().Changed
	switch {
	case f.promote:
		doc, err := client.PromoteCanary(ctx, name)
		if err != nil {
			return err
		}
		return a.newWaiter(client, doc.Deploy).finish(ctx, f.wait, f.timeout)
	case f.stop:
		doc, err := client.StopCanary(ctx, name)
		if err != nil {
			return err
		}
		return a.document(doc, func() error {
			a.say("%s", a.t("%s: the canary %s has ended; all requests go to %s", name, doc.Canary.Release, doc.Canary.Live))
			return a.canaryTable(doc.Canary)
		})
	case set("to") || set("weight") || set("header") || set("replicas"):
		return a.setCanary(ctx, client, name, canaryRequest(f, set))
	}
	doc, err := client.Canary(ctx, name)
	if err != nil {
		return err
	}
	return a.document(doc, func() error { return a.showCanary(doc.Canary) })
}

// canaryRequest asks for what was given on the command line.
func canaryRequest(f canaryFlags, set func(string) bool) api.CanaryRequest {
	req := api.CanaryRequest{To: f.to}
	if set("weight") {
		req.Weight = &f.weight
	}
	if set("header") {
		req.Header = &f.header
	}
	if set("replicas") {
		req.Replicas = f.replicas
	}
	return req
}

func (a *app) setCanary(ctx context.Context, client *api.Client, name string, req api.CanaryRequest) error {
	spin := a.spin(a.t("the canary of %s starts …", name))
	doc, err := client.SetCanary(ctx, name, req)
	spin.stop()
	if err != nil {
		return err
	}
	return a.document(doc, func() error { return a.showCanary(doc.Canary) })
}

func (a *app) showCanary(c api.Canary) error {
	line := a.t("%s: %s of the requests go to %s, the rest to %s", c.Service, percentText(c.Weight), c.Release, c.Live)
	if c.Header != "" {
		line += "; " + a.t("those with %s go to %s", c.Header, c.Release)
	}
	if c.Ready == 0 {
		line += "\n" + a.out.glyph("▲") + a.t("the canary has no healthy instance, all requests go to %s: %s", c.Live, c.Reason)
	}
	if _, err := fmt.Fprintln(a.out, line); err != nil {
		return err
	}
	return a.canaryTable(c)
}

func (a *app) canaryTable(c api.Canary) error {
	t := newTable(column{title: a.t("SIDE")}, column{title: a.t("RELEASE")}, column{title: a.t("REQUESTS"), right: true},
		column{title: a.t("ERRORS"), right: true}, column{title: "P50", right: true}, column{title: "P95", right: true},
		column{title: a.t("INSTANCES"), wide: true})
	t.row(cell{a.t("live"), green}, c.Live, count64(c.Sides.Live.Requests), a.errorShare(c.Sides.Live.Errors, c.Sides.Live.Requests),
		shownMS(c.Sides.Live.P50), shownMS(c.Sides.Live.P95), "-")
	t.row(cell{a.t("canary"), yellow}, c.Release, count64(c.Sides.Canary.Requests), a.errorShare(c.Sides.Canary.Errors, c.Sides.Canary.Requests),
		shownMS(c.Sides.Canary.P50), shownMS(c.Sides.Canary.P95), strings.Join(c.Instances, ","))
	return t.render(a.out, a.wide())
}

// errorShare is how many of all failed, with the share once there are any.
func (a *app) errorShare(failed, all int64) cell {
	if failed == 0 || all == 0 {
		return cell{text: "0"}
	}
	return cell{fmt.Sprintf("%d (%s)", failed, percentText(100*float64(failed)/float64(all))), red}
}

func count64(n int64) string { return strconv.FormatInt(n, 10) }

// shownMS is a duration in milliseconds, "-" for none.
func shownMS(ms float64) string {
	if ms == 0 {
		return "-"
	}
	return latency(time.Duration(ms * float64(time.Millisecond)))
}

// percentText is a percentage with at most two digits behind the point.
func percentText(p float64) string {
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(p, 'f', 2, 64), "0"), ".") + " %"
}
