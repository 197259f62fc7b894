package main

import (
	"slices"

	"github.com/spf13/cobra"

	"aictl/api"
)

// verifyFlags are the flags of deploy that say what is made sure of before the switch.
type verifyFlags struct {
	replay    int
	threshold string
	path      string
	methods   []string
	live      bool
}

func (a *app) verifyFlags(cmd *cobra.Command, f *verifyFlags) {
	flags := cmd.Flags()
	flags.IntVar(&f.replay, "verify-replay", 0, a.t("before the switch, send the last so many recorded requests to the candidate and compare the answers (default: the manifest's)"))
	flags.StringVar(&f.threshold, "verify-threshold", "", a.t("the share of them that may be answered differently, such as 1% (default: the manifest's, else none)"))
	flags.StringVar(&f.path, "verify-path", "", a.t("only requests with a path that a glob matches"))
	flags.StringSliceVar(&f.methods, "verify-method", nil, a.t("only requests with this method; may be repeated"))
	flags.BoolVar(&f.live, "verify-live", false, a.t("ask the live release again, twice, instead of taking its recorded answers"))
}

// read returns what the flags ask for, nil when none was given. An error is one of usage.
func (f *verifyFlags) read(a *app, cmd *cobra.Command) (*api.VerifyRequest, error) {
	changed := cmd.Flags().Changed
	if !slices.ContainsFunc([]string{"verify-replay", "verify-threshold", "verify-path", "verify-method", "verify-live"}, changed) {
		return nil, nil
	}
	out := &api.VerifyRequest{Path: f.path, Methods: f.methods}
	if changed("verify-replay") {
		if f.replay < 0 {
			return nil, a.errorf("--verify-replay %d is not a number of requests: use 200, or 0 for none", f.replay)
		}
		out.Replay = &f.replay
	}
	if changed("verify-threshold") {
		share, err := a.readShare("verify-threshold", f.threshold, 1)
		if err != nil {
			return nil, err
		}
		out.MaxDiff = &share
	}
	if changed("verify-live") {
		out.Live = &f.live
	}
	return out, nil
}
