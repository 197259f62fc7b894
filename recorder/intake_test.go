package recorder

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"aictl/store/records"
)

// stored answers from what a memory has taken.
type stored struct {
	unlabelled
	*memory
}

func (s stored) Get(_ context.Context, id string) (records.Exchange, error) {
	for _, x := range s.all() {
		if x.ID == id {
			return *x, nil
		}
	}
	return records.Exchange{}, fmt.Errorf("record %s: %w", id, records.ErrNotFound)
}

// unlabelled has no labels.
type unlabelled struct{}

func (unlabelled) Labels(context.Context, string) ([]records.Label, []records.LabelChange, error) {
	return nil, nil, nil
}

func (unlabelled) SetLabel(context.Context, []string, records.LabelEdit) (int, error) { return 0, nil }

// TestIntakeStoresOnce: many who post the same at once, again and again until each has heard that it is stored.
func TestIntakeStoresOnce(t *testing.T) {
	to := &memory{}
	r := start(t, to, Options{})
	in := NewIntake(stored{memory: to}, r)
	const posters, each = 8, 20
	var mine [each]*records.Exchange
	for i := range mine {
		mine[i] = posted("a", fmt.Sprint(i))
	}
	var all sync.WaitGroup
	for range posters {
		all.Go(func() {
			left := map[string]*records.Exchange{}
			for _, x := range mine {
				left[x.ID] = x
			}
			for len(left) > 0 && t.Context().Err() == nil {
				var xs []*records.Exchange
				var ids []string
				for id, x := range left {
					copied := *x
					copied.Request.Header = x.Request.Header.Clone()
					xs, ids = append(xs, &copied), append(ids, id)
				}
				fates, err := in.Post(t.Context(), xs)
				if err != nil {
					t.Error(err)
					return
				}
				for i, fate := range fates {
					switch {
					case fate == nil, errors.Is(fate, records.ErrStored):
						delete(left, ids[i])
					case !errors.Is(fate, records.ErrNoRoom):
						t.Error(fate)
						return
					}
				}
			}
		})
	}
	all.Wait()
	seen := map[string]int{}
	for _, x := range to.all() {
		seen[x.ID]++
	}
	if l := r.Ledger(); len(seen) != each || l.Recorded != each || l.Accepted != each {
		t.Errorf("%d records, ledger %+v", len(seen), l)
	}
	if len(in.coming) != 0 {
		t.Errorf("ids are still reserved: %v", in.coming)
	}
}

// damaged is an archive whose records cannot be read.
type damaged struct {
	unlabelled
	err error
}

func (d damaged) Get(context.Context, string) (records.Exchange, error) {
	return records.Exchange{}, d.err
}

func TestIntakeKnows(t *testing.T) {
	in := NewIntake(damaged{err: fmt.Errorf("block: %w", records.ErrCorrupt)}, nil)
	if known, err := in.Known(t.Context(), "x"); !known || err != nil {
		t.Errorf("a damaged record: %v %v", known, err)
	}
	in = NewIntake(damaged{err: records.ErrClosed}, nil)
	if _, err := in.Post(t.Context(), []*records.Exchange{posted("a", "x")}); !errors.Is(err, records.ErrClosed) || len(in.coming) != 0 {
		t.Errorf("a closed archive: %v", err)
	}
}
