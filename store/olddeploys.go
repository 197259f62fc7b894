package store

import (
	"context"
	"database/sql"
	"fmt"
)

const (
	// Those that have ended, beyond the newest of their service, and whose release is not there any more.
	oldDeploys = `SELECT id, service FROM (SELECT id, service, release, state, row_number() OVER (PARTITION BY service ORDER BY id DESC) AS n FROM deploys) d
  WHERE n > ? AND state NOT IN ('queued', 'running') AND NOT EXISTS (SELECT 1 FROM releases r WHERE r.service = d.service AND r.id = d.release) ORDER BY service, id`
	dropDeploy = `DELETE FROM deploys WHERE id = ? AND state NOT IN ('queued', 'running')`
)

// OldDeploys lists the ids of deploys that have ended, beyond the newest keep of each service, by service and oldest first. One whose release is
// still there is not old.
func (s *Store) OldDeploys(ctx context.Context, keep int) (map[string][]int64, error) {
	if keep < 1 {
		return nil, fmt.Errorf("list old deploys: %d of each service cannot be kept: at least 1", keep)
	}
	rows, err := query(ctx, s.r, scanOldDeploy, oldDeploys, keep)
	out := map[string][]int64{}
	for _, row := range rows {
		out[row.service] = append(out[row.service], row.id)
	}
	return out, wrap(err, "list old deploys")
}

// DeleteDeploys forgets deploys that have ended, with their steps. Unknown ones are no error.
func (s *Store) DeleteDeploys(ctx context.Context, ids ...int64) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := tx.ExecContext(ctx, dropDeploy, id); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "forget %d deploys", len(ids))
}

type oldDeploy struct {
	id      int64
	service string
}

func scanOldDeploy(r row) (v oldDeploy, err error) {
	err = r.Scan(&v.id, &v.service)
	return v, err
}
