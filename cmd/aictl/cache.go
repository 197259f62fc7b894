package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) cacheCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache [SERVICE]",
		Short: a.t("Show what the gateway keeps of services' answers"),
		Long: a.t(`Show the response caches of all services, or of one: hits, misses, bytes, and what half and twice the size would do.
A service has one when its manifest says so (gateway.cache.ttl): only for services that give equal requests equal answers.`),
		Example: a.examples(
			a.t("All caches"), "aictl cache",
			a.t("One, with what was not kept and why"), "aictl cache embed",
			a.t("Forget all answers"), "aictl cache clear embed"),
		Args:              a.args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeServices(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				doc, err := client.Cache(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return a.document(doc, func() error { return a.showCache(doc.Cache) })
			}
			list, err := client.Caches(cmd.Context())
			if err != nil {
				return err
			}
			return a.document(list, func() error { return a.cachesTable(list.Caches) })
		},
	}
	cmd.AddCommand(a.cacheClearCommand())
	return cmd
}

func (a *app) cacheClearCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "clear SERVICE",
		Short:             a.t("Forget the answers that the gateway keeps of a service"),
		Long:              a.t("Forget the answers that the gateway keeps of a service. A switch to another release does so, too."),
		Example:           a.examples(a.t("After its model file was changed by hand"), "aictl cache clear embed"),
		Args:              a.args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeServices(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			doc, err := client.ClearCache(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.document(doc, func() error {
				_, err := fmt.Fprintln(a.out, a.t("%s: its cache is empty", args[0]))
				return err
			})
		},
	}
}

func (a *app) cachesTable(caches []api.Cache) error {
	if len(caches) == 0 {
		a.say("%s", a.t("no service has a cache; gateway.cache.ttl in its manifest gives it one"))
		return nil
	}
	t := newTable(column{title: a.t("SERVICE"), flex: true}, column{title: a.t("HIT RATIO"), right: true}, column{title: "½×", right: true},
		column{title: "2×", right: true}, column{title: a.t("HITS"), right: true}, column{title: a.t("MISSES"), right: true},
		column{title: a.t("ANSWERS"), right: true}, column{title: a.t("SIZE"), right: true}, column{title: a.t("OF"), right: true},
		column{title: a.t("EVICTED"), right: true, wide: true}, column{title: a.t("NOTE"), flex: true})
	for _, c := range caches {
		t.row(cell{c.Service, bold}, ratio(c, c.Ratio), ratio(c, c.RatioHalf), ratio(c, c.RatioDouble), count64(c.Hits), count64(c.Misses),
			fmt.Sprint(c.Entries), humanSize(c.Bytes), humanSize(c.MaxBytes), count64(c.Evicted), a.cacheAdvice(c))
	}
	return t.render(a.out, a.wide())
}

func ratio(c api.Cache, r float64) string {
	if c.Hits+c.Misses == 0 {
		return "-"
	}
	return percentText(float64(int(1000*r+0.5)) / 10)
}

// cacheAdvice says what the counts mean for gateway.cache.max_bytes.
func (a *app) cacheAdvice(c api.Cache) string {
	switch c.Advice {
	case api.CacheUseless:
		return a.t("hardly a request comes twice: the cache is of no use")
	case api.CacheLarger:
		return a.t("max_bytes of %s would answer %s of the requests", humanSize(2*c.MaxBytes), ratio(c, c.RatioDouble))
	case api.CacheSmaller:
		return a.t("max_bytes of %s would do", humanSize(c.MaxBytes/2))
	case api.CacheFits:
		return a.t("its size is right")
	}
	return a.t("too few requests to advise on its size")
}

func (a *app) showCache(c api.Cache) error {
	lines := []string{
		a.t("%s: %s of %d requests were answered from the cache", c.Service, ratio(c, c.Ratio), c.Hits+c.Misses),
		a.t("%d answers take %s of %s; each is kept for %s", c.Entries, humanSize(c.Bytes), humanSize(c.MaxBytes), shortDuration(time.Duration(c.TTLSeconds*float64(time.Second)))),
		a.t("with half the size it would be %s, with twice %s: %s", ratio(c, c.RatioHalf), ratio(c, c.RatioDouble), a.cacheAdvice(c)),
		a.t("stored %d, evicted %d, expired %d, cleared %d", c.Stored, c.Evicted, c.Expired, c.Cleared),
	}
	var why []string
	for _, reason := range slices.Sorted(maps.Keys(c.Bypassed)) {
		why = append(why, fmt.Sprintf("%s %d", reason, c.Bypassed[reason]))
	}
	if c.Joined > 0 {
		lines = append(lines, a.t("%d requests waited for the answer to an equal one", c.Joined))
	}
	if len(why) > 0 {
		lines = append(lines, a.t("not looked up or not kept: %s", strings.Join(why, ", ")))
	}
	_, err := fmt.Fprintln(a.out, strings.Join(lines, "\n"))
	return err
}
