package daemon

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"aictl/api"
	"aictl/ports"
	"aictl/procs"
	"aictl/procs/logs"
	"aictl/recorder"
	"aictl/services"
	"aictl/store"
	"aictl/store/records"
)

// wireAPI builds the API over the other parts.
func (d *Daemon) wireAPI(lines instanceLogs) error {
	token, err := loadOrCreateToken(d.dir.Token())
	if err != nil {
		return err
	}
	d.services.SetHooks(d.cfg.Settings.Hooks.On)
	d.settings = newReloader(d)
	d.api, err = api.New(api.Deps{
		Services:   d.removing(),
		Deploys:    d.deployer,
		History:    d.store,
		Builds:     d.builds,
		EnvUses:    d.store.EnvUses,
		Logs:       logReader{lines, d.services},
		Records:    settled{d.archive, d.recorder},
		Custody:    d.archive,
		Recorder:   d.recorder,
		Replays:    d.replays,
		Verified:   d.verifier.report,
		Reported:   d.reported,
		Ingest:     recorder.NewIntake(d.archive, d.recorder),
		Retention:  func() time.Duration { return time.Duration(d.settings.current().Recorder.Retention) },
		Traffic:    d.gateway.Traffic,
		Limits:     d.gateway.Limits,
		Keys:       d.keys,
		Gateway:    d.gateway,
		Events:     d.services.Events(),
		Config:     d.settings,
		Hooks:      d.services.HookCounts,
		Sinks:      d.sinks,
		Algorithms: d.registry,
		Upkeep:     d.upkeep,
		Forges:     d.forges,
		Info:       &info{d: d, started: time.Now().UTC()},
		Token:      token,
		Webhooks:   d.pushes,
		Pushes:     d.pushes,
		Git:        d.hosting,
		Hosting:    d.hosting,
		Kinds: []api.Kind{
			{Err: errSettings, Status: http.StatusUnprocessableEntity, Code: api.CodeInvalid},
			{Err: ports.ErrExhausted, Status: http.StatusServiceUnavailable, Code: api.CodePortsExhausted},
			{Err: procs.ErrInvalidSpec, Status: http.StatusUnprocessableEntity, Code: api.CodeInvalid},
			{Err: procs.ErrInvalidRequest, Status: http.StatusUnprocessableEntity, Code: api.CodeInvalid},
			{Err: procs.ErrNotRunning, Status: http.StatusConflict, Code: api.CodeConflict, Advice: "start it with `aictl start`"},
			{Err: procs.ErrShuttingDown, Status: http.StatusServiceUnavailable, Code: api.CodeUnavailable},
			{Err: procs.ErrClosed, Status: http.StatusServiceUnavailable, Code: api.CodeUnavailable, Advice: "try again"},
		},
		Logger: d.log,
	})
	return err
}

func (d *Daemon) serveAPI(ctx context.Context) error {
	listeners := []net.Listener{d.apiTLS.listen(d.cfg.Listeners[listenAPI])}
	if socket, ok := d.cfg.Listeners[listenSocket]; ok {
		listeners = append(listeners, socket)
	}
	return d.api.Serve(ctx, listeners...)
}

// loadOrCreateToken reads the bearer token of the API, made on first use.
func loadOrCreateToken(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err == nil {
		if token := strings.TrimSpace(string(data)); token != "" {
			return token, nil
		}
		return "", fmt.Errorf("%s is empty: remove it, and a new token is made", path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the API's token: %w", err)
	}
	token := "aictl_" + rand.Text()
	if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write the API's token: %w", err)
	}
	return token, nil
}

// removing is a services.Manager whose Remove also ends the service's deploys and takes its files.
type removing struct {
	*services.Manager
	dir     Layout
	abandon func(ctx context.Context, service string) error
	rekey   func(ctx context.Context) error
}

// Remove forgets a service with its deploys under way, its releases and its logs. Environments are shared; those that
// nobody uses any more go with the next clean-up.
func (r removing) Remove(ctx context.Context, name string) error {
	if err := r.abandon(ctx, name); err != nil {
		return err
	}
	if err := r.Manager.Remove(ctx, name); err != nil {
		return err
	}
	return errors.Join(
		r.rekey(ctx), // another service of the same name has keys of its own
		os.RemoveAll(filepath.Join(r.dir.Releases(), name)),
		os.RemoveAll(filepath.Join(r.dir.Logs(), name)),
	)
}

