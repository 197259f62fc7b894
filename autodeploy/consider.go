package autodeploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"aictl/configs"
	"aictl/gitea"
	"aictl/store"
)

// askTime bounds what is asked of a repository for one decision.
const askTime = 2 * time.Minute

// recent is how many deploys of a service are looked through for one that was asked for already.
const recent = 20

// Changed deploys every service that a change is for. It returns when the deploys are queued, not when they have ended; its error joins
// those of the services that could not be asked for one.
func (e *Engine) Changed(ctx context.Context, c Change) error {
	_, err := e.apply(ctx, c)
	return err
}

// apply is Changed, and says for people what came of it.
func (e *Engine) apply(ctx context.Context, c Change) (outcome string, err error) {
	if c.Kind == KindPull {
		if e.Pull == nil {
			return "pull requests have no previews here", nil
		}
		return e.Pull(ctx, c)
	}
	if c.Trigger == "" {
		c.Trigger = TriggerWebhook
	}
	services, err := e.services(ctx)
	if err != nil {
		return "", err
	}
	var said []string
	var errs []error
	for _, s := range services {
		if !concerns(c, s.address) {
			continue
		}
		one, err := e.consider(ctx, c, s)
		if err != nil {
			errs = append(errs, fmt.Errorf("deploy %s by a change of %s: %w", s.Name, c.Repository, err))
			continue
		}
		said = append(said, s.Name+": "+one)
	}
	if len(said)+len(errs) == 0 {
		said = append(said, "no service is deployed from "+c.Repository)
	}
	return strings.Join(said, "; "), errors.Join(errs...)
}

// candidate is a service with what decides about it.
type candidate struct {
	store.Service
	address string // of addressOf
	paused  string // why, "" when it is not
	// first is the deploy that there was before there is a service; its zero value is for one that there is.
	first store.Deploy
}

// services lists the services that changes may deploy.
func (e *Engine) services(ctx context.Context) ([]candidate, error) {
	all, err := e.Store.Services(ctx, "", 0)
	if err != nil {
		return nil, err
	}
	forges, err := e.Forges(ctx)
	if err != nil {
		return nil, err
	}
	pauses, err := e.Store.DeployPauses(ctx)
	if err != nil {
		return nil, err
	}
	var others map[string]bool
	if e.Others != nil {
		if others, err = e.Others(ctx); err != nil {
			return nil, err
		}
	}
	paused := map[string]string{}
	for _, p := range pauses {
		paused[p.Service] = why(p)
	}
	var out []candidate
	for _, svc := range all {
		if address := addressOf(svc.Source, forges); address != "" && !others[svc.Name] {
			out = append(out, candidate{Service: svc, address: address, paused: paused[svc.Name]})
		}
	}
	unborn, err := e.unborn(ctx, forges, others)
	return append(out, unborn...), err
}

// consider deploys a service by a change, or says why it does not. One decision about a service is made at a time.
func (e *Engine) consider(ctx context.Context, c Change, s candidate) (outcome string, err error) {
	give, err := e.turns.take(ctx, s.Name)
	if err != nil {
		return "", err
	}
	defer give()
	section, err := e.sectionOf(ctx, s.Service)
	if err != nil {
		return "", err
	}
	t := Target{Service: s.Name, Ref: s.Source.Ref, Section: section, Paused: s.paused}
	v := Decide(c, t)
	if !v.Deploy && !v.Considered {
		return v.Why, nil
	}
	last, err := e.lastOf(ctx, s.Name, c.Ref)
	if err != nil {
		return "", err
	}
	if c, outcome, err = e.current(ctx, c, s.Source, last); err != nil || outcome != "" {
		return outcome, err
	}
	if s.first.ID != 0 { // nothing is noted of what is no service: its deploys tell
		if known, err := e.attempted(ctx, s.Service, last, c.commit()); err != nil || known {
			return "commit " + brief(c.commit()) + " was considered before", err
		}
	}
	if last.SHA == c.commit() && !e.fetchFailed(ctx, last) {
		return "commit " + brief(c.commit()) + " was considered before: " + last.Outcome, nil
	}
	if v = Decide(c, t); v.Deploy && v.Files {
		if v, err = e.byFiles(ctx, c, s.Service, v, section, last); err != nil {
			return "", err
		}
	}
	return e.settle(ctx, c, s, v)
}

// settle submits a deploy when the verdict says so, and notes what was considered.
func (e *Engine) settle(ctx context.Context, c Change, svc candidate, v Verdict) (string, error) {
	note := store.Attempt{Service: svc.Name, Ref: c.Ref, SHA: c.commit(), Outcome: v.Why}
	if v.Deploy {
		if why, err := e.pausedNow(ctx, svc.Name); err != nil || why != "" { // by a rollback, while the files were compared
			return "deploys are paused: " + why, err
		}
		id, err := e.submit(ctx, c, svc, v)
		if err != nil {
			return "", err
		}
		note.Deploy, note.Outcome = id, fmt.Sprintf("deploy %d", id)
	} else if !v.Considered {
		return v.Why, nil
	}
	e.log.Info("change considered", "service", svc.Name, "repository", c.Repository, "ref", c.Ref, "commit", c.commit(),
		"trigger", c.Trigger, "deploy", note.Deploy, "why", v.Why)
	if err := e.Store.SetAttempt(ctx, note); err != nil && !errors.Is(err, store.ErrNotFound) { // removed meanwhile
		return "", err
	}
	return note.Outcome, nil
}

// why tells of a pause.
func why(p store.DeployPause) string { return first(p.Why, "by "+p.Actor) }

