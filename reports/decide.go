package reports

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"aictl/gitea"
	"aictl/store"
)

// reportOf is what is to be said of a deploy. ok is false when nothing is: its commit is not known yet, or is on no connected Gitea.
func reportOf(row store.Deploy, forges []gitea.Connection) (r store.Report, ok bool) {
	if row.Commit == "" {
		return r, false
	}
	address, repository, ok := place(row.Source, forges)
	if !ok {
		return r, false
	}
	r = store.Report{Address: address, Repository: repository, Commit: row.Commit, Context: Context(row.Service), Deploy: row.ID}
	r.State, r.Description = verdict(row)
	return r, true
}

// place finds the repository of a source on one of the Giteas.
func place(src store.Source, forges []gitea.Connection) (address, repository string, ok bool) {
	if src.Kind != "gitea" && src.Kind != "git" {
		return "", "", false
	}
	c, repository, ok := gitea.Place(forges, src.URL)
	if !ok {
		return "", "", false
	}
	return c.Client.URL(), repository, true
}

// verdict is a deploy's state in the words of commit statuses, which have none for "deployed".
func verdict(row store.Deploy) (state, description string) {
	what := "deploy"
	if row.Kind == "rollback" {
		what = "rollback"
	}
	switch row.State {
	case store.DeployQueued:
		return string(gitea.StatePending), what + " is waiting for its turn"
	case store.DeployRunning:
		return string(gitea.StatePending), what + " is under way"
	case store.DeployLive:
		took := ""
		if !row.StartedAt.IsZero() && row.FinishedAt.After(row.StartedAt) {
			took = " after " + seconds(row.FinishedAt.Sub(row.StartedAt))
		}
		if row.Kind == "rollback" {
			return string(gitea.StateSuccess), "rolled back to this commit" + took
		}
		return string(gitea.StateSuccess), "live" + took
	case store.DeployFailed:
		why, _, _ := strings.Cut(strings.TrimSpace(row.Error), "\n")
		if row.FailedStep != "" {
			why = row.FailedStep + ": " + strings.TrimPrefix(why, row.FailedStep+": ")
		}
		return string(gitea.StateFailure), what + " failed at " + why
	case store.DeploySuperseded:
		return string(gitea.StateError), "not deployed: a newer deploy took its place"
	case store.DeployCancelled:
		return string(gitea.StateError), what + " was cancelled"
	case store.DeployInterrupted:
		return string(gitea.StateError), what + " was interrupted by the end of aictl"
	}
	return string(gitea.StateError), "deploy is " + string(row.State)
}

// nextTry is when a report is tried again after a failure; the zero time gives it up. What nobody answered is tried for a day, what was refused a few
// times: a commit that the repository does not have will not come.
func nextTry(r store.Report, err error, now time.Time) time.Time {
	tries := r.Tries + 1
	var refused *gitea.Refused
	final := errors.As(err, &refused) && refused.Status < http.StatusInternalServerError &&
		refused.Status != http.StatusUnauthorized && refused.Status != http.StatusForbidden && refused.Status != http.StatusTooManyRequests
	if final && tries >= refusals || now.Sub(r.CreatedAt) >= giveUp {
		return time.Time{}
	}
	pause := mostPause
	if tries < 10 {
		pause = min(firstPause<<(tries-1), mostPause)
	}
	return now.Add(pause)
}
