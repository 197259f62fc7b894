package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"aictl/store/internal/sqlite"
)

// AlgorithmVersion is the line that the registry keeps of a release, also when the release has gone.
type AlgorithmVersion struct {
	Service    string
	Release    string
	Commit     string
	CreatedAt  time.Time
	LiveAt     time.Time // when it first became live; zero when it never did
	Kept       bool      // the release is still there
	Version    string    // what the service calls itself; may be empty
	Operations int       // that its OpenAPI document describes
	Base       string    // the release that it was compared with, "" for none
	Breaking   int       // changes that break callers of Base
	Report     []byte    // the comparison as JSON; nil without one
}

// Snapshot is what a release answered when it was deployed; nil is nothing.
type Snapshot struct {
	Service string
	Release string
	Info    []byte // JSON of GET /info
	OpenAPI []byte // JSON of GET /openapi.json
	TakenAt time.Time
}

// maxSnapshot bounds in bytes what is unpacked of the database: more was never put into it.
const maxSnapshot = 16 << 20

const (
	versionColumns = `v.service, v.release, v.commit_sha, v.created_at, v.live_at, r.id IS NOT NULL, v.version, v.operations, v.base, v.breaking, v.report`
	listVersions   = `SELECT ` + versionColumns + ` FROM algorithm_versions v LEFT JOIN releases r ON r.service = v.service AND r.id = v.release
  WHERE v.service = ?1 AND v.number < ?2 ORDER BY v.number DESC LIMIT ?3`
	selectVersion = `SELECT ` + versionColumns + ` FROM algorithm_versions v LEFT JOIN releases r ON r.service = v.service AND r.id = v.release
  WHERE v.service = ? AND v.release = ?`
	currentVersions = `SELECT ` + versionColumns + ` FROM services s JOIN algorithm_versions v ON v.service = s.name AND v.release = s.release
  LEFT JOIN releases r ON r.service = v.service AND r.id = v.release`
	countVersions = `SELECT service, count(*) FROM algorithm_versions GROUP BY service`
	setVersion    = `UPDATE algorithm_versions SET version = ?, operations = ?, base = ?, breaking = ?, report = ? WHERE service = ? AND release = ?`
	putSnapshot   = `INSERT INTO snapshots (service, release, info, openapi, taken_at) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (service, release) DO UPDATE SET info = excluded.info, openapi = excluded.openapi, taken_at = excluded.taken_at`
	selectSnapshot = `SELECT service, release, info, openapi, taken_at FROM snapshots WHERE service = ? AND release = ?`
)

// SetSnapshot keeps what a release answered, and completes its version's line (Version, Operations, Base, Breaking and Report are
// read). A release that is not stored is ErrNotFound.
func (s *Store) SetSnapshot(ctx context.Context, snap Snapshot, v AlgorithmVersion) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, putSnapshot, snap.Service, snap.Release, pack(snap.Info), pack(snap.OpenAPI), micros(s.stamp()))
		if err = sqlite.Explain(err); errors.Is(err, sqlite.ErrForeign) {
			return fmt.Errorf("no such release: %w", ErrNotFound)
		}
		if err != nil {
			return err
		}
		return changed(tx.ExecContext(ctx, setVersion, v.Version, v.Operations, v.Base, v.Breaking, pack(v.Report), snap.Service, snap.Release))
	})
	return wrap(err, "keep the interface of %s of %s", snap.Release, snap.Service)
}

// Snapshot returns what a release answered when it was deployed, or ErrNotFound: nothing was asked then, or the release has gone.
func (s *Store) Snapshot(ctx context.Context, service, release string) (Snapshot, error) {
	v, err := one(ctx, s.r, scanSnapshot, selectSnapshot, service, release)
	return v, wrap(err, "interface of %s of %s", release, service)
}

// AlgorithmVersions lists n versions of a service, newest first, from the one before the release given ("" starts at the newest);
// n <= 0 means all.
func (s *Store) AlgorithmVersions(ctx context.Context, service, before string, n int) ([]AlgorithmVersion, error) {
	number := int64(1) << 62
	if before != "" {
		var ok bool
		if number, ok = releaseNumber(before); !ok {
			return nil, fmt.Errorf("list versions of %s: %q is not a release id", service, before)
		}
	}
	v, err := query(ctx, s.r, scanVersion, listVersions, service, number, limit(n))
	return v, wrap(err, "list versions of %s", service)
}

// AlgorithmVersion returns one version by its release's id, or ErrNotFound.
func (s *Store) AlgorithmVersion(ctx context.Context, service, release string) (AlgorithmVersion, error) {
	v, err := one(ctx, s.r, scanVersion, selectVersion, service, release)
	return v, wrap(err, "version %s of %s", release, service)
}

// LiveVersions returns the version of every service that is live, and how many versions each service has, by service.
func (s *Store) LiveVersions(ctx context.Context) (map[string]AlgorithmVersion, map[string]int, error) {
	all, err := query(ctx, s.r, scanVersion, currentVersions)
	if err != nil {
		return nil, nil, wrap(err, "list live versions")
	}
	live := make(map[string]AlgorithmVersion, len(all))
	for _, v := range all {
		live[v.Service] = v
	}
	counts, err := query(ctx, s.r, scanEnvUse, countVersions)
	count := make(map[string]int, len(counts))
	for _, c := range counts {
		count[c.key] = c.n
	}
	return live, count, wrap(err, "count versions")
}

func scanVersion(r row) (AlgorithmVersion, error) {
	var v AlgorithmVersion
	var created, live int64
	var report []byte
	if err := r.Scan(&v.Service, &v.Release, &v.Commit, &created, &live, &v.Kept, &v.Version, &v.Operations, &v.Base, &v.Breaking, &report); err != nil {
		return v, err
	}
	v.CreatedAt, v.LiveAt = timeOf(created), timeOf(live)
	var err error
	v.Report, err = unpack(report)
	return v, err
}

func scanSnapshot(r row) (Snapshot, error) {
	var v Snapshot
	var info, openapi []byte
	var taken int64
	err := r.Scan(&v.Service, &v.Release, &info, &openapi, &taken)
	if err != nil {
		return v, err
	}
	v.TakenAt = timeOf(taken)
	if v.Info, err = unpack(info); err == nil {
		v.OpenAPI, err = unpack(openapi)
	}
	return v, err
}

// packer compresses documents. One of each is enough: their methods used here may be called at a time.
var packer = sync.OnceValues(func() (codec, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return codec{}, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxSnapshot))
	return codec{enc, dec}, err
})

type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

// pack compresses a document; nil stays nil.
func pack(data []byte) []byte {
	if data == nil {
		return nil
	}
	c, err := packer()
	if err != nil {
		panic("store: the options of zstd: " + err.Error()) // a fault of this file
	}
	return c.enc.EncodeAll(data, []byte{})
}

func unpack(data []byte) ([]byte, error) {
	if data == nil {
		return nil, nil
	}
	c, err := packer()
	if err != nil {
		return nil, err
	}
	out, err := c.dec.DecodeAll(data, []byte{})
	if err != nil {
		return nil, fmt.Errorf("unpack a document: %w", err)
	}
	return out, nil
}
