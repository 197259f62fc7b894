package autodeploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"aictl/configs"
	"aictl/gitea"
	"aictl/store"
)

const (
	// lookTime bounds one look at one repository.
	lookTime = time.Minute
	// maxHosts bounds the hosts that are looked at at a time, perHost the repositories of one of them.
	maxHosts, perHost = 8, 4
	// keepDeliveries and keptDeliveries bound what is kept of deliveries.
	keepDeliveries = 30 * 24 * time.Hour
	keptDeliveries = 10_000
)

// watch looks at the repositories at once and ever again: forges deliver once, or not at all.
func (e *Engine) watch(ctx context.Context) {
	tick := time.NewTicker(e.Every)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := e.Reconcile(ctx); err != nil && ctx.Err() == nil {
			e.log.Error("repositories not looked at", "err", err)
		}
		if err := e.Store.PruneDeliveries(ctx, e.Now().Add(-keepDeliveries), keptDeliveries); err != nil && ctx.Err() == nil {
			e.log.Warn("old deliveries not forgotten", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-e.look:
		}
	}
}

// watched is a service that a look may deploy.
type watched struct {
	candidate
	section configs.DeploySection
}

// Reconcile looks once at every repository whose changes deploy services, and deploys what was missed. What keeps it from looking at
// one of them is logged and in Troubles; the error is of the store.
func (e *Engine) Reconcile(ctx context.Context) error {
	groups, err := e.groups(ctx)
	if err != nil {
		return err
	}
	e.troubles.keep(func(address string) bool { return groups[address] != nil })
	hosts := map[string][]string{}
	for address := range groups {
		if e.troubles.due(address, e.Now()) {
			hosts[hostOf(address)] = append(hosts[hostOf(address)], address)
		}
	}
	var all sync.WaitGroup
	slots := make(chan struct{}, maxHosts)
	for _, addresses := range hosts {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			e.visitHost(ctx, addresses, groups)
		})
	}
	all.Wait()
	return ctx.Err()
}

// visitHost looks at the repositories of one host, a few at a time. One that stalls or cannot be reached is not asked for the others.
func (e *Engine) visitHost(ctx context.Context, addresses []string, groups map[string][]watched) {
	var down atomic.Pointer[error]
	var all sync.WaitGroup
	slots := make(chan struct{}, perHost)
	for _, address := range addresses {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			err := e.visit(ctx, address, groups[address], down.Load())
			if ofHost(err) {
				down.Store(&err)
			}
		})
	}
	all.Wait()
}

// ofHost reports whether a failure is one of the host and not of the one repository.
func ofHost(err error) bool {
	return errors.Is(err, gitea.ErrUnreachable) || errors.Is(err, context.DeadlineExceeded)
}

// hostOf is the host of a canonical address.
func hostOf(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// groups are the services to look after, by the address of their repository.
func (e *Engine) groups(ctx context.Context) (map[string][]watched, error) {
	services, err := e.services(ctx)
	if err != nil {
		return nil, err
	}
	forges, err := e.Forges(ctx)
	if err != nil {
		return nil, err
	}
	groups := map[string][]watched{}
	for _, s := range services {
		section, err := e.sectionOf(ctx, s.Service)
		if err != nil { // it does not keep the others from being looked after
			e.log.Error("service not looked after", "service", s.Name, "err", err)
			continue
		}
		told, err := e.told(ctx, s.Service, forges)
		if err != nil {
			return nil, err
		}
		if section.Auto && s.paused == "" && told && s.reached() {
			groups[s.address] = append(groups[s.address], watched{s, section})
		}
	}
	return groups, nil
}

// told reports whether changes of a service's repository are told to aictl in the first place. Those of a stranger's repository are
// not, and looking at it would deploy what nobody here has pushed.
func (e *Engine) told(ctx context.Context, svc store.Service, forges []gitea.Connection) (bool, error) {
	if svc.Source.Kind != sourceGit {
		return true, nil
	}
	if _, ok := gitea.Owning(forges, svc.Source.URL); ok {
		return true, nil
	}
	seen, err := e.Store.Attempts(ctx, svc.Name)
	return len(seen) > 0, err
}

// visit looks at one repository for the services that are deployed from it; down is why its host needs not be asked.
func (e *Engine) visit(ctx context.Context, address string, group []watched, down *error) error {
	var names []string
	for _, s := range group {
		names = append(names, s.Name)
	}
	var err error
	if down != nil {
		err = *down
	} else {
		err = e.lookAt(ctx, group)
	}
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		if e.troubles.failed(address, names, e.Now(), e.Every, err) {
			e.log.Warn("repository cannot be looked at; pushes are not noticed meanwhile", "repository", address, "services", names, "err", err)
		}
		return err
	}
	if since := e.troubles.ended(address); !since.IsZero() {
		e.log.Info("repository can be looked at again", "repository", address, "services", names, "after", e.Now().Sub(since).Round(time.Second))
	}
	return nil
}

