package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"aictl/store/internal/sqlite"
)

const serviceColumns = `name, source_kind, source_url, source_ref, source_subdir, wanted, replicas, replicas_pinned,
  groups, env, release, previous, created_at, updated_at`

const (
	insertService = `INSERT INTO services (` + serviceColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	selectService = `SELECT ` + serviceColumns + ` FROM services WHERE name = ?`
	listServices  = `SELECT ` + serviceColumns + ` FROM services WHERE name > ? ORDER BY name LIMIT ?`
	updateService = `UPDATE services SET source_kind = ?, source_url = ?, source_ref = ?, source_subdir = ?, wanted = ?,
  replicas = ?, replicas_pinned = ?, groups = ?, env = ?, updated_at = ? WHERE name = ?`
	setWanted   = `UPDATE services SET wanted = ?, updated_at = ? WHERE name = ?`
	setReplicas = `UPDATE services SET replicas = ?, replicas_pinned = ?, updated_at = ? WHERE name = ?`
	setRelease  = `UPDATE services SET release = ?, previous = ?, updated_at = ? WHERE name = ?`
	setLive     = `UPDATE instances SET live = (release = ? AND purpose = '') WHERE service = ?`
	// Instances go first: they refer to releases, which go with the service.
	deleteServiceInstances = `DELETE FROM instances WHERE service = ?`
	deleteServiceLeases    = `DELETE FROM port_leases WHERE owner IN (SELECT service || '/' || slot FROM instances WHERE service = ?)`
	deleteService          = `DELETE FROM services WHERE name = ?`
)

// CreateService stores a new service and returns it with its times. A name that is taken is ErrConflict.
// An empty Wanted means WantedRunning.
func (s *Store) CreateService(ctx context.Context, v Service) (Service, error) {
	if v.Name == "" {
		return Service{}, errors.New("create service: it has no name")
	}
	if v.Wanted == "" {
		v.Wanted = WantedRunning
	}
	v.CreatedAt = s.stamp()
	v.UpdatedAt = v.CreatedAt
	env, err := s.sealEnv(v.Name, v.Env)
	if err != nil {
		return Service{}, err
	}
	_, err = s.w.ExecContext(ctx, insertService, v.Name, v.Source.Kind, v.Source.URL, v.Source.Ref, v.Source.Subdir, v.Wanted,
		v.Replicas, v.ReplicasPinned, list(v.Groups), env, v.Release, v.Previous, micros(v.CreatedAt), micros(v.UpdatedAt))
	if err = sqlite.Explain(err); errors.Is(err, sqlite.ErrUnique) {
		return Service{}, fmt.Errorf("create service %s: a service of that name exists: %w", v.Name, ErrConflict)
	}
	return v, wrap(err, "create service %s", v.Name)
}

// Service returns one service, or ErrNotFound.
func (s *Store) Service(ctx context.Context, name string) (Service, error) {
	v, err := one(ctx, s.r, s.scanService, selectService, name)
	return v, wrap(err, "service %s", name)
}

// Services lists by name the services after the one named after ("" starts at the first); n <= 0 means all.
func (s *Store) Services(ctx context.Context, after string, n int) ([]Service, error) {
	v, err := query(ctx, s.r, s.scanService, listServices, after, limit(n))
	return v, wrap(err, "list services")
}

// UpdateService changes source, wanted state, replicas, groups and environment of a service in one transaction:
// f gets the stored service and edits it; an error of f leaves everything as it was. Name and releases are kept.
func (s *Store) UpdateService(ctx context.Context, name string, f func(*Service) error) (Service, error) {
	var v Service
	err := s.write(ctx, func(tx *sql.Tx) (err error) {
		if v, err = one(ctx, tx, s.scanService, selectService, name); err != nil {
			return err
		}
		kept := v
		if err := f(&v); err != nil {
			return err
		}
		v.Name, v.Release, v.Previous, v.CreatedAt, v.UpdatedAt = kept.Name, kept.Release, kept.Previous, kept.CreatedAt, s.stamp()
		env, err := s.sealEnv(name, v.Env)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, updateService, v.Source.Kind, v.Source.URL, v.Source.Ref, v.Source.Subdir, v.Wanted,
			v.Replicas, v.ReplicasPinned, list(v.Groups), env, micros(v.UpdatedAt), name)
		return err
	})
	if err != nil {
		return Service{}, wrap(err, "update service %s", name)
	}
	return v, nil
}

