package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"aictl/configs"
	"aictl/deploy/envs"
	"aictl/store"
)

// runner carries out one deploy. It belongs to one goroutine.
type runner struct {
	*Deployer
	dep  store.Deploy
	want wishes
	out  *deployLog

	step     store.Step // the one under way
	repo     Repository
	commit   string
	manifest configs.Manifest
	release  store.Release
	env      envs.Result
	ids      []string         // candidates
	started  []store.Instance // candidates with their ports
	old      []string         // instances that were live before the switch
	undo     []func(context.Context) error
	plan     facts // what the steps were planned from
	slot     bool
	partly   bool   // candidates get requests already
	shown    string // of a canary, last
	why      string // it failed
	live     bool   // the switch happened
	pinned   string // key of an environment
	placed   string // folder of the release, which clean-up must leave alone
}

func newRunner(d *Deployer, row store.Deploy, w wishes) *runner {
	return &runner{Deployer: d, dep: row, want: w}
}

// run takes the steps and returns how the deploy ended.
func (r *runner) run(ctx context.Context) (state store.DeployState, failedStep, reason string) {
	out, err := openLog(r.Dirs.Logs, r.dep.ID, r.hub, r.Now)
	if err != nil {
		return store.DeployFailed, "", err.Error()
	}
	r.out = out
	r.out.hide(secretsOf(r.want.Env)...)
	defer func() {
		if err := out.close(); err != nil {
			r.log.Warn("deploy log not closed", "deploy", r.dep.ID, "err", err)
		}
	}()
	r.hub.publish(Event{Deploy: r.dep.ID, State: string(store.DeployRunning), At: r.Now()})
	err = r.steps(ctx)
	r.freeSlot()
	r.Envs.Unpin(r.pinned)
	if r.live {
		if err != nil { // after the switch nothing can fail any more
			r.warn(ctx, "after the switch: "+err.Error())
		}
		return store.DeployLive, "", ""
	}
	return r.failed(ctx, err)
}

// secretsOf are the values of the variables that by their names hold secrets.
func secretsOf(env map[string]string) []string {
	var out []string
	for k, v := range env {
		k = strings.ToUpper(k)
		for _, s := range []string{"TOKEN", "SECRET", "PASSW", "KEY", "CREDENTIAL"} {
			if strings.Contains(k, s) {
				out = append(out, v)
				break
			}
		}
	}
	return out
}

// failed takes everything back and says how the deploy ended.
func (r *runner) failed(ctx context.Context, err error) (store.DeployState, string, string) {
	back, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.limits().Drain+r.healthLimit())
	defer cancel()
	if r.goesOn(ctx) { // the next daemon takes it up where it is
		return store.DeployInterrupted, r.step.Name, errStopping.Error()
	}
	r.why = r.out.mask(firstLine(err.Error()))
	if uerr := r.takeBack(back); uerr != nil { // first what gets requests, then the rest
		r.undone(uerr)
	}
	for _, f := range slices.Backward(r.undo) {
		if uerr := f(back); uerr != nil {
			r.undone(uerr)
		}
	}
	reason := r.out.mask(err.Error())
	state := store.DeployFailed
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, ErrCancelled):
		state, reason = store.DeployCancelled, ErrCancelled.Error()
	case ctx.Err() != nil:
		state, reason = store.DeployInterrupted, errStopping.Error()
	}
	return state, r.step.Name, reason
}

// undone tells that something could not be taken back.
func (r *runner) undone(err error) {
	r.log.Error("deploy not taken back", "deploy", r.dep.ID, "err", err)
	r.out.line(r.step.Name, "while taking back: "+err.Error())
}

// goesOn reports whether a deploy that the daemon's end interrupts is left as it is: a part of it serves.
func (r *runner) goesOn(ctx context.Context) bool {
	return r.partly && ctx.Err() != nil && !errors.Is(context.Cause(ctx), ErrCancelled) && r.dep.Trigger != TriggerRestart
}

// steps takes one step after the other. What comes after the manifest is planned when it is read.
func (r *runner) steps(ctx context.Context) error {
	f := facts{Kind: r.dep.Kind}
	if f.Kind == KindRollback || r.want.Resume {
		if err := r.loadRelease(ctx); err != nil {
			return r.refuse(ctx, StepStart, err)
		}
		f = r.facts(ctx)
	}
	todo := plan(f)
	for i := 0; i < len(todo); i++ {
		if err := r.take(ctx, todo[i]); err != nil {
			return err
		}
		if todo[i].Name == StepManifest {
			todo = plan(r.facts(ctx))
		}
	}
	return nil
}

// facts are what is known once the manifest is.
func (r *runner) facts(ctx context.Context) facts {
	f := facts{Kind: r.dep.Kind, Strategy: r.manifest.Strategy, Hook: r.manifest.Hooks.Release != "", Canary: r.want.Canary != nil, Verify: r.verification().Replay > 0}
	if r.manifest.Job() {
		f.Job, f.Runs = r.manifest.Kind, r.runs()
	}
	f.Resumed = r.want.Resume
	if svc, err := r.Store.Service(ctx, r.dep.Service); err == nil {
		f.Live, f.Replicas = svc.Release != "", r.replicas(svc)
		f.Serves = f.Live && svc.Wanted == store.WantedRunning
	}
	r.plan = f
	return f
}

// action is what a step does and how long it may take; a zero limit is none.
type action struct {
	do    func(ctx context.Context) (detail string, err error)
	limit time.Duration
}

