package targets

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"aictl/sinks"
)

// postgres writes into one table of a PostgreSQL database.
type postgres struct {
	cfg    *pgx.ConnConfig
	table  string
	insert string
	conn   *pgx.Conn
}

// postgresVersion is the version of the schema below; it stands in the table's comment.
const postgresVersion = 1

const postgresTable = `CREATE TABLE IF NOT EXISTS %s (
  id uuid PRIMARY KEY,
  service text NOT NULL, release_id text NOT NULL, instance text NOT NULL, source text NOT NULL, session text NOT NULL, user_name text NOT NULL,
  model text NOT NULL, trace_id text NOT NULL, method text NOT NULL, path text NOT NULL, query text NOT NULL, remote text NOT NULL,
  status integer NOT NULL, started_at timestamptz NOT NULL, first_byte_us bigint NOT NULL, duration_us bigint NOT NULL,
  ended text NOT NULL, error text NOT NULL, cached boolean NOT NULL, tags jsonb,
  request_header jsonb, request_size bigint NOT NULL, request_sha256 bytea, request_body bytea, request_state text NOT NULL, request_ref text NOT NULL,
  response_header jsonb, response_size bigint NOT NULL, response_sha256 bytea, response_body bytea, response_state text NOT NULL, response_ref text NOT NULL
)`

func newPostgres(u *url.URL) (*postgres, error) {
	q := u.Query()
	name, err := tableOf(q)
	if err != nil {
		return nil, err
	}
	address := *u
	address.RawQuery = q.Encode()
	cfg, err := pgx.ParseConfig(address.String())
	if err != nil {
		return nil, errors.New("the URL is not one of PostgreSQL (write postgres://user:password@host:5432/database?sslmode=require)")
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 10 * time.Second
	}
	marks := make([]string, len(columns))
	for i := range marks {
		marks[i] = fmt.Sprintf("$%d", i+1)
	}
	quoted := pgx.Identifier{name}.Sanitize()
	insert := "INSERT INTO " + quoted + " (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ") ON CONFLICT (id) DO NOTHING"
	return &postgres{cfg: cfg, table: name, insert: insert}, nil
}

// Prepare implements sinks.Target. Two programs that begin at once are kept apart by an advisory lock.
func (p *postgres) Prepare(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, p.cfg)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	p.conn = conn
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext($1))", "aictl "+p.table); err != nil {
			return err
		}
		version, err := p.version(ctx, tx)
		switch {
		case err != nil:
			return err
		case version > postgresVersion:
			return fmt.Errorf("table %s has version %d, this aictl knows %d: install the aictl that made it, or newer, or name another with table=", p.table, version, postgresVersion)
		case version == postgresVersion:
			return nil
		}
		return p.create(ctx, tx)
	})
}

// version reads the schema's from the table's comment: 0 without a table. A table of somebody else is not touched.
func (p *postgres) version(ctx context.Context, tx pgx.Tx) (int, error) {
	var comment *string
	err := tx.QueryRow(ctx, "SELECT obj_description(to_regclass($1), 'pg_class') WHERE to_regclass($1) IS NOT NULL", pgx.Identifier{p.table}.Sanitize()).Scan(&comment)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	version := 0
	if comment != nil {
		if _, err := fmt.Sscanf(*comment, "aictl records, version %d", &version); err != nil {
			version = 0
		}
	}
	if version == 0 {
		return 0, fmt.Errorf("table %s exists and was not made by aictl: name another with table=", p.table)
	}
	return version, nil
}

func (p *postgres) create(ctx context.Context, tx pgx.Tx) error {
	quoted := pgx.Identifier{p.table}.Sanitize()
	for _, text := range []string{
		fmt.Sprintf(postgresTable, quoted),
		"CREATE INDEX IF NOT EXISTS " + pgx.Identifier{p.table + "_service"}.Sanitize() + " ON " + quoted + " (service, started_at)",
		"CREATE INDEX IF NOT EXISTS " + pgx.Identifier{p.table + "_session"}.Sanitize() + " ON " + quoted + " (session) WHERE session <> ''",
		fmt.Sprintf("COMMENT ON TABLE %s IS 'aictl records, version %d'", quoted, postgresVersion),
	} {
		if _, err := tx.Exec(ctx, text); err != nil {
			return fmt.Errorf("create table %s: %w", p.table, err)
		}
	}
	return nil
}

// Write implements sinks.Target: one transaction, its statements sent without waiting for each other.
func (p *postgres) Write(ctx context.Context, batch []*sinks.Record) error {
	queue := &pgx.Batch{}
	for _, r := range batch {
		id, err := uuid.Parse(r.ID)
		if err != nil {
			return fmt.Errorf("record %s: %w", r.ID, err)
		}
		row, err := values(id, r)
		if err != nil {
			return fmt.Errorf("record %s: %w", r.ID, err)
		}
		queue.Queue(p.insert, row...)
	}
	err := pgx.BeginFunc(ctx, p.conn, func(tx pgx.Tx) error { return tx.SendBatch(ctx, queue).Close() })
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refusedByPostgres(refused.Code) {
		return fmt.Errorf("%w: %w", sinks.ErrRefused, err)
	}
	return err
}

// refusedByPostgres knows the classes of errors that the data itself causes: data exceptions, violated constraints and exceeded limits
// of the program (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func refusedByPostgres(code string) bool {
	return strings.HasPrefix(code, "22") || strings.HasPrefix(code, "23") || strings.HasPrefix(code, "54")
}

// Close implements sinks.Target.
func (p *postgres) Close() error {
	if p.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := p.conn.Close(ctx)
	p.conn = nil
	return err
}