func (e *Engine) lookAt(ctx context.Context, group []watched) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	repo, err := e.Open(ctx, group[0].Source)
	if err != nil {
		return err
	}
	tips, err := repo.Tips(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range group {
		for _, ref := range e.refsOf(s, tips) {
			errs = append(errs, named(s, e.catchUp(ctx, repo, s, ref, tips)))
		}
		errs = append(errs, named(s, e.catchUpTags(ctx, repo, s, tips)))
	}
	return errors.Join(errs...)
}

// named says whose failure it is.
func named(s watched, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", s.Name, err)
}

// refsOf are the branches that deploy a service, of those there are: one, or none.
func (e *Engine) refsOf(s watched, tips gitea.Tips) []string {
	t := Target{Ref: s.Source.Ref, Section: s.section}
	name, _ := t.branch(tips.Default)
	if ref := "refs/heads/" + name; name != "" && tips.Refs[ref] != "" {
		return []string{ref}
	}
	return nil
}

// catchUp deploys the tip of a reference that was never considered for a service.
func (e *Engine) catchUp(ctx context.Context, repo Repository, s watched, ref string, tips gitea.Tips) error {
	tip := tips.Refs[ref]
	last, err := e.lastOf(ctx, s.Name, ref)
	if err != nil {
		return err
	}
	known, err := e.attempted(ctx, s.Service, last, tip)
	if err != nil || known {
		return err
	}
	said, err := message(ctx, repo, tip)
	if err != nil {
		return err
	}
	kind := KindPush
	if _, ok := (Change{Ref: ref}).tag(); ok {
		kind = KindTag
	}
	outcome, err := e.consider(ctx, Change{
		Kind: kind, Trigger: TriggerReconcile, Repository: s.Source.URL, Hosted: s.Source.Kind == sourceHosted, DefaultBranch: tips.Default,
		Ref: ref, Before: last.SHA, After: tip, Commit: tip, Message: said, Actor: "aictl",
	}, s.candidate)
	if err == nil {
		e.log.Debug("missed push considered", "service", s.Name, "ref", ref, "commit", tip, "outcome", outcome)
	}
	return err
}

// attempted reports whether a commit was deployed, or was tried, or is about to be.
func (e *Engine) attempted(ctx context.Context, svc store.Service, last store.Attempt, tip string) (bool, error) {
	if last.SHA == tip {
		return !e.fetchFailed(ctx, last), nil
	}
	rows, err := e.Store.Deploys(ctx, store.DeployFilter{Service: svc.Name, Limit: recent})
	if err != nil {
		return false, err
	}
	rows = slices.DeleteFunc(rows, func(row store.Deploy) bool { return row.Kind != "deploy" })
	if len(rows) > 0 && (rows[0].Commit == tip || rows[0].Commit == "" && !rows[0].State.Ended()) {
		return true, nil // somebody deploys it, or something that is not known yet
	}
	if last.SHA != "" {
		return false, nil
	}
	if slices.ContainsFunc(rows, func(row store.Deploy) bool { return row.Commit == tip }) {
		return true, nil
	}
	if svc.Release == "" {
		return false, nil
	}
	rel, err := e.Store.Release(ctx, svc.Name, svc.Release)
	return rel.Commit == tip, err
}

// fetchTries bounds the deploys of one commit that may fail because the forge could not be reached.
const fetchTries = 3

// fetchFailed reports whether the last attempt's deploy never got its commit: that is the forge's fault, and tried again.
func (e *Engine) fetchFailed(ctx context.Context, last store.Attempt) bool {
	if last.Deploy == 0 {
		return false
	}
	rows, err := e.Store.Deploys(ctx, store.DeployFilter{Service: last.Service, Limit: recent})
	if err != nil || len(rows) == 0 || rows[0].ID != last.Deploy {
		return false
	}
	failed := 0
	for _, row := range rows {
		if row.Commit == last.SHA && row.State == store.DeployFailed && row.FailedStep == "fetch" {
			failed++
		}
	}
	return rows[0].State == store.DeployFailed && rows[0].FailedStep == "fetch" && failed < fetchTries
}
