package store

import (
	"context"
	"time"
)

// Preview is a service that shows what a pull request would bring.
type Preview struct {
	Service    string // <parent>-pr-<number>
	Parent     string // the service whose repository it is
	Address    string // of the Gitea, without a trailing slash
	Repository string // owner/repo
	Number     int64
	Title      string
	Author     string
	Branch     string // that the pull request comes from
	Head       string // full SHA that was deployed last; "" when none was yet
	Expired    bool   // removed by age: not made again for the same head
	CreatedAt  time.Time
	PushedAt   time.Time // when Head changed
}

const (
	previewColumns = `service, parent, address, repository, number, title, author, branch, head, expired, created_at, pushed_at`
	listPreviews   = `SELECT ` + previewColumns + ` FROM previews WHERE ?1 = '' OR parent = ?1 ORDER BY parent, number`
	selectPreview  = `SELECT ` + previewColumns + ` FROM previews WHERE service = ?`
	upsertPreview  = `INSERT INTO previews (` + previewColumns + `) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)
  ON CONFLICT (service) DO UPDATE SET title = ?6, author = ?7, branch = ?8, expired = ?10, pushed_at = CASE WHEN head = ?9 THEN pushed_at ELSE ?11 END, head = ?9`
	deletePreview = `DELETE FROM previews WHERE service = ?`
)

// Previews lists the previews of a service, or all of them ("").
func (s *Store) Previews(ctx context.Context, parent string) ([]Preview, error) {
	v, err := query(ctx, s.r, scanPreview, listPreviews, parent)
	return v, wrap(err, "list previews")
}

// Preview returns one preview by its service's name, or ErrNotFound.
func (s *Store) Preview(ctx context.Context, service string) (Preview, error) {
	v, err := one(ctx, s.r, scanPreview, selectPreview, service)
	return v, wrap(err, "preview %s", service)
}

// SavePreview stores a preview, new or changed; the times are the store's own.
func (s *Store) SavePreview(ctx context.Context, p Preview) error {
	_, err := s.w.ExecContext(ctx, upsertPreview, p.Service, p.Parent, p.Address, p.Repository, p.Number, p.Title, p.Author, p.Branch, p.Head, p.Expired, micros(s.stamp()))
	return wrap(err, "save preview %s", p.Service)
}

// RemovePreview forgets a preview; one that is not there is no error.
func (s *Store) RemovePreview(ctx context.Context, service string) error {
	_, err := s.w.ExecContext(ctx, deletePreview, service)
	return wrap(err, "remove preview %s", service)
}

func scanPreview(r row) (Preview, error) {
	var v Preview
	var created, pushed int64
	err := r.Scan(&v.Service, &v.Parent, &v.Address, &v.Repository, &v.Number, &v.Title, &v.Author, &v.Branch, &v.Head, &v.Expired, &created, &pushed)
	v.CreatedAt, v.PushedAt = timeOf(created), timeOf(pushed)
	return v, err
}
