package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aictl/api"
)

// hookDo is a call about webhooks.
type hookDo func(client *api.Client, ctx context.Context, req api.WebhookRequest) (api.WebhookList, error)

func (a *app) giteaHookCommand() *cobra.Command {
	cmd := a.hooksCommand(&cobra.Command{
		Use:   "hook SERVICE…|--all",
		Short: a.t("Make or repair the webhooks that tell aictl of pushes"),
		Long: a.t(`Make the webhook of the repository that a service is deployed from, or repair it: one for each repository, however many services
it holds. Then a test delivery is sent and waited for. Where no connected Gitea has the repository, what to enter there is printed.
The address that the Gitea sends to is found out; public_url in the settings, or gitea.webhook_url, says another one.
Without a webhook pushes are noticed as well, within a minute.`),
		Example: a.examples("", "aictl gitea hook ocr", a.t("Of all services"), "aictl gitea hook --all", a.t("Whether deliveries arrive"), "aictl gitea hook test ocr"),
	}, (*api.Client).SetWebhooks)
	cmd.AddCommand(a.hooksCommand(&cobra.Command{
		Use:   "test SERVICE…|--all",
		Short: a.t("Have a test delivery sent, and wait for it"),
		Long: a.t(`Have the Gitea send a test delivery for the repository of a service, and wait until it is here. A Gitea drops webhooks to private
addresses without a word unless its ALLOWED_HOST_LIST names them; when nothing arrives, this says what to do. Nothing is deployed.`),
		Example: a.examples("", "aictl gitea hook test ocr"),
	}, (*api.Client).TestWebhooks))
	return cmd
}

func (a *app) hooksCommand(cmd *cobra.Command, do hookDo) *cobra.Command {
	var all bool
	cmd.Args = a.args(cobra.ArbitraryArgs)
	cmd.ValidArgsFunction = a.completeServices(-1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if (len(args) == 0) != all {
			return a.usageError(cmd, a.errorf("%s needs services, or --all", cmd.CommandPath()))
		}
		client, err := a.connect()
		if err != nil {
			return err
		}
		list, err := do(client, cmd.Context(), api.WebhookRequest{Services: args, All: all})
		if err != nil {
			return err
		}
		if err := a.document(list, func() error { return a.hooksTable(list) }); err != nil {
			return err
		}
		return hooksExit(list)
	}
	cmd.Flags().BoolVar(&all, "all", false, a.t("of all services"))
	return cmd
}

// hooksExit fails when a webhook is not there, or tells nothing.
func hooksExit(list api.WebhookList) error {
	for _, w := range list.Webhooks {
		if w.Action == "failed" || w.Test != nil && !w.Test.Arrived {
			return exitWith(exitFailed)
		}
	}
	return nil
}

func (a *app) hooksTable(list api.WebhookList) error {
	if len(list.Webhooks) == 0 {
		a.say("%s", a.t("no services yet; deploy one with `aictl deploy SOURCE`"))
		return nil
	}
	t := newTable(column{title: a.t("REPOSITORY"), flex: true}, column{title: a.t("SERVICES"), flex: true}, column{title: a.t("WEBHOOK")}, column{title: a.t("TEST")},
		column{title: a.t("URL"), wide: true}, column{title: a.t("NOTE"), flex: true})
	for _, w := range list.Webhooks {
		t.row(cell{w.Repository, bold}, strings.Join(w.Services, ","), a.hookAction(w.Action), a.hookTest(w.Test), orDash(w.URL), w.Why)
	}
	if err := t.render(a.out, a.wide()); err != nil {
		return err
	}
	for _, w := range list.Webhooks {
		switch {
		case w.Error != "":
			a.say("%s: %s", w.Repository, w.Error)
		case w.Test != nil && !w.Test.Arrived:
			a.say("%s: %s", w.Repository, w.Test.Advice)
		case w.Action == "manual":
			a.say("%s", a.t("%s: make a webhook there that sends pushes and tags as application/json to %s, with the secret %s", w.Repository, w.URL, w.Secret))
		}
	}
	return nil
}

// hookAction is what was done about a webhook, with its mark and colour.
func (a *app) hookAction(action string) cell {
	mark, st, word := "✓", green, ""
	switch action {
	case "good":
		word = a.t("good")
	case "created":
		word = a.t("created")
	case "replaced":
		word = a.t("replaced")
	case "manual":
		mark, st, word = "▲", yellow, a.t("to be made by hand")
	case "none":
		mark, st, word = "–", dim, a.t("not needed")
	default:
		mark, st, word = "✗", red, a.t("failed")
	}
	return cell{a.out.glyph(mark) + word, st}
}

func (a *app) hookTest(t *api.WebhookTest) cell {
	switch {
	case t == nil:
		return cell{text: "-"}
	case t.Arrived:
		return cell{a.t("arrived in %s", latency(time.Duration(t.DurationSeconds*float64(time.Second)))), green}
	}
	return cell{a.t("nothing arrived"), red}
}
