package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"aictl/configs"
	"aictl/store/internal/sqlite"
)

const releaseColumns = `service, id, commit_sha, manifest, dir, env_key, argv, created_at`

const (
	allotRelease = `INSERT INTO release_numbers (service, last) VALUES (?, 1)
  ON CONFLICT (service) DO UPDATE SET last = last + 1 RETURNING last`
	insertRelease = `INSERT INTO releases (number, ` + releaseColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	selectRelease = `SELECT ` + releaseColumns + ` FROM releases WHERE service = ? AND id = ?`
	liveReleases  = `SELECT ` + releaseColumns + ` FROM releases WHERE (service, id) IN (SELECT name, release FROM services)`
	liveCommits   = `SELECT service, commit_sha FROM releases WHERE (service, id) IN (SELECT name, release FROM services)`
	listReleases  = `SELECT ` + releaseColumns + ` FROM releases WHERE service = ? AND number < ? ORDER BY number DESC LIMIT ?`
	inUse         = `SELECT count(*) FROM services WHERE name = ?1 AND ?2 IN (release, previous)`
	deleteRelease = `DELETE FROM releases WHERE service = ? AND id = ?`
	countEnvKeys  = `SELECT env_key, count(*) FROM releases WHERE env_key <> '' GROUP BY env_key`
)

// NextReleaseID allots the service's next release number and returns the id, "r12-1a2b3c4d". A number is never
// given twice, so an id may be used for folders before CreateRelease. commit is a full SHA.
func (s *Store) NextReleaseID(ctx context.Context, service, commit string) (string, error) {
	if _, err := hex.DecodeString(commit); err != nil || len(commit) < 40 {
		return "", fmt.Errorf("number a release of %s: %q is not a full commit SHA", service, commit)
	}
	var id string
	err := s.write(ctx, func(tx *sql.Tx) error {
		var n int64
		if err := tx.QueryRowContext(ctx, allotRelease, service).Scan(&n); err != nil {
			return err
		}
		id = fmt.Sprintf("r%d-%s", n, strings.ToLower(commit[:8]))
		return nil
	})
	return id, wrap(err, "number a release of %s", service)
}

// CreateRelease stores a release. An empty ID is allotted as by NextReleaseID; an id that is stored already is
// ErrConflict, a service that does not exist ErrNotFound.
func (s *Store) CreateRelease(ctx context.Context, v Release) (Release, error) {
	if v.ID == "" {
		id, err := s.NextReleaseID(ctx, v.Service, v.Commit)
		if err != nil {
			return Release{}, err
		}
		v.ID = id
	}
	number, ok := releaseNumber(v.ID)
	if !ok {
		return Release{}, fmt.Errorf("create release of %s: %q is not an id given by NextReleaseID", v.Service, v.ID)
	}
	if v.Manifest == nil {
		v.Manifest = []byte("{}")
	}
	v.CreatedAt = s.stamp()
	_, err := s.w.ExecContext(ctx, insertRelease, number, v.Service, v.ID, v.Commit, v.Manifest, v.Dir, v.EnvKey, list(v.Argv), micros(v.CreatedAt))
	switch err = sqlite.Explain(err); {
	case errors.Is(err, sqlite.ErrUnique):
		err = ErrConflict
	case errors.Is(err, sqlite.ErrForeign):
		err = fmt.Errorf("no such service: %w", ErrNotFound)
	}
	return v, wrap(err, "create release %s of %s", v.ID, v.Service)
}

// Release returns one release of a service, or ErrNotFound.
func (s *Store) Release(ctx context.Context, service, id string) (Release, error) {
	v, err := one(ctx, s.r, scanRelease, selectRelease, service, id)
	return v, wrap(err, "release %s of %s", id, service)
}

