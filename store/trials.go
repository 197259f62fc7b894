package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"aictl/store/internal/sqlite"
)

// Purpose says what an instance that is not live is for.
type Purpose string

// The purposes. An instance of a deploy and a live one have none.
const (
	PurposeNone      Purpose = ""
	PurposeCandidate Purpose = "candidate" // ends with the daemon
	PurposeCanary    Purpose = "canary"
	PurposeShadow    Purpose = "shadow"
	PurposeRolling   Purpose = "rolling" // takes part in the requests beside the live ones, while a deploy replaces them one by one
)

// Canary sends a part of a service's requests to another release than the live one.
type Canary struct {
	Service     string
	Release     string
	Weight      float64 // percent of the requests
	HeaderName  string  // "" when no header decides
	HeaderValue string
	Actor       string
	StartedAt   time.Time
}

// Shadow sends copies of a service's requests to another release of it, or with Release "" to another service.
type Shadow struct {
	Service   string
	Target    string // the service that gets the copies; Service itself when Release is set
	Release   string
	Percent   float64 // of the requests
	Actor     string
	StartedAt time.Time
}

const (
	canaryColumns = `service, release, weight, header_name, header_value, actor, started_at`
	shadowColumns = `service, target, release, percent, actor, started_at`
)

const (
	putCanary = `INSERT INTO canaries (` + canaryColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (service) DO UPDATE SET release = excluded.release, weight = excluded.weight, header_name = excluded.header_name,
  header_value = excluded.header_value, actor = excluded.actor, started_at = excluded.started_at`
	putShadow = `INSERT INTO shadows (` + shadowColumns + `) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (service) DO UPDATE SET target = excluded.target, release = excluded.release, percent = excluded.percent,
  actor = excluded.actor, started_at = excluded.started_at`
	listCanaries   = `SELECT ` + canaryColumns + ` FROM canaries ORDER BY service`
	listShadows    = `SELECT ` + shadowColumns + ` FROM shadows ORDER BY service`
	deleteCanary   = `DELETE FROM canaries WHERE service = ?`
	deleteShadow   = `DELETE FROM shadows WHERE service = ?`
	endOwnShadow   = `DELETE FROM shadows WHERE service = ? AND target = service AND release = ?`
	setPurpose     = `UPDATE instances SET purpose = ? WHERE service = ? AND slot = ?`
	clearPurpose   = `UPDATE instances SET purpose = '' WHERE service = ? AND purpose = ?`
	clearForSwitch = `UPDATE instances SET purpose = '' WHERE service = ?1 AND (purpose IN ('canary', 'rolling') OR purpose = 'shadow' AND release = ?2)`
	setSlotLive    = `UPDATE instances SET live = 1 WHERE service = ? AND slot = ?`
)

// SetCanary stores a service's canary in place of the one it had, with the slots that serve it. A release that is not
// stored is ErrNotFound.
func (s *Store) SetCanary(ctx context.Context, c Canary, slots ...int) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, putCanary, c.Service, c.Release, c.Weight, c.HeaderName, c.HeaderValue, c.Actor, micros(c.StartedAt))
		if err := foreign(err); err != nil {
			return err
		}
		return assign(ctx, tx, c.Service, PurposeCanary, slots)
	})
	return wrap(err, "set canary of %s", c.Service)
}

// SetShadow stores a service's shadow in place of the one it had, with the slots that serve it.
func (s *Store) SetShadow(ctx context.Context, v Shadow, slots ...int) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, putShadow, v.Service, v.Target, v.Release, v.Percent, v.Actor, micros(v.StartedAt))
		if err := foreign(err); err != nil {
			return err
		}
		return assign(ctx, tx, v.Service, PurposeShadow, slots)
	})
	return wrap(err, "set shadow of %s", v.Service)
}

// SetPurpose says what slots of a service that are not live are for.
func (s *Store) SetPurpose(ctx context.Context, service string, p Purpose, slots ...int) error {
	err := s.write(ctx, func(tx *sql.Tx) error { return assign(ctx, tx, service, p, slots) })
	return wrap(err, "set what instances of %s are for", service)
}

func foreign(err error) error {
	if err = sqlite.Explain(err); errors.Is(err, sqlite.ErrForeign) {
		return fmt.Errorf("no such service or release: %w", ErrNotFound)
	}
	return err
}

func assign(ctx context.Context, tx *sql.Tx, service string, p Purpose, slots []int) error {
	for _, slot := range slots {
		if err := changed(tx.ExecContext(ctx, setPurpose, p, service, slot)); err != nil {
			return fmt.Errorf("%s/%d: %w", service, slot, err)
		}
	}
	return nil
}

// EndCanary forgets a service's canary. The instances that served it have no purpose any more.
func (s *Store) EndCanary(ctx context.Context, service string) error {
	return wrap(s.endTrial(ctx, service, deleteCanary, PurposeCanary), "end canary of %s", service)
}

// EndShadow forgets a service's shadow. The instances that served it have no purpose any more.
func (s *Store) EndShadow(ctx context.Context, service string) error {
	return wrap(s.endTrial(ctx, service, deleteShadow, PurposeShadow), "end shadow of %s", service)
}

func (s *Store) endTrial(ctx context.Context, service, remove string, p Purpose) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if err := changed(tx.ExecContext(ctx, remove, service)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, clearPurpose, service, p)
		return err
	})
}

// endTrials ends what a new live release makes pointless: the canary, and a shadow that is live itself now.
func endTrials(ctx context.Context, tx *sql.Tx, service, live string, adopted []int) error {
	for _, slot := range adopted {
		if err := changed(tx.ExecContext(ctx, setSlotLive, service, slot)); err != nil {
			return fmt.Errorf("%s/%d: %w", service, slot, err)
		}
	}
	for _, do := range []struct {
		text string
		args []any
	}{{deleteCanary, []any{service}}, {endOwnShadow, []any{service, live}}, {clearForSwitch, []any{service, live}}} {
		if _, err := tx.ExecContext(ctx, do.text, do.args...); err != nil {
			return err
		}
	}
	return nil
}

// Canaries lists all canaries by service.
func (s *Store) Canaries(ctx context.Context) ([]Canary, error) {
	v, err := query(ctx, s.r, scanCanary, listCanaries)
	return v, wrap(err, "list canaries")
}

// Shadows lists all shadows by service.
func (s *Store) Shadows(ctx context.Context) ([]Shadow, error) {
	v, err := query(ctx, s.r, scanShadow, listShadows)
	return v, wrap(err, "list shadows")
}

func scanCanary(r row) (Canary, error) {
	var v Canary
	var at int64
	err := r.Scan(&v.Service, &v.Release, &v.Weight, &v.HeaderName, &v.HeaderValue, &v.Actor, &at)
	v.StartedAt = timeOf(at)
	return v, err
}

func scanShadow(r row) (Shadow, error) {
	var v Shadow
	var at int64
	err := r.Scan(&v.Service, &v.Target, &v.Release, &v.Percent, &v.Actor, &at)
	v.StartedAt = timeOf(at)
	return v, err
}
