package targets

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

func TestPostgres(t *testing.T) {
	t.Parallel()
	s, address := startPostgres(t)
	connect := func(ctx context.Context) (*pgx.Conn, error) { return pgx.Connect(ctx, address) }
	s.ready(func(ctx context.Context) error {
		conn, err := connect(ctx)
		if err == nil {
			err = conn.Close(ctx)
		}
		return err
	})
	with := func(f func(conn *pgx.Conn)) {
		conn, err := connect(within(t))
		ok(t, err)
		f(conn)
		ok(t, conn.Close(within(t)))
	}
	checkDatabase(t, s, address, func() rows {
		return rows{
			count: func() (n int) {
				with(func(conn *pgx.Conn) { ok(t, conn.QueryRow(within(t), "SELECT count(*) FROM "+table).Scan(&n)) })
				return n
			},
			one: func(id uuid.UUID) (body []byte, header, user, failure string, at time.Time, sum []byte) {
				with(func(conn *pgx.Conn) {
					ok(t, conn.QueryRow(within(t), "SELECT request_body, request_header::text, user_name, error, started_at, response_sha256 FROM "+table+" WHERE id = $1", id).
						Scan(&body, &header, &user, &failure, &at, &sum))
				})
				return
			},
		}
	})
	checkForeign(t, address, "&", func(text string) {
		with(func(conn *pgx.Conn) { _, err := conn.Exec(within(t), text); ok(t, err) })
	})
}

func TestMariaDB(t *testing.T) {
	t.Parallel()
	s, address := startMariaDB(t)
	cfg, err := mysql.ParseDSN("root@tcp(" + s.addr + ")/?parseTime=true")
	ok(t, err)
	connector, err := mysql.NewConnector(cfg)
	ok(t, err)
	db := sql.OpenDB(connector)
	db.SetMaxIdleConns(0)
	defer func() { ok(t, db.Close()) }()
	s.ready(func(ctx context.Context) error {
		_, err := db.ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS records")
		return err
	})
	checkDatabase(t, s, address, func() rows {
		return rows{
			count: func() (n int) {
				ok(t, db.QueryRowContext(within(t), "SELECT count(*) FROM records."+table).Scan(&n))
				return n
			},
			one: func(id uuid.UUID) (body []byte, header, user, failure string, at time.Time, sum []byte) {
				ok(t, db.QueryRowContext(within(t), "SELECT request_body, request_header, user_name, error, started_at, response_sha256 FROM records."+table+" WHERE id = ?", id[:]).
					Scan(&body, &header, &user, &failure, &at, &sum))
				return
			},
		}
	})
	checkForeign(t, address, "?", func(text string) {
		conn, err := db.Conn(within(t))
		ok(t, err)
		_, useErr := conn.ExecContext(within(t), "USE records")
		_, err = conn.ExecContext(within(t), text)
		ok(t, errors.Join(useErr, err, conn.Close()))
	})
}
