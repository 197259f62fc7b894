package main

import (
	"fmt"

	"aictl/api"
)

// reportText is a line on the commit status that a Gitea has or has not got, "" when nothing is told.
func (a *app) reportText(r *api.StatusReport) string {
	switch {
	case r == nil:
		return ""
	case r.Progress == "told":
		return a.t("%s on %s", a.t(r.State), r.Gitea)
	case r.Progress == "given_up":
		return a.t("%s was not told to %s, and is not tried any more", a.t(r.State), r.Gitea)
	case r.Error != "":
		return a.t("%s is not told to %s yet; tried %d times, again %s", a.t(r.State), r.Gitea, r.Tries, a.until(r))
	}
	return a.t("%s is about to be told to %s", a.t(r.State), r.Gitea)
}

func (a *app) until(r *api.StatusReport) string {
	left := r.NextAt.Sub(a.now())
	if left <= 0 {
		return a.t("now")
	}
	return a.t("in %s", latency(left))
}

// reportWarning says why a status was not told, "" when it was.
func (a *app) reportWarning(r *api.StatusReport) string {
	if r == nil || r.Error == "" || r.Progress == "told" {
		return ""
	}
	return fmt.Sprintf("\n%s %s\n", a.out.paint(yellow, a.t("warning:")), printable(r.Error))
}