// SetWanted stores whether the service shall run.
func (s *Store) SetWanted(ctx context.Context, name string, w Wanted) error {
	err := changed(s.w.ExecContext(ctx, setWanted, w, micros(s.stamp()), name))
	return wrap(err, "set wanted state of %s", name)
}

// SetReplicas stores how many instances the service shall have; pinned says that a user chose the number.
func (s *Store) SetReplicas(ctx context.Context, name string, n int, pinned bool) error {
	err := changed(s.w.ExecContext(ctx, setReplicas, n, pinned, micros(s.stamp()), name))
	return wrap(err, "set replicas of %s", name)
}

// SetEnv replaces the user's environment overrides of a service; they are encrypted at rest.
func (s *Store) SetEnv(ctx context.Context, name string, env map[string]string) error {
	_, err := s.UpdateService(ctx, name, func(v *Service) error { v.Env = env; return nil })
	return err
}

// SetRelease makes live the service's live release and previous the one before, and with it, in one transaction,
// marks exactly the instances of live as live: those without a purpose, and the slots of adopted ones, which have none from
// now on. The service's canary ends, and a shadow of that release. Both must exist unless "".
func (s *Store) SetRelease(ctx context.Context, name, live, previous string, adopted ...int) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		for _, id := range []string{live, previous} {
			if id == "" {
				continue
			}
			if _, err := one(ctx, tx, scanRelease, selectRelease, name, id); err != nil {
				return fmt.Errorf("release %s: %w", id, err)
			}
		}
		if err := changed(tx.ExecContext(ctx, setRelease, live, previous, micros(s.stamp()), name)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, setLive, live, name); err != nil {
			return err
		}
		return endTrials(ctx, tx, name, live, adopted)
	})
	return wrap(err, "set release of %s to %s", name, live)
}

// DeleteService removes a service with its releases, instances and port leases. Its deploys stay.
func (s *Store) DeleteService(ctx context.Context, name string) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		for _, text := range []string{deleteServiceLeases, deleteServiceInstances, deleteCanary} {
			if _, err := tx.ExecContext(ctx, text, name); err != nil {
				return err
			}
		}
		return changed(tx.ExecContext(ctx, deleteService, name))
	})
	return wrap(err, "remove service %s", name)
}

func (s *Store) scanService(r row) (Service, error) {
	var v Service
	var groups string
	var env []byte
	var created, updated int64
	err := r.Scan(&v.Name, &v.Source.Kind, &v.Source.URL, &v.Source.Ref, &v.Source.Subdir, &v.Wanted, &v.Replicas,
		&v.ReplicasPinned, &groups, &env, &v.Release, &v.Previous, &created, &updated)
	if err != nil {
		return v, err
	}
	v.CreatedAt, v.UpdatedAt = timeOf(created), timeOf(updated)
	if v.Groups, err = unlist(groups); err != nil {
		return v, err
	}
	v.Env, err = s.openEnv(v.Name, env)
	return v, err
}

func (s *Store) sealEnv(service string, env map[string]string) ([]byte, error) {
	if len(env) == 0 {
		return nil, nil
	}
	plain, err := json.Marshal(env)
	if err != nil {
		return nil, err
	}
	return s.box.seal(plain, "env:"+service), nil
}

func (s *Store) openEnv(service string, sealed []byte) (map[string]string, error) {
	if sealed == nil {
		return nil, nil
	}
	plain, err := s.box.open(sealed, "env:"+service)
	if err != nil {
		return nil, fmt.Errorf("environment of %s: %w", service, err)
	}
	var env map[string]string
	return env, json.Unmarshal(plain, &env)
}
