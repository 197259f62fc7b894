package autodeploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"aictl/gitea"
	"aictl/store"
)

// What was done about the hook of a repository.
const (
	HookGood     = "good"     // it was right, and its deliveries arrive
	HookCreated  = "created"  // there was none
	HookReplaced = "replaced" // it was not right, which Why tells
	HookManual   = "manual"   // the forge is not connected: it is to be made there by hand
	HookNone     = "none"     // none is needed, which Why tells
	HookFailed   = "failed"   // Error says why
)

// HookResult is what was done about the hook of one repository.
type HookResult struct {
	Repository string // owner/repo, or the address of one elsewhere
	Forge      string // name of the connection, "" when there is none
	Services   []string
	Action     string
	Why        string // why it was replaced or is not needed, for people
	Error      string
	URL        string // of the hook
	ID         int64  // at the forge
	Secret     string // only of one that is to be made by hand
	Test       *HookTest
}

var errNoHookBase = errors.New("the address that webhooks are sent to is not known: set public_url")

// target is a repository that needs a hook.
type target struct {
	repository string
	forge      *gitea.Connection // nil: it is not connected
	services   []string
	source     store.Source
}

// SetHooks makes or repairs the hook of every repository that these services, or all for none, are deployed from: one for each,
// whichever number of services there is. A service that does not exist is store.ErrNotFound.
func (e *Engine) SetHooks(ctx context.Context, services []string) ([]HookResult, error) {
	lost := map[string]bool{} // forges whose deliveries do not arrive: one is waited for, not hundreds
	return e.eachTarget(ctx, services, func(ctx context.Context, t target, r *HookResult) error {
		if err := e.setHook(ctx, t, r); err != nil {
			return err
		}
		if made := r.Action == HookCreated || r.Action == HookReplaced; !made || lost[r.Forge] {
			return nil
		}
		test, err := e.await(ctx, t, r.ID)
		if err != nil { // an empty repository has nothing to send
			e.log.Info("webhook not tested", "repository", t.repository, "err", err)
			return ctx.Err()
		}
		r.Test, lost[r.Forge] = &test, !test.Arrived
		return nil
	})
}

// TestHooks has the forge send a test delivery for every repository of these services, or all for none, and waits for it.
func (e *Engine) TestHooks(ctx context.Context, services []string) ([]HookResult, error) {
	return e.eachTarget(ctx, services, e.tryHook)
}

func (e *Engine) eachTarget(ctx context.Context, services []string, do func(context.Context, target, *HookResult) error) ([]HookResult, error) {
	targets, err := e.targets(ctx, services)
	if err != nil {
		return nil, err
	}
	results := make([]HookResult, len(targets))
	for i, t := range targets {
		r := &results[i]
		r.Repository, r.Services = t.repository, t.services
		if t.forge != nil {
			r.Forge = t.forge.Name
		}
		if err := do(ctx, t, r); err != nil {
			if ctx.Err() != nil {
				return results[:i], context.Cause(ctx)
			}
			r.Action, r.Error = HookFailed, err.Error()
		}
	}
	return results, nil
}

