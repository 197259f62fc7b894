package daemon

import (
	"context"
	"fmt"
	"time"

	"aictl/configs"
	"aictl/store/records"
)

// sweepEvery is how often days are sealed and old day files are looked for.
const sweepEvery = time.Hour

// retain seals the days that are over, and removes records that are older than the retention or take too much space: now, every
// hour, and when the settings give other limits.
func (d *Daemon) retain(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		limits := d.settings.current().Recorder
		d.seal(ctx)
		d.sweep(ctx, time.Duration(limits.Retention), int64(limits.MaxBytes))
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-d.sweepNow:
		}
	}
}

func (d *Daemon) seal(ctx context.Context) {
	seals, err := d.archive.Seal(ctx, time.Now(), false)
	for _, s := range seals {
		d.log.Info("records sealed", "day", s.Day, "records", s.Count, "head", fmt.Sprintf("%x", s.Head))
	}
	if err != nil && ctx.Err() == nil {
		d.log.Error("seal records", "err", err)
	}
}

// sweep removes the records of days older than keep, or than their service's own retention says, then the oldest days until all together
// take no more than most bytes; 0 keeps all.
func (d *Daemon) sweep(ctx context.Context, keep time.Duration, most int64) {
	own, err := d.retentions(ctx)
	if err != nil { // a service that keeps its records longer must not lose them for that
		d.tellSwept(ctx, "age", records.Swept{}, err)
		return
	}
	swept, err := d.archive.Retain(ctx, time.Now(), keep, own)
	d.tellSwept(ctx, "retention", swept, err)
	if most > 0 {
		swept, err := d.archive.SweepBytes(ctx, most)
		d.tellSwept(ctx, "size", swept, err)
	}
}

// retentions are what the manifests of the live releases say.
func (d *Daemon) retentions(ctx context.Context) (map[string]records.Retention, error) {
	live, err := d.store.LiveReleases(ctx)
	if err != nil {
		return nil, err
	}
	own := map[string]records.Retention{}
	for service, rel := range live {
		m, err := rel.ReadManifest()
		if err != nil {
			return nil, err
		}
		if r := m.Record.Retention; r != (configs.RecordRetention{}) {
			own[service] = records.Retention{Age: time.Duration(r.Age), Bytes: int64(r.Bytes), Rows: r.Rows}
		}
	}
	return own, nil
}

func (d *Daemon) tellSwept(ctx context.Context, limit string, swept records.Swept, err error) {
	switch {
	case err != nil && ctx.Err() == nil:
		d.log.Error("remove old records", "limit", limit, "err", err)
	case len(swept.Days) > 0 || swept.Records > 0:
		d.log.Info("removed old records", "limit", limit, "days", swept.Days, "records", swept.Records, "bytes", swept.Bytes)
	}
}
