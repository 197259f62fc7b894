package api

import (
	"context"
	"fmt"
	"net/http"

	"aictl/replay"
)

// Replay sends the selected requests again and returns how that went; ctx's end ends it. Progress is told as it comes.
func (c *Client) Replay(ctx context.Context, query RecordsQuery, req ReplayRequest, progress func(replay.Progress)) (out replay.Summary, err error) {
	for ev, err := range streamOf[ReplayEvent](ctx, c, http.MethodPost, Prefix+"/records/replay", query.values(), req) {
		switch {
		case err != nil:
			return out, err
		case ev.Summary != nil:
			return *ev.Summary, nil
		case ev.Progress != nil:
			progress(*ev.Progress)
		}
	}
	return out, fmt.Errorf("replay: %w", errStreamCut)
}

// Diff compares the answers of two releases to the selected requests; ctx's end ends it. Progress is told as it comes.
func (c *Client) Diff(ctx context.Context, query RecordsQuery, req DiffRequest, progress func(replay.Progress)) (out replay.Report, err error) {
	for ev, err := range streamOf[DiffEvent](ctx, c, http.MethodPost, Prefix+"/records/diff", query.values(), req) {
		switch {
		case err != nil:
			return out, err
		case ev.Report != nil:
			return *ev.Report, nil
		case ev.Progress != nil:
			progress(*ev.Progress)
		}
	}
	return out, fmt.Errorf("comparison: %w", errStreamCut)
}
