package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"aictl/configs"
	"aictl/sinks"
	"aictl/sinks/targets"
	"aictl/store"
	"aictl/store/records"
)

// newSinks makes the sinks of the settings over the archive; Run starts them.
func (d *Daemon) newSinks() *sinks.Sinks {
	s := sinks.New(d.archive, sinkCursors{d.store}, openSink, sinks.Options{Logger: d.log})
	s.Set(sinkConfigs(d.cfg.Settings.Records.Sinks))
	return s
}

// passwordFile stands in a sink's URL for the password that its file holds: it is read with every attempt, so that a
// password can be changed while the sink runs.
const passwordFile = "file:"

func sinkConfigs(list []configs.Sink) []sinks.Config {
	out := make([]sinks.Config, len(list))
	for i, s := range list {
		s = s.Filled()
		out[i] = sinks.Config{Name: s.Name, URL: withPasswordFile(s), Services: s.Services, Bodies: s.Bodies, MaxBody: int64(s.MaxBody), From: s.From, Batch: s.Batch}
	}
	return out
}

func withPasswordFile(s configs.Sink) string {
	u, err := url.Parse(s.URL)
	if s.PasswordFile == "" || err != nil || u.User == nil {
		return s.URL
	}
	u.User = url.UserPassword(u.User.Username(), passwordFile+s.PasswordFile)
	return u.String()
}

// openSink reads the password from its file, when there is one, and makes the target.
func openSink(c sinks.Config) (sinks.Target, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.User == nil {
		return targets.Open(c)
	}
	password, _ := u.User.Password()
	path, ok := strings.CutPrefix(password, passwordFile)
	if !ok {
		return targets.Open(c)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the sink's password: %w", err)
	}
	u.User = url.UserPassword(u.User.Username(), strings.TrimRight(string(data), "\r\n"))
	c.URL = u.String()
	target, err := targets.Open(c)
	return target, err
}

// sinkCursors keeps the cursors of sinks in the database.
type sinkCursors struct{ store *store.Store }

// LoadSink implements sinks.Cursors.
func (s sinkCursors) LoadSink(ctx context.Context, name string) (*sinks.Cursor, error) {
	c, err := s.store.SinkCursor(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &sinks.Cursor{Position: records.Position(c.Position), Sent: c.Sent, Missed: c.Missed}, nil
}

// SaveSink implements sinks.Cursors.
func (s sinkCursors) SaveSink(ctx context.Context, name string, c sinks.Cursor) error {
	return s.store.SaveSinkCursor(ctx, name, store.SinkCursor{Position: c.Position, Sent: c.Sent, Missed: c.Missed})
}
