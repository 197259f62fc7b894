package targets

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"database/sql"

	"aictl/internal/servers"
	"aictl/sinks"
	"aictl/store/records"
)

// shelf is a source with a day of records.
type shelf []records.Exchange

const shelfDay = "2026-11-21"

func (s shelf) Follow(_ context.Context, from records.Position, limit int) ([]records.Exchange, records.Position, error) {
	at := int(from[shelfDay])
	end := min(at+limit, len(s))
	return s[at:end], records.Position{shelfDay: int64(end)}, nil
}

func (s shelf) Behind(_ context.Context, from records.Position) (map[string]int64, error) {
	return map[string]int64{shelfDay: int64(len(s)) - from[shelfDay]}, nil
}

func (s shelf) Latest(context.Context) (records.Position, error) {
	return records.Position{shelfDay: int64(len(s))}, nil
}

// memory keeps cursors.
type memory struct{ sync.Map }

func (m *memory) LoadSink(_ context.Context, name string) (*sinks.Cursor, error) {
	if c, ok := m.Load(name); ok {
		at := c.(sinks.Cursor)
		return &at, nil
	}
	return nil, nil
}

func (m *memory) SaveSink(_ context.Context, name string, c sinks.Cursor) error {
	m.Store(name, c)
	return nil
}

const shelfSize = 4000

// throughAKill delivers a shelf to a server that is killed and started again in the middle.
func throughAKill(t *testing.T, address string, kill, start func()) {
	t.Helper()
	var from shelf
	for _, r := range series(0, shelfSize) {
		from = append(from, *r.Exchange)
	}
	s := sinks.New(from, &memory{}, Open, sinks.Options{Poll: 5 * time.Millisecond, Backoff: 20 * time.Millisecond, Longest: 200 * time.Millisecond,
		Attempt: 4 * time.Second, Count: time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	s.Set([]sinks.Config{{Name: "x", URL: address, Bodies: sinks.BodiesFull, MaxBody: 1 << 20, From: sinks.FromBeginning, Batch: 50}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		cancel()
		ok(t, <-done)
	}()
	status := func(want func(sinks.Status) bool) func(context.Context) error {
		return func(context.Context) error {
			if list := s.Status(); len(list) == 1 && want(list[0]) {
				return nil
			}
			return context.DeadlineExceeded
		}
	}
	poll(t, "some of it", status(func(st sinks.Status) bool { return st.Sent > shelfSize/8 }))
	kill()
	poll(t, "trouble", status(func(st sinks.Status) bool { return st.State == sinks.StateRetrying }))
	start()
	poll(t, "all of it", status(func(st sinks.Status) bool { return st.Sent == shelfSize }))
}

func poll(t *testing.T, what string, try func(context.Context) error) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for try(context.Background()) != nil {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func TestPostgresKilledInMidRun(t *testing.T) {
	t.Parallel()
	s, address := startPostgres(t)
	throughAKill(t, address, s.kill, s.start)
	conn, err := pgx.Connect(within(t), address)
	ok(t, err)
	var n, different int
	ok(t, conn.QueryRow(within(t), "SELECT count(*), count(DISTINCT id) FROM "+table).Scan(&n, &different))
	ok(t, conn.Close(within(t)))
	if n != shelfSize || different != shelfSize {
		t.Errorf("%d rows, %d ids, want %d", n, different, shelfSize)
	}
}

func TestMariaDBKilledInMidRun(t *testing.T) {
	t.Parallel()
	s, address := startMariaDB(t)
	cfg, err := mysql.ParseDSN("root@tcp(" + s.addr + ")/")
	ok(t, err)
	cfg.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(cfg)
	ok(t, err)
	db := sql.OpenDB(connector)
	defer func() { ok(t, db.Close()) }()
	s.ready(func(ctx context.Context) error {
		_, err := db.ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS records")
		return err
	})
	throughAKill(t, address, s.kill, s.start)
	var n, different int
	s.ready(func(ctx context.Context) error {
		return db.QueryRowContext(ctx, "SELECT count(*), count(DISTINCT id) FROM records."+table).Scan(&n, &different)
	})
	if n != shelfSize || different != shelfSize {
		t.Errorf("%d rows, %d ids, want %d", n, different, shelfSize)
	}
}

// A queue may have a message twice; its key tells.
func TestKafkaStoppedInMidRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	port, err := strconv.Atoi(servers.FreePort(t))
	ok(t, err)
	c := broker(t, dir, port)
	address := c.ListenAddrs()[0]
	throughAKill(t, "kafka://"+address+"/records", func() { c.Close() }, func() { c = broker(t, dir, port) })
	defer func() { c.Close() }()
	byKey, total := consume(t, address, "records", shelfSize)
	if len(byKey) != shelfSize || total > shelfSize+50 {
		t.Errorf("%d messages with %d keys, want %d", total, len(byKey), shelfSize)
	}
}
