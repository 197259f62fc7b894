package previews

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"aictl/configs"
	"aictl/gitea"
	"aictl/store"
)

// Limits bound the previews of one service.
type Limits struct {
	Count int           // of them at a time; 0: none are made
	Age   time.Duration // since the last push, after which one is removed; 0: never
}

// What is done with a preview.
const (
	actDeploy = "deploy"
	actRemove = "remove" // the pull request is closed, or previews are off
	actExpire = "expire" // it is too old; it comes back with the next push
)

// action is one thing to do.
type action struct {
	do      string
	preview store.Preview // as it is to be afterwards
	pull    gitea.Pull    // of actDeploy
	why     string
}

// parent is a service that has previews.
type parent struct {
	service    store.Service
	address    string // of the Gitea
	repository string // owner/repo
	branch     string // that pull requests have to be for
}

// Name is the name of a preview: the service's, and the pull request's number.
func Name(service string, number int64) string { return fmt.Sprintf("%s-pr-%d", service, number) }

// plan says what makes the previews of a service what the open pull requests ask for, and why some of those get none. open are all of them, the latest
// first; cut says that there are more, so that one that is not among them may be open all the same.
func plan(now time.Time, p parent, open []gitea.Pull, cut bool, have []store.Preview, limits Limits) (acts []action, refused map[int64]string) {
	refused = map[int64]string{}
	wanted := map[int64]gitea.Pull{}
	for _, pull := range open {
		if why := p.unfit(pull); why != "" {
			refused[pull.Number] = why
			continue
		}
		wanted[pull.Number] = pull
	}
	live := 0
	known := map[int64]bool{}
	for _, one := range have {
		pull, ok := wanted[one.Number]
		known[one.Number] = true
		switch {
		case !ok && cut && refused[one.Number] == "":
			live++
		case !ok:
			acts = append(acts, action{do: actRemove, preview: one, why: "the pull request is closed"})
		case pull.Head != one.Head:
			live++
			acts = append(acts, deployOf(one, pull))
		case one.Expired:
		case limits.Age > 0 && now.Sub(one.PushedAt) > limits.Age:
			acts = append(acts, action{do: actExpire, preview: one, why: "nothing was pushed for " + limits.Age.String()})
		default:
			live++
		}
	}
	for _, pull := range open {
		if _, ok := wanted[pull.Number]; !ok || known[pull.Number] {
			continue
		}
		if live >= limits.Count {
			refused[pull.Number] = fmt.Sprintf("%s has %d previews already (deploy.preview_limit)", p.service.Name, live)
			continue
		}
		live++
		acts = append(acts, deployOf(store.Preview{
			Service: Name(p.service.Name, pull.Number), Parent: p.service.Name, Address: p.address, Repository: p.repository, Number: pull.Number,
		}, pull))
	}
	// What goes makes room for what comes.
	slices.SortStableFunc(acts, func(a, b action) int { return order(a.do) - order(b.do) })
	return acts, refused
}

func order(do string) int {
	if do == actDeploy {
		return 1
	}
	return 0
}

func deployOf(one store.Preview, pull gitea.Pull) action {
	one.Title, one.Author, one.Branch, one.Expired = pull.Title, pull.Author, pull.HeadRef, false
	return action{do: actDeploy, preview: one, pull: pull}
}

// unfit says why a pull request gets no preview, "" when it gets one.
func (p parent) unfit(pull gitea.Pull) string {
	switch {
	case pull.Base != p.branch:
		return fmt.Sprintf("it is for %s, and %s is deployed from %s", pull.Base, p.service.Name, p.branch)
	case !strings.EqualFold(pull.HeadRepository, p.repository):
		return "it comes from another repository, whose code would run here with the service's environment"
	case pull.HeadRef == "" || strings.HasPrefix(pull.HeadRef, "refs/"):
		// So is told what was pushed to refs/for/BRANCH, for which it is enough to be allowed to read, and what lost its branch.
		return "it comes from no branch of the repository, so that its author need not be allowed to push there"
	case !configs.ValidName(Name(p.service.Name, pull.Number)):
		return fmt.Sprintf("%s is too long for a service's name", Name(p.service.Name, pull.Number))
	case pull.Head == "":
		return "it has no commit"
	}
	return ""
}
