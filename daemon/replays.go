package daemon

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"aictl/replay"
	"aictl/services"
	"aictl/store"
)

// newReplays builds the engine of replays and comparisons.
func (d *Daemon) newReplays() *replay.Engine {
	return replay.New(replay.Deps{
		Records: settled{d.archive, d.recorder}, Dir: d.dir.Run(), Prefix: "/ai/", Logger: d.log,
		Fleet: fleet{d.services, d.store, map[string]net.Addr{
			"the API": d.cfg.Listeners[listenAPI].Addr(), "the gateway": d.cfg.Listeners[listenGateway].Addr(),
		}},
	})
}

// fleet is the services as replays see them.
type fleet struct {
	*services.Manager
	store *store.Store
	own   map[string]net.Addr // listeners of the daemon
}

// Find implements replay.Fleet.
func (f fleet) Find(ctx context.Context, service, release string) (id string, live []string, err error) {
	svc, err := f.store.Service(ctx, service)
	if err != nil {
		return "", nil, fmt.Errorf("service %s: %w", service, err)
	}
	if id = svc.Release; release != "" {
		rel, err := f.FindRelease(ctx, service, release)
		if err != nil {
			return "", nil, err
		}
		id = rel.ID
	}
	if id == "" {
		return "", nil, fmt.Errorf("service %s: %w", service, services.ErrNoRelease)
	}
	rows, err := f.store.Instances(ctx, service, id)
	if err != nil {
		return "", nil, err
	}
	for _, row := range rows {
		if row.Port > 0 && serves(svc, row) {
			live = append(live, net.JoinHostPort("127.0.0.1", strconv.Itoa(row.Port)))
		}
	}
	return id, live, nil
}

// serves reports whether an instance gets requests of callers.
func serves(svc store.Service, row store.Instance) bool {
	return row.Live && svc.Wanted == store.WantedRunning || row.Purpose == store.PurposeCanary
}

// Candidate implements replay.Fleet.
func (f fleet) Candidate(ctx context.Context, service, release string, progress func(string)) (string, func(context.Context) error, error) {
	c, err := f.Manager.Candidate(ctx, service, release, 1, progress)
	if err != nil {
		return "", nil, err
	}
	return c.Targets()[0].Addr, c.Stop, nil
}

// Serving implements replay.Fleet.
func (f fleet) Serving(ctx context.Context) (map[int]string, error) {
	out := map[int]string{}
	for name, addr := range f.own {
		if tcp, ok := addr.(*net.TCPAddr); ok {
			out[tcp.Port] = name
		}
	}
	all, err := f.store.Services(ctx, "", 0)
	if err != nil {
		return nil, err
	}
	for _, svc := range all {
		rows, err := f.store.Instances(ctx, svc.Name, "")
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if row.Port > 0 && serves(svc, row) {
				out[row.Port] = "the instance " + row.ID
			}
		}
	}
	return out, nil
}
