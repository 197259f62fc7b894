package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// SinkCursor is how far a sink of records has come: by day ("2026-11-21") the last record delivered.
type SinkCursor struct {
	Position map[string]int64
	Sent     int64
	Missed   int64
}

const (
	selectSink = `SELECT position, sent, missed FROM sinks WHERE name = ?`
	upsertSink = `INSERT INTO sinks (name, position, sent, missed, updated_at) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (name) DO UPDATE SET position = excluded.position, sent = excluded.sent, missed = excluded.missed, updated_at = excluded.updated_at`
)

// SinkCursor returns a sink's cursor, or ErrNotFound.
func (s *Store) SinkCursor(ctx context.Context, name string) (SinkCursor, error) {
	c, err := one(ctx, s.r, scanSink, selectSink, name)
	return c, wrap(err, "sink %s", name)
}

func scanSink(r row) (c SinkCursor, err error) {
	var position []byte
	if err := r.Scan(&position, &c.Sent, &c.Missed); err != nil {
		return c, err
	}
	if err := json.Unmarshal(position, &c.Position); err != nil {
		return c, fmt.Errorf("position: %w", err)
	}
	return c, nil
}

// SaveSinkCursor keeps a sink's cursor.
func (s *Store) SaveSinkCursor(ctx context.Context, name string, c SinkCursor) error {
	if name == "" {
		return errors.New("save sink: it has no name")
	}
	position, err := json.Marshal(c.Position)
	if err == nil {
		err = s.write(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, upsertSink, name, string(position), c.Sent, c.Missed, time.Now().UnixMicro())
			return err
		})
	}
	return wrap(err, "save sink %s", name)
}
