package disk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Find is something that nobody needs any more, as its owner offers it. Remove looks again and reports false when it is needed
// meanwhile. Paths are what goes with it; Bytes, when not 0, is its size, else the paths are measured.
type Find struct {
	Kind    string
	Service string // "" when it is of none
	Name    string
	Paths   []string
	Bytes   int64
	Remove  func(ctx context.Context) (bool, error)
}

// Source lists what can go, without removing anything.
type Source func(ctx context.Context) ([]Find, error)

// Item is a Find in a plan, and what became of it.
type Item struct {
	Find
	Removed bool
	Kept    string // why it was not removed, for people; "" in a plan and when it was
}

// Plan is what a run would remove, in the order in which it would. Bytes is what that frees.
type Plan struct {
	Items []Item
	Bytes int64
}

// Pruner plans and removes. Runs take turns.
type Pruner struct {
	root    string
	sources []Source
	turn    sync.Mutex
}

// NewPruner returns a pruner of what lies below root.
func NewPruner(root string, sources ...Source) *Pruner {
	return &Pruner{root: root, sources: sources}
}

// Plan asks all sources what can go.
func (p *Pruner) Plan(ctx context.Context) (Plan, error) {
	plan := Plan{Items: []Item{}}
	for _, source := range p.sources {
		found, err := source(ctx)
		if err != nil {
			return plan, fmt.Errorf("look for what can go: %w", err)
		}
		for _, f := range found {
			item, err := p.item(ctx, f)
			if err != nil {
				return plan, err
			}
			plan.Items = append(plan.Items, item)
			plan.Bytes += item.Bytes
		}
	}
	return plan, nil
}

func (p *Pruner) item(ctx context.Context, f Find) (Item, error) {
	if f.Bytes == 0 {
		size, err := Measure(ctx, f.Paths...)
		if err != nil {
			return Item{}, err
		}
		f.Bytes = size.Freed()
	}
	return Item{Find: f}, nil
}

// Run plans, and removes what the plan says. What is needed again meanwhile, or cannot be removed, stays and says why; Bytes of the result are
// those that were freed.
func (p *Pruner) Run(ctx context.Context) (Plan, error) {
	p.turn.Lock()
	defer p.turn.Unlock()
	plan, err := p.Plan(ctx)
	if err != nil {
		return plan, err
	}
	plan.Bytes = 0
	for i := range plan.Items {
		item := &plan.Items[i]
		if err := ctx.Err(); err != nil {
			return plan, context.Cause(ctx)
		}
		removed, err := p.remove(ctx, item.Find)
		switch {
		case err != nil:
			item.Kept = err.Error()
		case !removed:
			item.Kept = "it is in use again"
		default:
			item.Removed = true
			plan.Bytes += item.Bytes
		}
	}
	return plan, nil
}

// remove has a find removed, if all of it lies below the root by its true name.
func (p *Pruner) remove(ctx context.Context, f Find) (bool, error) {
	for _, path := range f.Paths {
		if err := within(p.root, path); err != nil {
			return false, err
		}
	}
	return f.Remove(ctx)
}

var errOutside = errors.New("it lies outside the data directory, or a link leads there")

// within checks that the folder of a path is below root when all links are followed.
func within(root, path string) error {
	top, err := filepath.EvalSymlinks(root)
	if err != nil {
		return err
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // gone already
	}
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(top, dir)
	if err != nil || rel == "." && filepath.Clean(path) == filepath.Clean(root) || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return fmt.Errorf("%s: %w", path, errOutside)
	}
	return nil
}

// Total is what there is of one kind.
type Total struct {
	Kind  string
	Count int
	Bytes int64
}

// Totals adds a plan up by kind.
func (p Plan) Totals() []Total {
	by := map[string]*Total{}
	for _, item := range p.Items {
		t := by[item.Kind]
		if t == nil {
			t = &Total{Kind: item.Kind}
			by[item.Kind] = t
		}
		t.Count++
		t.Bytes += item.Bytes
	}
	out := make([]Total, 0, len(by))
	for _, t := range by {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b Total) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Kind, b.Kind)) })
	return out
}