// LiveReleases returns the live release of every service that has one, by service.
func (s *Store) LiveReleases(ctx context.Context) (map[string]Release, error) {
	all, err := query(ctx, s.r, scanRelease, liveReleases)
	live := make(map[string]Release, len(all))
	for _, v := range all {
		live[v.Service] = v
	}
	return live, wrap(err, "list live releases")
}

// LiveCommits returns the commit of every service's live release, by service: what LiveReleases tells, without manifests.
func (s *Store) LiveCommits(ctx context.Context) (map[string]string, error) {
	all, err := query(ctx, s.r, scanPair, liveCommits)
	commits := make(map[string]string, len(all))
	for _, v := range all {
		commits[v[0]] = v[1]
	}
	return commits, wrap(err, "list live commits")
}

func scanPair(r row) (v [2]string, err error) {
	err = r.Scan(&v[0], &v[1])
	return v, err
}

// Releases lists a service's releases, newest first, from the one before the id given ("" starts at the newest);
// n <= 0 means all.
func (s *Store) Releases(ctx context.Context, service, before string, n int) ([]Release, error) {
	number := int64(1) << 62
	if before != "" {
		var ok bool
		if number, ok = releaseNumber(before); !ok {
			return nil, fmt.Errorf("list releases of %s: %q is not a release id", service, before)
		}
	}
	v, err := query(ctx, s.r, scanRelease, listReleases, service, number, limit(n))
	return v, wrap(err, "list releases of %s", service)
}

// DeleteRelease forgets a release. The live and the previous one and any with instances are ErrConflict.
func (s *Store) DeleteRelease(ctx context.Context, service, id string) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		var uses int
		if err := tx.QueryRowContext(ctx, inUse, service, id).Scan(&uses); err != nil {
			return err
		}
		if uses > 0 {
			return fmt.Errorf("it is the live or the previous release: %w", ErrConflict)
		}
		err := sqlite.Explain(changed(tx.ExecContext(ctx, deleteRelease, service, id)))
		if errors.Is(err, sqlite.ErrForeign) {
			return fmt.Errorf("it still has instances or is a canary: %w", ErrConflict)
		}
		return err
	})
	return wrap(err, "delete release %s of %s", id, service)
}

// EnvKeys counts the releases that use each environment; one that is absent may be cleaned up.
func (s *Store) EnvKeys(ctx context.Context) (map[string]int, error) {
	uses, err := query(ctx, s.r, scanEnvUse, countEnvKeys)
	if err != nil {
		return nil, wrap(err, "count environments")
	}
	keys := make(map[string]int, len(uses))
	for _, u := range uses {
		keys[u.key] = u.n
	}
	return keys, nil
}

type envUse struct {
	key string
	n   int
}

func scanEnvUse(r row) (envUse, error) {
	var u envUse
	err := r.Scan(&u.key, &u.n)
	return u, err
}

func scanRelease(r row) (Release, error) {
	var v Release
	var argv string
	var created int64
	if err := r.Scan(&v.Service, &v.ID, &v.Commit, &v.Manifest, &v.Dir, &v.EnvKey, &argv, &created); err != nil {
		return v, err
	}
	v.CreatedAt = timeOf(created)
	var err error
	v.Argv, err = unlist(argv)
	return v, err
}

// releaseNumber reads the 12 of "r12-1a2b3c4d".
func releaseNumber(id string) (int64, bool) {
	number, short, ok := strings.Cut(strings.TrimPrefix(id, "r"), "-")
	n, err := strconv.ParseInt(number, 10, 62)
	if !ok || err != nil || n <= 0 || id != fmt.Sprintf("r%d-%s", n, short) {
		return 0, false
	}
	_, err = hex.DecodeString(short)
	return n, err == nil && len(short) == 8
}

// ReadManifest reads the manifest that was stored with the release; keys that did not exist when it was stored have their defaults.
func (r Release) ReadManifest() (*configs.Manifest, error) {
	m, err := configs.ManifestFromJSON(r.Manifest)
	return m, wrap(err, "release %s of %s", r.ID, r.Service)
}
