package autodeploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"aictl/configs"
	"aictl/gitea"
	"aictl/internal/giteatest"
	"aictl/store"
)

// TestASlowRepositoryKeepsNobodyWaiting stalls one whose files are to be compared.
func TestASlowRepositoryKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	slow, first := r.repo("slow")
	r.service("slow", giteaSource("slow"), first, configs.DeploySection{Auto: true, Ignore: []string{"docs"}})
	quick, start := r.repo("quick")
	r.service("quick", giteaSource("quick"), start, auto())
	r.work()
	release := r.git.Stall("/slow.git/")
	defer release()
	a := slow.Push(t, giteatest.Change{Files: map[string]string{"main.py": "2"}})
	r.git.WaitDeliveries(t, 1)
	b := quick.Push(t, giteatest.Change{Files: map[string]string{"main.py": "2"}})
	c := quick.Push(t, giteatest.Change{Files: map[string]string{"main.py": "3"}})
	r.until("the quick one is deployed", func() bool { return len(r.commits("quick")) == 2 })
	r.want("quick", b, c)
	r.want("slow")
	release()
	r.settled(3)
	r.want("slow", a)
}

// TestAHostThatIsDown is not asked for each of its repositories.
func TestAHostThatIsDown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const many = 30
	for i := range many {
		name := fmt.Sprintf("s%d", i)
		r.service(name, giteaSource(name), shaA, auto())
	}
	var asked atomic.Int64
	r.engine.Open = func(context.Context, store.Source) (Repository, error) {
		asked.Add(1)
		return nil, fmt.Errorf("open: %w", gitea.ErrUnreachable)
	}
	r.reconcile()
	if n := asked.Load(); n > perHost {
		t.Errorf("a host that is down was asked %d times for %d repositories", n, many)
	}
	if list := r.engine.Troubles(); len(list) != many {
		t.Errorf("%d repositories are in trouble, want %d", len(list), many)
	}
}

// TestOneServiceKeepsNoOtherWaiting: what cannot be queued for one is queued for the next of the same repository.
func TestOneServiceKeepsNoOtherWaiting(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	repo := r.git.Repo(t, "team", "ocr")
	first := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "1"}})
	for _, name := range []string{"a", "b", "c"} {
		r.service(name, giteaSource("ocr"), first, auto())
	}
	submit := r.engine.Submit
	r.engine.Submit = func(ctx context.Context, o Order) (store.Deploy, error) {
		if o.Service == "b" {
			return store.Deploy{}, errors.New("the disk is short")
		}
		return submit(ctx, o)
	}
	second := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "2"}})
	r.reconcile()
	r.want("a", second)
	r.want("c", second)
	if list := r.engine.Troubles(); len(list) != 1 || !strings.Contains(list[0].Error, "b: the disk is short") {
		t.Errorf("%+v", list)
	}
	r.engine.Submit = submit
	r.engine.troubles.ended(r.engine.Troubles()[0].Repository)
	r.reconcile()
	r.want("a", second)
	r.want("b", second)
}