// targets are the repositories of services, by name.
func (e *Engine) targets(ctx context.Context, services []string) ([]target, error) {
	all, err := e.Store.Services(ctx, "", 0)
	if err != nil {
		return nil, err
	}
	forges, err := e.Forges(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range services {
		if !slices.ContainsFunc(all, func(s store.Service) bool { return s.Name == name }) {
			return nil, fmt.Errorf("service %s: %w; `aictl status` lists what there is", name, store.ErrNotFound)
		}
	}
	var out []target
	byAddress := map[string]int{}
	for _, svc := range all {
		if len(services) > 0 && !slices.Contains(services, svc.Name) {
			continue
		}
		address := cmp.Or(addressOf(svc.Source, forges), svc.Source.Kind+" "+svc.Source.URL)
		at, ok := byAddress[address]
		if !ok {
			at = len(out)
			byAddress[address] = at
			out = append(out, targetOf(svc.Source, forges))
		}
		out[at].services = append(out[at].services, svc.Name)
	}
	slices.SortStableFunc(out, func(a, b target) int { return strings.Compare(a.repository, b.repository) })
	return out, nil
}

// targetOf finds the forge that a source is at, and what it is called there.
func targetOf(src store.Source, forges []gitea.Connection) target {
	t := target{repository: src.URL, source: src}
	switch src.Kind {
	case sourceGitea:
		if len(forges) > 0 {
			t.forge = &forges[0]
		}
	case sourceGit:
		if f, ok := gitea.Owning(forges, src.URL); ok {
			t.forge = &f
			t.repository = strings.Trim(trimRepo(strings.TrimPrefix(canonicalCase(src.URL), canonicalCase(f.Client.URL()))), "/")
		}
	}
	return t
}

// canonicalCase is a URL with scheme and host in small letters, no credentials and no default port; its path is as it was.
func canonicalCase(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	u.User = nil
	return gitea.Address(u.String())
}

// unhooked says why a source needs no hook, "" when it does.
func unhooked(src store.Source) string {
	switch {
	case src.Kind == sourceHosted:
		return "aictl hosts it: every push is noticed"
	case src.Kind == sourceGit && strings.HasPrefix(canonical(src.URL), "file://"):
		return "it lies on this machine, where no forge tells of pushes: deploy it with `aictl deploy`, or push it to a repository that aictl hosts"
	case src.Kind == sourceGitea, src.Kind == sourceGit:
		return ""
	}
	return "it is a folder of this machine, which sends nothing: deploy it with `aictl deploy`"
}

func (e *Engine) setHook(ctx context.Context, t target, r *HookResult) error {
	if why := unhooked(t.source); why != "" {
		r.Action, r.Why = HookNone, why
		return nil
	}
	if t.forge == nil {
		return e.byHand(ctx, t, r)
	}
	w, err := e.wish(ctx, t)
	if err != nil {
		return err
	}
	r.URL = w.URL
	client := t.forge.Client
	hooks, err := e.ours(ctx, t, w.URL)
	if err != nil {
		return err
	}
	if len(hooks) == 0 {
		made, err := client.CreateHook(ctx, t.repository, w)
		r.Action, r.ID = HookCreated, made.ID
		return err
	}
	keep := hooks[0]
	r.ID = keep.ID
	for _, h := range hooks[1:] {
		if err := client.DeleteHook(ctx, t.repository, h.ID); err != nil {
			return err
		}
	}
	if r.Why = keep.Fits(w); r.Why == "" {
		test, err := e.await(ctx, t, keep.ID)
		if err != nil {
			return err
		}
		r.Test = &test
		if !test.Misread {
			r.Action = HookGood
			return nil
		}
		r.Why = "its deliveries are signed with another secret"
	}
	made, err := client.ReplaceHook(ctx, t.repository, keep.ID, w)
	r.Action, r.ID, r.Test = HookReplaced, made.ID, nil
	return err
}

// wish is how the hook of a repository is to be.
func (e *Engine) wish(ctx context.Context, t target) (gitea.HookWish, error) {
	if t.forge.Err != nil {
		return gitea.HookWish{}, t.forge.Err
	}
	base, err := e.hookBase(ctx, t.forge.Client.URL())
	return gitea.HookWish{URL: base + Hooks + ForgeGitea, Secret: t.forge.Secret}, err
}

func (e *Engine) hookBase(ctx context.Context, forge string) (string, error) {
	if e.HookBase == nil {
		return "", errNoHookBase
	}
	base, err := e.HookBase(ctx, forge)
	return strings.TrimRight(base, "/"), err
}

// ours are the hooks of a repository that lead here.
func (e *Engine) ours(ctx context.Context, t target, url string) ([]gitea.Hook, error) {
	hooks, err := t.forge.Client.Hooks(ctx, t.repository)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(hooks, func(h gitea.Hook) bool { return strings.TrimRight(h.URL, "/") != url }), nil
}

// byHand says what to enter at a forge that is not connected.
func (e *Engine) byHand(ctx context.Context, t target, r *HookResult) error {
	kind := forgeKind(t.source)
	base, err := e.hookBase(ctx, t.source.URL)
	if err != nil {
		return err
	}
	secrets, err := e.Secrets(ctx, kind)
	if err != nil {
		return err
	}
	own := slices.IndexFunc(secrets, func(s Secret) bool { return s.Forge == kind })
	if own < 0 {
		return fmt.Errorf("there is no secret for webhooks of %s", kind)
	}
	r.Action, r.URL, r.Secret = HookManual, base+Hooks+kind, secrets[own].Value
	r.Why = "no connected Gitea has this repository"
	return nil
}

// forgeKind guesses from its host what kind of forge a repository is at.
func forgeKind(src store.Source) string {
	u, err := url.Parse(canonical(src.URL))
	if err != nil {
		return ForgeGitea
	}
	for _, kind := range []string{ForgeGitHub, ForgeGitLab} {
		if strings.Contains(u.Hostname(), kind) {
			return kind
		}
	}
	return ForgeGitea
}
