package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: a.t("Give out and revoke API keys of services"),
		Long: a.t(`A service whose manifest says "gateway: {keys: required}" is answered only with an API key. Clients send it as
"Authorization: Bearer KEY" or "X-Api-Key: KEY"; the service itself does not see it. Records name the key.`),
		Example: a.examples("", "aictl keys create ocr --name web", "", "aictl keys list", "", "aictl keys revoke web"),
	}
	return a.parent(cmd, a.keysCreateCommand(), a.keysListCommand(), a.keysRevokeCommand())
}

func (a *app) keysCreateCommand() *cobra.Command {
	var req api.KeyRequest
	var expires string
	cmd := &cobra.Command{
		Use:   "create SERVICE|--all --name NAME",
		Short: a.t("Make an API key"),
		Long:  a.t("Make an API key and show it, this once: only a digest of it is kept. It is good from the next request on."),
		Example: a.examples(
			a.t("For one service, for a month"), "aictl keys create ocr --name web --expires 30d",
			a.t("For all services, with a rate of its own"), "aictl keys create --all --name batch --rate 100/s --burst 20"),
		Args:              a.args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeServices(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.keyRequest(cmd, args, expires, &req); err != nil {
				return a.usageError(cmd, err)
			}
			client, err := a.connect()
			if err != nil {
				return err
			}
			doc, err := client.CreateKey(cmd.Context(), req)
			if err != nil {
				return err
			}
			return a.document(doc, func() error { return a.showKey(doc) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&req.Name, "name", "", a.t("the key's name, which records show"))
	flags.BoolVar(&req.All, "all", false, a.t("for all services that ask for keys"))
	flags.StringVar(&expires, "expires", "", a.t("until when it is good: a span such as 30d or 12h, or a date; for ever when left out"))
	flags.StringVar(&req.Rate, "rate", "", a.t("requests that it may make: 100/s, 10/30s, 5000/1h"))
	flags.IntVar(&req.Burst, "burst", 0, a.t("how many of them may come at once; as many as --rate says when left out"))
	return cmd
}

// keyRequest completes req with what the command line says.
func (a *app) keyRequest(cmd *cobra.Command, args []string, expires string, req *api.KeyRequest) error {
	switch {
	case len(args) == 0 && !req.All:
		return a.errorf("%s needs a service, or --all", cmd.CommandPath())
	case len(args) == 1 && req.All:
		return a.errorf("a service and --all exclude each other: give one")
	case req.Name == "":
		return a.errorf("the key needs a name: give --name")
	case req.Burst != 0 && req.Rate == "":
		return a.errorf("--burst belongs to a rate: give --rate, too")
	}
	if len(args) == 1 {
		req.Service = args[0]
	}
	if expires == "" {
		return nil
	}
	at, err := parseExpiry(expires, a.now())
	if err != nil {
		return a.errorf("--expires %q is not a time to come: write a span such as 30d or 12h, or a date such as 2030-01-31", expires)
	}
	req.ExpiresAt = at
	return nil
}

var errPast = errors.New("the time is past")

// parseExpiry reads a point in time to come: a span from now (12h, 30d) or a time as parseSince does.
func parseExpiry(text string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n <= 36500 {
			return now.AddDate(0, 0, n), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil {
		if d <= 0 {
			return time.Time{}, errPast
		}
		return now.Add(d), nil
	}
	at, err := parseSince(text, now)
	if err == nil && !at.After(now) {
		err = errPast
	}
	return at, err
}

// showKey prints the key alone on stdout, so that it can be taken into a variable.
func (a *app) showKey(doc api.KeyCreated) error {
	whose := a.t("all services")
	if doc.Key.Service != "" {
		whose = doc.Key.Service
	}
	a.say("%s", a.t("API key %s for %s. Keep it now: it is not shown again.", doc.Key.Name, whose))
	_, err := fmt.Fprintln(a.out, doc.Secret)
	return err
}

func (a *app) keysListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list [SERVICE]",
		Short:   a.t("List API keys"),
		Long:    a.t("List API keys: whose they are, their rates and until when they are good. The keys themselves are not kept."),
		Example: a.examples(a.t("Those that are good for a service"), "aictl keys list ocr", a.t("What was asked with one"), "aictl records list --tag key=web"),

		Args:              a.args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeServices(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			list, err := client.Keys(cmd.Context())
			if err != nil {
				return err
			}
			if len(args) == 1 {
				list.Keys = keysOf(list.Keys, args[0])
			}
			return a.document(list, func() error { return a.keysTable(list) })
		},
	}
}

// keysOf are the keys that are good for a service.
func keysOf(keys []api.Key, service string) []api.Key {
	some := []api.Key{}
	for _, k := range keys {
		if k.Service == "" || k.Service == service {
			some = append(some, k)
		}
	}
	return some
}

func (a *app) keysTable(list api.KeyList) error {
	if len(list.Keys) == 0 {
		a.say("%s", a.t("no API keys; `%s` makes one", a.command("keys create SERVICE --name NAME")))
		return nil
	}
	t := newTable(column{title: a.t("NAME")}, column{title: a.t("SERVICE")}, column{title: a.t("API KEY")}, column{title: a.t("RATE")},
		column{title: a.t("EXPIRES")}, column{title: a.t("CREATED")}, column{title: a.t("BY"), wide: true})
	for _, k := range list.Keys {
		service, expires := k.Service, cell{a.t("never"), plain}
		if service == "" {
			service = a.t("(all)")
		}
		if !k.ExpiresAt.IsZero() {
			expires = cell{k.ExpiresAt.Local().Format(time.DateTime), plain}
		}
		if k.Expired {
			expires.style = red
		}
		t.row(k.Name, service, "…"+k.Hint, rateText(k), expires, a.ago(k.CreatedAt, a.now()), k.Actor)
	}
	return t.render(a.out, a.wide())
}

func rateText(k api.Key) string {
	if k.Burst > 0 {
		return k.Rate + " +" + strconv.Itoa(k.Burst)
	}
	return orDash(k.Rate)
}

func (a *app) keysRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "revoke NAME…",
		Short:             a.t("Make API keys worthless"),
		Long:              a.t("Make API keys worthless, from the next request on. What was recorded with them stays."),
		Example:           a.examples("", "aictl keys revoke web"),
		Args:              a.args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: a.completeKeys,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			list := api.KeyList{SchemaVersion: api.SchemaVersion, Keys: []api.Key{}}
			for _, name := range args {
				doc, err := client.RevokeKey(cmd.Context(), name)
				if err != nil {
					return err
				}
				list.Keys = append(list.Keys, doc.Key)
				if !a.machine() {
					a.say("%s", a.t("API key %s is revoked", name))
				}
			}
			return a.document(list, func() error { return nil })
		},
	}
}

// completeKeys offers the names of keys.
func (a *app) completeKeys(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	client, err := a.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	list, err := client.Keys(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, k := range list.Keys {
		names = append(names, k.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
