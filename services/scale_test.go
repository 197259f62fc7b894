package services

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"aictl/procs"
	"aictl/store"
)

// countingKeeper counts calls about specs.
type countingKeeper struct {
	Keeper
	applies atomic.Int64
}

func (k *countingKeeper) ApplyAll(ctx context.Context, specs []procs.Spec, opt procs.ApplyOptions) ([]procs.Result, error) {
	k.applies.Add(1)
	return k.Keeper.ApplyAll(ctx, specs, opt)
}

// fleet is a manager that has not booted, with n deployed services that are stopped.
func fleet(t *testing.T, n int) (*rig, *countingKeeper) {
	t.Helper()
	r, ctx := newRig(t), t.Context()
	for k := range n {
		name := fmt.Sprintf("svc-%03d", k)
		rel := r.release(t, name, nil)
		if _, err := r.Store.AddInstances(ctx, name, rel.ID, 1, true); err != nil {
			t.Fatal(err)
		}
		if err := r.Store.SetRelease(ctx, name, rel.ID, ""); err != nil {
			t.Fatal(err)
		}
		if err := r.Store.SetWanted(ctx, name, store.WantedStopped); err != nil {
			t.Fatal(err)
		}
	}
	keeper := &countingKeeper{Keeper: r.Manager.Keeper}
	r.Manager.Keeper = keeper
	return r, keeper
}

// TestQueriesDoNotGrow: what boot, status and a look at the start order ask of the database is the same with few and with
// many services, and boot calls the keeper once for each batch.
func TestQueriesDoNotGrow(t *testing.T) {
	type costs struct{ boot, status, order, applies int64 }
	measure := func(n int) (c costs) {
		r, keeper := fleet(t, n)
		ctx := t.Context()
		asked := func(do func() error) int64 {
			before := r.Store.Asked()
			if err := do(); err != nil {
				t.Fatal(err)
			}
			return r.Store.Asked() - before
		}
		c.boot = asked(func() error { return r.Boot(ctx) })
		c.applies = keeper.applies.Load()
		c.status = asked(func() error {
			views, err := r.Status(ctx, nil)
			if len(views) != n || views[n-1].Commit == "" {
				t.Errorf("status of %d services shows %d", n, len(views))
			}
			return err
		})
		c.order = asked(func() error {
			_, err := r.CheckOrder(ctx, "another", []string{"svc-000"})
			return err
		})
		return c
	}
	few, many := measure(bootBatch), measure(3*bootBatch)
	if few.applies != 1 || many.applies != 3 {
		t.Errorf("boot called the keeper %d and %d times, want 1 and 3", few.applies, many.applies)
	}
	few.applies, many.applies = 0, 0
	if few != many {
		t.Errorf("queries with %d services: %+v, with %d: %+v", bootBatch, few, 3*bootBatch, many)
	}
}