// logReader reads the logs of services.
type logReader struct {
	logs     instanceLogs
	services *services.Manager
}

// Read implements api.Logs.
func (r logReader) Read(ctx context.Context, sel api.LogSelection, fn func(api.LogLine) error) error {
	names, err := r.services.Resolve(ctx, sel.Services)
	if err != nil {
		return err
	}
	q := logs.Query{Lines: sel.Lines, Since: sel.Since, Grep: sel.Grep, Follow: sel.Follow, Streams: logs.Both}
	switch sel.Stream {
	case logs.Stdout.String():
		q.Streams = logs.OnlyStdout
	case logs.Stderr.String():
		q.Streams = logs.OnlyStderr
	}
	for _, name := range names {
		found, err := r.logs.sources(name, sel.Instance)
		if err != nil {
			return err
		}
		q.Sources = append(q.Sources, found...)
	}
	if sel.Instance != "" && len(q.Sources) == 0 {
		return fmt.Errorf("instance %s has no log: %w", sel.Instance, store.ErrNotFound)
	}
	return logs.Read(ctx, q, func(e logs.Entry) error {
		service, _, _ := strings.Cut(e.Instance, "/")
		return fn(api.LogLine{
			Time: e.Time, Service: service, Instance: e.Instance, Stream: e.Stream.String(),
			Text: string(bytes.ToValidUTF8(e.Text, []byte("�"))), Truncated: e.Truncated,
		})
	})
}

// settled is the archive as its writer sees it: what has ended before a question is part of the answer.
type settled struct {
	*records.Archive
	recorder *recorder.Recorder
}

// settleTime bounds how long a reader waits for the writer, on a disk that is slow or full for one.
const settleTime = time.Second

func (s settled) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	if err := s.recorder.Flush(ctx); err != nil {
		slog.Debug("records are read while some are being written", "err", err)
	}
}

// List implements api.Records.
func (s settled) List(ctx context.Context, f records.Filter) (records.Page, error) {
	s.settle(ctx)
	return s.Archive.List(ctx, f)
}

// Get implements api.Records.
func (s settled) Get(ctx context.Context, id string) (records.Exchange, error) {
	s.settle(ctx)
	return s.Archive.Get(ctx, id)
}

// Each implements api.Records.
func (s settled) Each(ctx context.Context, f records.Filter, visit func(*records.Exchange) error) ([]string, error) {
	s.settle(ctx)
	return s.Archive.Each(ctx, f, visit)
}

// Stats implements api.Records.
func (s settled) Stats(ctx context.Context, f records.Filter, by records.GroupBy) (records.Stats, error) {
	s.settle(ctx)
	return s.Archive.Stats(ctx, f, by)
}

// SetLabel implements api.Records.
func (s settled) SetLabel(ctx context.Context, ids []string, e records.LabelEdit) (int, error) {
	s.settle(ctx)
	return s.Archive.SetLabel(ctx, ids, e)
}

// SQL implements api.Records.
func (s settled) SQL(ctx context.Context, q records.Query) (records.QueryResult, error) {
	s.settle(ctx)
	return s.Archive.SQL(ctx, q)
}

// info answers what runs here.
type info struct {
	d       *Daemon
	started time.Time
}

// Version implements api.Info.
func (i *info) Version() api.Version {
	return api.Version{
		SchemaVersion: api.SchemaVersion, Version: i.d.cfg.Version, Commit: i.d.cfg.Commit, Go: runtime.Version(),
		PID: os.Getpid(), StartedAt: i.started, DataDir: i.d.dir.Root,
		API:            i.d.apiURL(),
		Gateway:        i.d.gatewayURL(),
		KeeperProtocol: i.d.keeper.Hello().Protocol,
	}
}

// Healthy implements api.Info: the keeper and the database answer.
func (i *info) Healthy(ctx context.Context) error {
	_, keeperErr := i.d.keeper.Version(ctx)
	_, storeErr := i.d.store.Services(ctx, "", 1)
	return errors.Join(keeperErr, storeErr)
}
