package main

import (
	"context"
	"log/slog"
	"sync/atomic"

	"aictl/configs"
)

// logger writes the daemon's own log to stderr: text where somebody looks, JSON otherwise, unless the settings say
// which. relog makes it, and every logger made from it, follow other settings.
func (a *app) logger(s configs.LogSettings) (log *slog.Logger, relog func(configs.LogSettings)) {
	level := new(slog.LevelVar)
	json := new(atomic.Bool)
	relog = func(s configs.LogSettings) {
		var l slog.Level
		if err := l.UnmarshalText([]byte(s.Level)); err != nil {
			l = slog.LevelInfo // the settings were checked; a level this version does not know is no reason to be silent
		}
		level.Set(l)
		json.Store(s.Format != "text" && (s.Format == "json" || !a.err.tty))
	}
	relog(s)
	opts := &slog.HandlerOptions{Level: level}
	h := eitherHandler{json, slog.NewTextHandler(a.stderr, opts), slog.NewJSONHandler(a.stderr, opts)}
	return slog.New(h), relog
}

// eitherHandler writes JSON or text, as is wanted at the moment.
type eitherHandler struct {
	useJSON    *atomic.Bool
	text, json slog.Handler
}

func (h eitherHandler) pick() slog.Handler {
	if h.useJSON.Load() {
		return h.json
	}
	return h.text
}

// Enabled implements slog.Handler.
func (h eitherHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.pick().Enabled(ctx, l)
}

// Handle implements slog.Handler.
func (h eitherHandler) Handle(ctx context.Context, r slog.Record) error {
	return h.pick().Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h eitherHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return eitherHandler{h.useJSON, h.text.WithAttrs(attrs), h.json.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h eitherHandler) WithGroup(name string) slog.Handler {
	return eitherHandler{h.useJSON, h.text.WithGroup(name), h.json.WithGroup(name)}
}
