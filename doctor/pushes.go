package doctor

import "context"

// Pushes is what the daemon knows of pushes that do not arrive.
type Pushes struct {
	Unreachable []string // repositories that cannot be looked at, each with the reason
	Refused     int      // deliveries of webhooks that were refused lately
	Last        string   // why the last of them was
}

// checkPushes tells what keeps pushes from deploying. Without a daemon nobody knows.
func checkPushes(ctx context.Context, opts Options, daemonUp bool) []Result {
	const check = "pushes"
	if opts.Pushes == nil || !daemonUp {
		return nil
	}
	p, err := opts.Pushes(ctx)
	if err != nil {
		return []Result{warn(check, say("the daemon could not be asked about pushes: %s", err), say("see its log"))}
	}
	var results []Result
	for _, u := range p.Unreachable {
		results = append(results, warn(check, say("pushes are not noticed: %s", u), say("check the Gitea with aictl gitea test; it is tried again by itself")))
	}
	if p.Refused > 0 {
		results = append(results, warn(check, say("deliveries of webhooks refused since the daemon has started: %d, the last one because %s", p.Refused, p.Last),
			say("aictl gitea deliveries lists them, aictl gitea hook --all repairs webhooks")))
	}
	if len(results) == 0 {
		return []Result{ok(check, say("every repository can be looked at, and no delivery of a webhook was refused"))}
	}
	return results
}
