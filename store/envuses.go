package store

import "context"

// EnvUse is a release that an environment is kept for.
type EnvUse struct {
	Key     string
	Service string
	Release string
	Live    bool
}

const selectEnvUses = `SELECT r.env_key, r.service, r.id, coalesce(s.release = r.id, 0) FROM releases r LEFT JOIN services s ON s.name = r.service
	WHERE r.env_key <> '' ORDER BY r.service, r.number DESC`

// EnvUses lists the releases that have an environment, by service, the newest release first.
func (s *Store) EnvUses(ctx context.Context) ([]EnvUse, error) {
	uses, err := query(ctx, s.r, scanEnvUser, selectEnvUses)
	return uses, wrap(err, "list the uses of environments")
}

func scanEnvUser(r row) (v EnvUse, err error) {
	return v, r.Scan(&v.Key, &v.Service, &v.Release, &v.Live)
}
