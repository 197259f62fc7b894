package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
)

// group runs parts in stages. The first part that ends with an error ends all.
type group struct {
	outer  context.Context
	failed chan error
	stages []*stage
}

// stage is a set of parts that stop together.
type stage struct {
	group  *group
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu   sync.Mutex
	errs []error
}

func newGroup(ctx context.Context) *group { return &group{outer: ctx, failed: make(chan error, 1)} }

func (g *group) stage() *stage {
	ctx, cancel := context.WithCancel(context.WithoutCancel(g.outer))
	s := &stage{group: g, ctx: ctx, cancel: cancel}
	g.stages = append(g.stages, s)
	return s
}

// start runs f until the stage is stopped. An error of f stops the whole group.
func (s *stage) start(name string, f func(context.Context) error) {
	s.wg.Go(func() {
		err := f(s.ctx)
		if err == nil || s.ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return
		}
		err = fmt.Errorf("%s: %w", name, err)
		s.mu.Lock()
		s.errs = append(s.errs, err)
		s.mu.Unlock()
		select {
		case s.group.failed <- err:
		default:
		}
	})
}

// wait returns when the outer context has ended or a part has failed; false when leave comes first.
func (g *group) wait(leave <-chan os.Signal) bool {
	select {
	case <-g.outer.Done():
	case <-g.failed:
	case <-leave:
		return false
	}
	return true
}

// stop ends the stage.
func (s *stage) stop() {
	s.cancel()
	s.wg.Wait()
}

// stop ends the stages, the last one first, each before the one below it.
func (g *group) stop() error {
	var errs []error
	for k := len(g.stages) - 1; k >= 0; k-- {
		s := g.stages[k]
		s.stop()
		errs = append(errs, s.errs...)
	}
	return errors.Join(errs...)
}
