package autodeploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"aictl/store"
)

// testTime is how long a test delivery is waited for: Gitea sends it at once, or never.
const testTime = 15 * time.Second

// HookTest is what came of a test delivery.
type HookTest struct {
	Arrived  bool
	Misread  bool          // it arrived and was refused, because its signature is wrong
	Delivery string        // the forge's id of the one that arrived
	Took     time.Duration // from asking for it
	Advice   string        // what to do when it did not arrive, for people
}

// tryHook has the hook of a repository tested.
func (e *Engine) tryHook(ctx context.Context, t target, r *HookResult) error {
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
	hooks, err := e.ours(ctx, t, w.URL)
	if err != nil {
		return err
	}
	if len(hooks) == 0 {
		return fmt.Errorf("%s has no webhook that leads to %s: `aictl gitea hook %s` makes it", t.repository, w.URL, t.services[0])
	}
	r.ID = hooks[0].ID
	if why := hooks[0].Fits(w); why != "" {
		return fmt.Errorf("the webhook of %s is not right: %s; `aictl gitea hook %s` repairs it", t.repository, why, t.services[0])
	}
	test, err := e.await(ctx, t, hooks[0].ID)
	if err != nil {
		return err
	}
	r.Test = &test
	if r.Action = HookGood; !test.Arrived {
		r.Action, r.Error = HookFailed, test.Advice
	}
	return nil
}

// await asks for a test delivery and waits until it is here, or is certain not to come.
func (e *Engine) await(ctx context.Context, t target, hook int64) (HookTest, error) {
	last, err := e.Store.LastDelivery(ctx)
	if err != nil {
		return HookTest{}, err
	}
	begun := e.Now()
	if err := t.forge.Client.TestHook(ctx, t.repository, hook); err != nil {
		return HookTest{}, err
	}
	wait, cancel := context.WithTimeout(ctx, e.testTime())
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		d, err := e.Store.DeliveryAfter(ctx, t.repository, last)
		switch {
		case err == nil:
			return HookTest{Arrived: true, Delivery: d.Delivery, Took: e.Now().Sub(begun)}, nil
		case !errors.Is(err, store.ErrNotFound):
			return HookTest{}, err
		}
		for _, refused := range e.Refusals(begun) {
			if strings.HasPrefix(refused.Path, Hooks+ForgeGitea) {
				return HookTest{Misread: refused.Status == 401, Took: e.Now().Sub(begun), Advice: fmt.Sprintf(
					"a delivery arrived from %s and was refused: %s", refused.From, refused.Why)}, nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return HookTest{}, context.Cause(ctx)
		case <-wait.Done():
			return HookTest{Took: e.Now().Sub(begun), Advice: e.lost(ctx, t)}, nil
		}
	}
}

func (e *Engine) testTime() time.Duration {
	if e.TestTime > 0 {
		return e.TestTime
	}
	return testTime
}

// lost says why a delivery does not arrive: Gitea itself never tells.
func (e *Engine) lost(ctx context.Context, t target) string {
	w, err := e.wish(ctx, t)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("Gitea took the test, but nothing arrived in %s. By default Gitea sends webhooks to public addresses only and drops all others without a word: "+
		"write ALLOWED_HOST_LIST = external,loopback,private into the section [webhook] of its app.ini and restart it. If that is done, its server must be able to reach %s: "+
		"try `curl %s` there, and set public_url (or gitea.webhook_url for Giteas alone) when the address is another one", e.testTime(), w.URL, strings.TrimSuffix(w.URL, Hooks+ForgeGitea)+"/healthz")
}