// pausedNow says why a service is paused, "" when it is not.
func (e *Engine) pausedNow(ctx context.Context, service string) (string, error) {
	pauses, err := e.Store.DeployPauses(ctx)
	if err != nil {
		return "", err
	}
	for _, p := range pauses {
		if p.Service == service {
			return why(p), nil
		}
	}
	return "", nil
}

// submit queues the deploy, unless it was queued by an attempt that was cut off before it was noted.
func (e *Engine) submit(ctx context.Context, c Change, svc candidate, v Verdict) (int64, error) {
	origin := first(c.Delivery, c.Origin)
	if c.Delivery != "" {
		rows, err := e.Store.Deploys(ctx, store.DeployFilter{Service: svc.Name, Limit: recent})
		if err != nil {
			return 0, err
		}
		for _, row := range rows {
			if row.Origin == origin && row.Commit == c.commit() {
				return row.ID, nil
			}
		}
	}
	row, err := e.Submit(ctx, Order{
		Service: svc.Name, Source: svc.Source, Commit: c.commit(), Actor: c.Actor, Trigger: c.Trigger, Reason: v.Why, Origin: origin,
		After: svc.first.ID,
	})
	return row.ID, err
}

// lastOf is what was considered last of a reference; nothing has an empty SHA.
func (e *Engine) lastOf(ctx context.Context, service, ref string) (store.Attempt, error) {
	last, err := e.Store.Attempt(ctx, service, ref)
	if errors.Is(err, store.ErrNotFound) {
		return store.Attempt{}, nil
	}
	return last, err
}

// current asks the repository what it has when a change may be old, because it does not follow the last one that was considered or its
// delivery was repeated, and always when a delivery tells of it: whoever has the secret of a forge, as the owner of any repository with
// a hook does, could name a commit of another one that no branch has, such as that of a pull request. outcome is not empty when there is
// nothing more to do.
func (e *Engine) current(ctx context.Context, c Change, src store.Source, last store.Attempt) (_ Change, outcome string, err error) {
	follows := last.SHA == "" || last.SHA == c.Before || c.Trigger == TriggerReconcile
	if c.Kind == KindTag {
		follows = last.SHA == "" || c.Trigger == TriggerReconcile
	}
	if follows && !c.Doubtful && c.Trigger != TriggerWebhook {
		return c, "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	repo, err := e.Open(ctx, src)
	if err != nil {
		return c, "", err
	}
	tips, err := repo.Tips(ctx)
	if err != nil {
		return c, "", err
	}
	c.DefaultBranch = first(tips.Default, c.DefaultBranch)
	tip, there := tips.Refs[c.Ref]
	switch {
	case !there:
		return c, short(c.Ref) + " is not there any more", nil
	case tip == c.commit():
		return c, "", nil
	case tip == last.SHA:
		return c, "it is older than " + brief(tip) + ", which was considered before: " + last.Outcome, nil
	case follows && !c.Doubtful:
		if ok, err := leadsTo(ctx, repo, c.commit(), tip); err != nil || ok { // more was pushed meanwhile, which is told by itself
			return c, "", err
		}
	}
	c.Before, c.After, c.Commit = last.SHA, tip, tip
	c.Message, err = message(ctx, repo, tip)
	return c, "", err
}

// leadsTo reports whether a commit is in the history of a reference's tip.
func leadsTo(ctx context.Context, repo Repository, commit, tip string) (bool, error) {
	if err := repo.Fetch(ctx, tip); err != nil {
		return false, err
	}
	_, more, err := repo.Log(ctx, tip, commit, 0)
	if errors.Is(err, gitea.ErrUnknownRef) {
		return false, nil
	}
	return err == nil && !more, err
}

// byFiles looks at what has changed since the last commit that was considered: a delivery between that was lost does not hide its files.
func (e *Engine) byFiles(ctx context.Context, c Change, svc store.Service, v Verdict, section configs.DeploySection, last store.Attempt) (Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	repo, err := e.Open(ctx, svc.Source)
	if err != nil {
		return v, err
	}
	if err := repo.Fetch(ctx, c.commit()); err != nil {
		return v, err
	}
	base, err := e.base(ctx, c, svc, last)
	if err != nil {
		return v, err
	}
	files, err := repo.Changed(ctx, base, c.commit())
	if errors.Is(err, gitea.ErrUnknownRef) { // rewritten history: what it was before is not there any more
		v.Why += " (its files could not be compared with " + brief(base) + ")"
		return v, nil
	}
	if err != nil {
		return v, err
	}
	return v.ByFiles(section, files), nil
}

// base is the commit that the files are compared with: the last one that was considered, else the one before the push, else the live
// one, else none.
func (e *Engine) base(ctx context.Context, c Change, svc store.Service, last store.Attempt) (string, error) {
	switch {
	case last.SHA != "":
		return last.SHA, nil
	case !zero(c.Before):
		return c.Before, nil
	case svc.Release == "":
		return "", nil
	}
	rel, err := e.Store.Release(ctx, svc.Name, svc.Release)
	return rel.Commit, err
}

// message is what a commit says, which decides whether it is skipped.
func message(ctx context.Context, repo Repository, sha string) (string, error) {
	if err := repo.Fetch(ctx, sha); err != nil {
		return "", err
	}
	c, err := repo.Describe(ctx, sha)
	return c.Message, err
}

// brief is a SHA for people.
func brief(sha string) string {
	if sha == "" {
		return "nothing"
	}
	return sha[:min(len(sha), 8)]
}