func (r *runner) action(name string) action {
	switch name {
	case StepFetch:
		return action{r.fetch, r.limits().Fetch}
	case StepCheckout:
		return action{r.checkout, r.limits().Checkout}
	case StepManifest:
		return action{r.readManifest, 0} // it may wait for another deploy
	case StepEnvironment:
		return action{r.environment, r.limits().Environment}
	case StepHook:
		return action{r.hook, r.limits().Hook}
	case StepStart:
		return action{r.start, r.limits().Start}
	case StepHealth:
		return action{r.health, r.healthLimit()}
	case StepInterface:
		return action{r.checkInterface, r.limits().Start}
	case StepVerify:
		return action{r.verify, r.limits().Verify}
	case StepCanary:
		if r.plan.tries() {
			return action{r.trial, 0} // its steps have limits of their own
		}
		return action{r.becomeCanary, r.limits().Switch}
	case StepRolling:
		return action{r.roll, r.rollLimit()}
	case StepSwitch:
		return action{r.switchOver, r.limits().Switch}
	}
	return action{r.drain, r.limits().Drain}
}

// take carries out one step and keeps its row.
func (r *runner) take(ctx context.Context, p planned) error {
	if err := context.Cause(ctx); err != nil && !r.live {
		return err
	}
	keep := context.WithoutCancel(ctx)
	step, err := r.Store.StartStep(keep, r.dep.ID, p.Name)
	if err != nil {
		return err
	}
	r.step = step
	if p.Skip != "" {
		return r.endStep(keep, store.StepSkipped, p.Skip)
	}
	r.tell(store.StepRunning, "")
	if p.Name == StepFetch { // waiting for it takes none of the step's time
		err = r.takeSlot(ctx)
	}
	detail := ""
	if err == nil {
		detail, err = r.do(ctx, r.action(p.Name))
	}
	if err != nil {
		r.out.line(p.Name, "failed: "+err.Error())
		return errors.Join(err, r.endStep(keep, store.StepFailed, firstLine(err.Error())))
	}
	return r.endStep(keep, store.StepDone, detail)
}

// do carries out an action within its time.
func (r *runner) do(ctx context.Context, a action) (string, error) {
	if a.limit <= 0 {
		return a.do(ctx)
	}
	late := fmt.Errorf("it took longer than %s", a.limit)
	sctx, cancel := context.WithTimeoutCause(ctx, a.limit, late)
	defer cancel()
	detail, err := a.do(sctx)
	if err != nil && sctx.Err() != nil && ctx.Err() == nil && !errors.Is(err, late) {
		err = fmt.Errorf("%w: %w", late, err)
	}
	return detail, err
}

// refuse ends a step that could not even begin.
func (r *runner) refuse(ctx context.Context, name string, why error) error {
	keep := context.WithoutCancel(ctx)
	step, err := r.Store.StartStep(keep, r.dep.ID, name)
	if err != nil {
		return errors.Join(why, err)
	}
	r.step = step
	r.out.line(name, "failed: "+why.Error())
	return errors.Join(why, r.endStep(keep, store.StepFailed, firstLine(why.Error())))
}

func (r *runner) endStep(ctx context.Context, state store.StepState, detail string) error {
	detail = r.out.mask(detail)
	if err := r.Store.FinishStep(ctx, r.dep.ID, r.step.Seq, state, detail); err != nil {
		return err
	}
	r.tell(state, detail)
	return nil
}

// tell publishes the state of the step under way.
func (r *runner) tell(state store.StepState, detail string) {
	r.hub.publish(Event{Deploy: r.dep.ID, Step: r.step.Name, Seq: r.step.Seq, State: string(state), Detail: detail, At: r.Now()})
}

// progress shows where the step under way is.
func (r *runner) progress(ctx context.Context) func(string) {
	return func(s string) {
		s = r.out.mask(s)
		if err := r.Store.SetStepDetail(context.WithoutCancel(ctx), r.dep.ID, r.step.Seq, s); err != nil {
			r.log.Warn("progress not stored", "deploy", r.dep.ID, "err", err)
		}
		r.tell(store.StepRunning, s)
	}
}

// warn adds a warning to the deploy.
func (r *runner) warn(ctx context.Context, text string) {
	text = r.out.mask(text)
	r.out.line(r.step.Name, "warning: "+text)
	if err := r.Store.AddDeployWarnings(context.WithoutCancel(ctx), r.dep.ID, text); err != nil {
		r.log.Warn("warning not stored", "deploy", r.dep.ID, "warning", text, "err", err)
	}
}

// onFailure remembers how to take something back.
func (r *runner) onFailure(f func(context.Context) error) { r.undo = append(r.undo, f) }

// takeSlot waits for one of the build slots, unless it has one.
func (r *runner) takeSlot(ctx context.Context) error {
	if r.slot {
		return nil
	}
	if err := r.build.take(ctx, func() { r.progress(ctx)("waits for another build") }); err != nil {
		return err
	}
	r.slot = true
	return nil
}

func (r *runner) freeSlot() {
	if r.slot {
		r.build.put()
		r.slot = false
	}
}

// buildLine takes a line of the output of this deploy's build.
func (r *runner) buildLine(line string) { r.out.line(r.step.Name, line) }

// buildMark names this deploy's processes.
func (r *runner) buildMark() string { return fmt.Sprintf("%s#%d", r.mark(), r.dep.ID) }

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
