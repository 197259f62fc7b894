// Package reports tells the Giteas what became of commits: a commit status for each service, from an outbox that is retried for a day. No deploy
// waits for it.
package reports

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"aictl/gitea"
	"aictl/store"
)

// How the outbox tries.
const (
	firstPause = 5 * time.Second
	mostPause  = 10 * time.Minute
	giveUp     = 24 * time.Hour // after which nobody looks at a commit's status any more
	refusals   = 5              // tries of what the server understood and refused
	callTime   = 30 * time.Second
	batch      = 100         // reports taken at a time
	idle       = time.Minute // between two looks at the deploys
	lookBack   = 200         // deploys that are looked at
	kept       = 30 * 24 * time.Hour
)

// Deps is what an Outbox works with.
type Deps struct {
	Store *store.Store
	// Forges lists the connected Giteas, the default one first.
	Forges func(ctx context.Context) ([]gitea.Connection, error)
	// Link is the address of a deploy's page; "" for none.
	Link   func(deploy int64) string
	Logger *slog.Logger
	Now    func() time.Time
}

// Outbox reports on deploys. Its methods are safe for concurrent use.
type Outbox struct {
	Deps
	log  *slog.Logger
	wake chan struct{}
	said map[int64]store.Report // what was put into the store by deploy, so that it is not put again with every look; Run's own
}

// New returns an outbox; nothing is sent before Run.
func New(d Deps) *Outbox {
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Link == nil {
		d.Link = func(int64) string { return "" }
	}
	return &Outbox{Deps: d, log: d.Logger, wake: make(chan struct{}, 1), said: map[int64]store.Report{}}
}

// Notice makes the outbox look at the deploys soon. It never waits.
func (o *Outbox) Notice() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Run looks at the deploys and tells of them until ctx ends. What was not told stays in the store. An earlier daemon's last words are found by looking:
// nothing depends on a notice that came.
func (o *Outbox) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := o.round(ctx); err != nil && ctx.Err() == nil {
			o.log.Error("reports to forges not looked at", "err", err)
		}
		pause := time.NewTimer(o.pause(ctx))
		select {
		case <-o.wake:
		case <-pause.C:
		case <-ctx.Done():
		}
		pause.Stop()
	}
	return nil
}

// pause is how long there is nothing to do unless something happens.
func (o *Outbox) pause(ctx context.Context) time.Duration {
	at, ok, err := o.Store.NextReport(ctx)
	if err != nil || !ok {
		return idle
	}
	return min(max(at.Sub(o.Now()), 50*time.Millisecond), idle)
}

func (o *Outbox) round(ctx context.Context) error {
	forges, err := o.Forges(ctx)
	if err != nil {
		return err
	}
	if err := o.collect(ctx, forges); err != nil {
		return err
	}
	if err := o.Store.PruneReports(ctx, o.Now().Add(-kept)); err != nil {
		return err
	}
	due, err := o.Store.DueReports(ctx, o.Now(), batch)
	if err != nil {
		return err
	}
	byForge := map[string][]store.Report{}
	for _, r := range due {
		byForge[r.Address] = append(byForge[r.Address], r)
	}
	var all sync.WaitGroup
	for address, list := range byForge {
		all.Go(func() { o.tell(ctx, forges, address, list) })
	}
	all.Wait() // a server that stalls holds the round up for callTime
	return nil
}

// collect puts what the last deploys have come to into the outbox.
func (o *Outbox) collect(ctx context.Context, forges []gitea.Connection) error {
	if len(forges) == 0 {
		return nil
	}
	rows, err := o.Store.Deploys(ctx, store.DeployFilter{Limit: lookBack})
	if err != nil {
		return err
	}
	oldest := o.Now().Add(-giveUp)
	said := make(map[int64]store.Report, len(rows))
	for _, row := range rows {
		if last := row.FinishedAt; !last.IsZero() && last.Before(oldest) {
			continue // it was told, or it is too late
		}
		report, ok := reportOf(row, forges)
		if !ok {
			continue
		}
		report.TargetURL = o.Link(row.ID)
		if o.said[row.ID] != report {
			if _, err := o.Store.PutReport(ctx, report); err != nil {
				return err
			}
		}
		said[row.ID] = report
	}
	o.said = said
	return nil
}

// tell sends what one Gitea is to be told, and stops when it cannot be reached: the rest waits for its own time.
func (o *Outbox) tell(ctx context.Context, forges []gitea.Connection, address string, list []store.Report) {
	hurry := false
	for _, r := range list {
		err := o.send(ctx, forges, r)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			hurry = hurry || r.Tries > 0
			err = o.Store.ReportDone(ctx, r)
		} else {
			next := nextTry(r, err, o.Now())
			o.log.Warn("commit status not reported", "deploy", r.Deploy, "repository", r.Repository, "context", r.Context, "tries", r.Tries+1, "again_at", next, "err", err)
			unreachable := errors.Is(err, gitea.ErrUnreachable)
			if err = o.Store.ReportFailed(ctx, r, err.Error(), next); err == nil && unreachable {
				return
			}
		}
		if err != nil {
			o.log.Error("outbox not written", "err", err)
			return
		}
	}
	if hurry {
		if err := o.Store.HurryReports(ctx, address); err != nil {
			o.log.Error("outbox not written", "err", err)
		}
	}
}

// errNotConnected is why a report waits for a Gitea that is not connected any more.
var errNotConnected = errors.New("this Gitea is not connected any more; connect it again with `aictl gitea connect`")

func (o *Outbox) send(ctx context.Context, forges []gitea.Connection, r store.Report) error {
	for _, f := range forges {
		if f.Client.URL() != r.Address {
			continue
		}
		if f.Err != nil {
			return f.Err
		}
		ctx, cancel := context.WithTimeout(ctx, callTime)
		defer cancel()
		return f.Client.SetStatus(ctx, r.Repository, r.Commit, gitea.Status{
			State: gitea.State(r.State), Context: r.Context, Description: r.Description, TargetURL: r.TargetURL,
		})
	}
	return errNotConnected
}

// Context is the name under which a service's deploys are reported.
func Context(service string) string { return "aictl/" + service }

// Of describes what a Gitea was told of a deploy; ok is false when there is nothing to tell.
func (o *Outbox) Of(ctx context.Context, deploy int64) (r store.Report, ok bool, err error) {
	r, err = o.Store.ReportOf(ctx, deploy)
	if errors.Is(err, store.ErrNotFound) {
		return r, false, nil
	}
	return r, err == nil, err
}

func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
}
