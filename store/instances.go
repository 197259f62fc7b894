package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"aictl/store/internal/sqlite"
)

const instanceColumns = `service, slot, release, port, live, purpose`

const (
	// The smallest slot from 1 that the service does not use.
	insertInstance = `INSERT INTO instances (service, slot, release, port, live, purpose) VALUES (?1,
  (SELECT min(n) FROM (SELECT 1 AS n UNION ALL SELECT slot + 1 FROM instances WHERE service = ?1)
   WHERE n NOT IN (SELECT slot FROM instances WHERE service = ?1)), ?2, 0, ?3, ?4) RETURNING ` + instanceColumns
	selectInstance = `SELECT ` + instanceColumns + ` FROM instances WHERE service = ? AND slot = ?`
	listInstances  = `SELECT ` + instanceColumns + ` FROM instances
  WHERE (?1 = '' OR service = ?1) AND (?2 = '' OR release = ?2) ORDER BY service, slot`
	setPort        = `UPDATE instances SET port = ? WHERE service = ? AND slot = ?`
	deleteInstance = `DELETE FROM instances WHERE service = ? AND slot = ?`
)

// AddInstances gives a release of a service n new slots, the smallest free numbers, in one transaction.
func (s *Store) AddInstances(ctx context.Context, service, release string, n int, live bool) ([]Instance, error) {
	return s.addInstances(ctx, service, release, n, live, PurposeNone)
}

// AddTrial gives a release n new slots for instances that are not live, as AddInstances does.
func (s *Store) AddTrial(ctx context.Context, service, release string, n int, p Purpose) ([]Instance, error) {
	return s.addInstances(ctx, service, release, n, false, p)
}

func (s *Store) addInstances(ctx context.Context, service, release string, n int, live bool, p Purpose) ([]Instance, error) {
	var added []Instance
	err := s.write(ctx, func(tx *sql.Tx) error {
		for range n {
			v, err := one(ctx, tx, scanInstance, insertInstance, service, release, live, p)
			if err = sqlite.Explain(err); errors.Is(err, sqlite.ErrForeign) {
				return fmt.Errorf("no such service or release: %w", ErrNotFound)
			}
			if err != nil {
				return err
			}
			added = append(added, v)
		}
		return nil
	})
	if err != nil {
		return nil, wrap(err, "add instances of %s %s", service, release)
	}
	return added, nil
}

// Instance returns one instance by its id ("ocr/1"), or ErrNotFound.
func (s *Store) Instance(ctx context.Context, id string) (Instance, error) {
	service, slot, err := splitInstance(id)
	if err != nil {
		return Instance{}, err
	}
	v, err := one(ctx, s.r, scanInstance, selectInstance, service, slot)
	return v, wrap(err, "instance %s", id)
}

// Instances lists instances by service and slot; "" for service or release means any.
func (s *Store) Instances(ctx context.Context, service, release string) ([]Instance, error) {
	v, err := query(ctx, s.r, scanInstance, listInstances, service, release)
	return v, wrap(err, "list instances")
}

// SetInstancePort stores the port an instance was given.
func (s *Store) SetInstancePort(ctx context.Context, id string, port int) error {
	service, slot, err := splitInstance(id)
	if err != nil {
		return err
	}
	err = changed(s.w.ExecContext(ctx, setPort, port, service, slot))
	return wrap(err, "set port of %s", id)
}

// DeleteInstance frees an instance's slot. Its port lease is the allocator's to release.
func (s *Store) DeleteInstance(ctx context.Context, id string) error {
	service, slot, err := splitInstance(id)
	if err != nil {
		return err
	}
	err = changed(s.w.ExecContext(ctx, deleteInstance, service, slot))
	return wrap(err, "delete instance %s", id)
}

func scanInstance(r row) (Instance, error) {
	var v Instance
	err := r.Scan(&v.Service, &v.Slot, &v.Release, &v.Port, &v.Live, &v.Purpose)
	v.ID = fmt.Sprintf("%s/%d", v.Service, v.Slot)
	return v, err
}

func splitInstance(id string) (service string, slot int, err error) {
	at := strings.LastIndexByte(id, '/')
	if at > 0 {
		slot, err = strconv.Atoi(id[at+1:])
	}
	if at <= 0 || err != nil || slot < 1 {
		return "", 0, fmt.Errorf("instance %q: an id reads service/slot, as in ocr/1: %w", id, ErrNotFound)
	}
	return id[:at], slot, nil
}
