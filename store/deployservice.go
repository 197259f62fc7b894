package store

import (
	"context"
	"errors"
	"fmt"

	"aictl/store/internal/sqlite"
)

const setDeployService = `UPDATE deploys SET service = ? WHERE id = ?`

// SetDeployService stores which service a deploy is of, once its manifest named it. While another deploy of that
// service runs it is ErrConflict.
func (s *Store) SetDeployService(ctx context.Context, id int64, service string) error {
	err := sqlite.Explain(changed(s.w.ExecContext(ctx, setDeployService, service, id)))
	if errors.Is(err, sqlite.ErrUnique) {
		err = fmt.Errorf("a deploy of %s is running: %w", service, ErrConflict)
	}
	return wrap(err, "set service of deploy %d", id)
}
