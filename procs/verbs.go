package procs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// waiting is the second half of a request: it returns the answer.
type waiting func(context.Context) (any, error)

// dispatch begins a request. What it does to instances is in their inboxes when it returns.
func (c *session) dispatch(f frame) (waiting, error) {
	if need := since[f.Verb]; need > c.version {
		return nil, fmt.Errorf("%w: verb %q needs version %d of the protocol, agreed is %d", ErrInvalidRequest, f.Verb, need, c.version)
	}
	switch f.Verb {
	case verbApply:
		return decode(f, c.keeper.beginApply)
	case verbStart, verbStop, verbRestart, verbRemove:
		return decode(f, func(req idsRequest) (waiting, error) { return c.keeper.beginMany(f.Verb, req) })
	case verbSignal:
		return decode(f, c.keeper.beginSignal)
	case verbVerdict:
		return decode(f, c.keeper.beginVerdict)
	case verbList:
		return decode(f, c.keeper.beginList)
	case verbWatch:
		return decode(f, func(req watchRequest) (waiting, error) { return c.beginWatch(f.ID, req) })
	case verbVersion:
		return answered(c.keeper.hello(maxProtocol)), nil
	case verbReady:
		return noAnswer, c.daemonReady()
	case verbReleased:
		return noAnswer, c.daemonReleased()
	case verbStandby:
		return c.daemonStandby()
	case verbUpgrade:
		return decode(f, c.keeper.beginUpgrade)
	case verbUpgradeStatus:
		return answered(c.keeper.news.get()), nil
	case verbShutdown:
		c.keeper.stop()
		return noAnswer, nil
	}
	return nil, fmt.Errorf("%w: verb %q is unknown to this keeper", ErrInvalidRequest, f.Verb)
}

func noAnswer(context.Context) (any, error) { return nil, nil }

func decode[T any](f frame, begin func(T) (waiting, error)) (waiting, error) {
	var body T
	if err := json.Unmarshal(f.Body, &body); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrInvalidRequest, f.Verb, err)
	}
	return begin(body)
}

func answered(answer any) waiting {
	return func(context.Context) (any, error) { return answer, nil }
}

// many collects the answers of many instances, which work at the same time.
type many struct {
	results []result
	tickets []ticket
	at      []int // tickets[n] answers results[at[n]]
}

func (m *many) add(id string, t ticket, err error) {
	r := result{ID: id}
	if err != nil {
		r.Error = remote(err)
	} else {
		m.tickets, m.at = append(m.tickets, t), append(m.at, len(m.results))
	}
	m.results = append(m.results, r)
}

func (m *many) wait(ctx context.Context) (any, error) {
	for n, t := range m.tickets {
		r := &m.results[m.at[n]]
		status, err := t.wait(ctx)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			r.Error = remote(err)
			continue
		}
		r.Status = &status
	}
	return m.results, nil
}

func (k *Keeper) beginApply(req applyRequest) (waiting, error) {
	var m many
	for n := range req.Specs {
		t, err := k.apply(&req.Specs[n], req.Options)
		m.add(req.Specs[n].ID, t, err)
	}
	return m.wait, nil
}

func (k *Keeper) beginMany(verb string, req idsRequest) (waiting, error) {
	ev, until := wish(verb, req)
	var m many
	for _, id := range req.IDs {
		t, err := k.ask(id, ev, until)
		if verb == verbRemove && errors.Is(err, ErrUnknownInstance) {
			k.sweepUnknown(id)
		}
		m.add(id, t, err)
	}
	return m.wait, nil
}

// wish is the event of a verb and when it counts as done.
func wish(verb string, req idsRequest) (Event, func(*instance) bool) {
	var until func(*instance) bool
	if req.Wait {
		until = notStopping
	}
	switch verb {
	case verbStart:
		return Start{}, until
	case verbStop:
		return Stop{}, until
	case verbRestart:
		return Restart{Reason: req.Reason, Unhealthy: req.Unhealthy}, until
	default:
		return Remove{}, onlyWhenGone
	}
}

func (k *Keeper) beginSignal(req signalRequest) (waiting, error) {
	sig, err := ParseSignal(req.Signal)
	if err != nil {
		return nil, err
	}
	i, err := k.find(req.ID)
	if err != nil {
		return nil, err
	}
	answer := make(chan reply, 1)
	i.post(message{query: func() { answer <- reply{err: i.userSignal(sig, req.Group)} }})
	t := ticket{id: i.id, reply: answer, done: i.done}
	return func(ctx context.Context) (any, error) {
		_, err := t.wait(ctx)
		return nil, err
	}, nil
}

func (k *Keeper) beginVerdict(v Verdict) (waiting, error) {
	i, err := k.find(v.ID)
	if err != nil {
		return nil, err
	}
	t := i.ask(message{event: v.event(), about: &v})
	return func(ctx context.Context) (any, error) {
		_, err := t.wait(ctx)
		return nil, err
	}, nil
}

func (k *Keeper) beginList(req listRequest) (waiting, error) {
	seq := k.host.feed.last()
	list := k.statuses()
	list = slices.DeleteFunc(list, func(s Status) bool { return s.ID <= req.After })
	more := len(list) > pageSize
	return answered(listAnswer{Statuses: list[:min(len(list), pageSize)], More: more, Seq: seq}), nil
}

// beginWatch answers at once; events follow under the same id until the connection ends.
func (c *session) beginWatch(id uint64, req watchRequest) (waiting, error) {
	return func(context.Context) (any, error) {
		c.pending.Go(func() { c.watch(id, req.From) })
		if c.version < since[verbReady] { // a daemon that cannot say so; by its watch it is at work
			return nil, c.daemonReady()
		}
		return nil, nil
	}, nil
}

// watch sends changes as fast as the peer takes them. One that falls behind the feed gets everything anew: the
// keeper holds nothing back for it.
func (c *session) watch(id, from uint64) {
	wake, stop := c.keeper.host.feed.follow()
	defer stop()
	sent, fresh := from, from == 0
	for c.ctx.Err() == nil {
		changes, ok := c.keeper.host.feed.since(sent)
		if !ok || fresh {
			fresh = false
			sent = c.resync(id)
			continue
		}
		for _, status := range changes {
			c.event(id, eventStatus, status)
			sent = status.Seq
		}
		select {
		case <-wake:
		case <-c.ctx.Done():
		}
	}
}

func (c *session) resync(id uint64) (seq uint64) {
	seq = c.keeper.host.feed.last()
	c.event(id, eventResync, nil)
	for _, status := range c.keeper.statuses() {
		c.event(id, eventStatus, status)
	}
	c.event(id, eventSynced, nil)
	return seq
}

func (c *session) event(id uint64, name string, body any) {
	if c.ctx.Err() != nil {
		return
	}
	data, err := json.Marshal(body)
	if err == nil {
		err = c.out.send(frame{ID: id, Event: name, Body: data}, 0)
	}
	if err != nil {
		c.keeper.host.log.Debug("tell watcher", "err", err)
		c.cancel()
		c.server.interrupt(c.conn)
	}
}
