package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) giteaDeliveriesCommand() *cobra.Command {
	var limit int
	var before int64
	cmd := &cobra.Command{
		Use:   "deliveries [OWNER/REPOSITORY]",
		Short: a.t("List the deliveries of webhooks, and what came of them"),
		Long: a.t(`List the deliveries of webhooks, newest first, with what came of each for every service. Those that were refused, because their
signature is wrong for example, are listed below, and so are repositories that cannot be looked at for pushes that were not delivered.`),
		Example: a.examples(a.t("The latest"), "aictl gitea deliveries", a.t("Of one repository"), "aictl gitea deliveries team/ocr -n 5"),
		Args:    a.args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			list, err := client.Deliveries(cmd.Context(), strings.Join(args, ""), before, limit)
			if err != nil {
				return err
			}
			return a.document(list, func() error { return a.deliveriesTable(list, limit) })
		},
	}
	cmd.Flags().IntVarP(&limit, "limit", "n", 20, a.t("at most so many"))
	cmd.Flags().Int64Var(&before, "before", 0, a.t("those before this id"))
	return cmd
}

func (a *app) deliveriesTable(list api.DeliveryList, limit int) error {
	if len(list.Deliveries) == 0 {
		a.say("%s", a.t("no deliveries yet; `%s` makes the webhooks", a.command("gitea hook --all")))
	} else {
		t := newTable(column{title: a.t("ID"), right: true}, column{title: a.t("RECEIVED")}, column{title: a.t("EVENT")}, column{title: a.t("REPOSITORY"), flex: true},
			column{title: a.t("REF"), flex: true}, column{title: a.t("STATE")}, column{title: a.t("TRIES"), right: true, wide: true}, column{title: a.t("DELIVERY"), wide: true},
			column{title: a.t("OUTCOME"), flex: true})
		for _, d := range list.Deliveries {
			t.row(strconv.FormatInt(d.ID, 10), a.ago(d.ReceivedAt, a.now()), d.Event, cell{orDash(d.Repository), bold}, orDash(shortRef(d.Ref)),
				a.deliveryState(d.State), strconv.Itoa(d.Tries), orDash(d.Delivery), d.Outcome)
		}
		if err := t.render(a.out, a.wide()); err != nil {
			return err
		}
		if len(list.Deliveries) == limit {
			a.say("%s", a.t("there may be more: add --before %d", list.Deliveries[limit-1].ID))
		}
	}
	for _, r := range list.Refused {
		a.say("%s", a.t("refused %s, from %s (%d): %s", a.ago(r.At, a.now()), r.From, r.Status, r.Why))
	}
	for _, u := range list.Unreachable {
		a.say("%s", a.t("%s (%s) cannot be looked at since %s: %s", u.Repository, strings.Join(u.Services, ", "), a.ago(u.Since, a.now()), u.Error))
	}
	return nil
}

// deliveryState is the state of a delivery with its mark and colour.
func (a *app) deliveryState(state string) cell {
	switch state {
	case "received":
		return cell{a.out.glyph("◐") + a.t("received"), cyan}
	case "failed":
		return cell{a.out.glyph("✗") + a.t("failed"), red}
	}
	return cell{a.out.glyph("✓") + a.t("done"), green}
}

// shortRef is a branch or tag as people call it.
func shortRef(ref string) string {
	return strings.TrimPrefix(strings.TrimPrefix(ref, "refs/heads/"), "refs/tags/")
}
