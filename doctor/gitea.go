package doctor

import (
	"context"
	"strings"
)

// Gitea is what the daemon found out about a connected Gitea.
type Gitea struct {
	Name    string
	Version string
	Old     string   // the oldest version that would do; "" when it is new enough
	Missing []string // scopes that its token lacks and should have
	Error   string   // why it cannot be used
}

// checkGiteas tells of each connected Gitea. Without a daemon nobody knows them.
func checkGiteas(ctx context.Context, opts Options, daemonUp bool) []Result {
	const check = "gitea"
	if opts.Giteas == nil || !daemonUp {
		return nil
	}
	list, err := opts.Giteas(ctx)
	if err != nil {
		return []Result{warn(check, say("the daemon could not be asked about connected Giteas: %s", err), say("see its log"))}
	}
	if len(list) == 0 {
		return []Result{ok(check, say("none is connected (aictl gitea connect URL)"))}
	}
	var results []Result
	for _, g := range list {
		results = append(results, judgeGitea(check, g))
	}
	return results
}

func judgeGitea(check string, g Gitea) Result {
	switch {
	case g.Error != "":
		return warn(check, say("%s: %s", g.Name, g.Error), say("services from there are not deployed meanwhile; see aictl gitea test %s", g.Name))
	case len(g.Missing) > 0:
		return warn(check, say("%s answers; its token lacks %s", g.Name, strings.Join(g.Missing, ", ")),
			say("aictl gitea test %s says what for; a token with these scopes is given with aictl gitea connect", g.Name))
	case g.Old != "":
		return warn(check, say("%s runs Gitea %s; aictl is made for %s and newer", g.Name, g.Version, g.Old), say("upgrade it"))
	}
	return ok(check, say("%s answers, Gitea %s; its token is good for deploys, webhooks and statuses", g.Name, g.Version))
}
