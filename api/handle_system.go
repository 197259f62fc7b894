package api

import (
	"context"
	"net/http"
	"regexp"
	"time"
)

type logsInput struct {
	Service  []string  `query:"service,explode" required:"true" minItems:"1" maxItems:"1000" doc:"Name, glob or @group; may be given many times"`
	Instance string    `query:"instance" maxLength:"120" doc:"Only this instance" example:"ocr/1"`
	Lines    int       `query:"lines" minimum:"-1" maximum:"1000000" default:"100" doc:"The last so many lines; -1 is all"`
	Since    time.Time `query:"since" doc:"Lines from this time on (RFC 3339)"`
	Grep     string    `query:"grep" maxLength:"1000" doc:"Lines that match this regular expression (RE2)"`
	Stream   string    `query:"stream" enum:"stdout,stderr" doc:"Only this stream"`
	Follow   bool      `query:"follow" doc:"Go on with new lines"`
}

func (in *logsInput) selection() (LogSelection, error) {
	sel := LogSelection{
		Services: in.Service, Instance: in.Instance, Lines: in.Lines, Since: in.Since, Stream: in.Stream, Follow: in.Follow,
	}
	if in.Grep == "" {
		return sel, nil
	}
	re, err := regexp.Compile(in.Grep)
	if err != nil {
		return sel, invalid("query.grep", err.Error())
	}
	sel.Grep = re
	return sel, nil
}

func (s *Server) logs(ctx context.Context, in *logsInput, send func(LogLine) error) error {
	sel, err := in.selection()
	if err != nil {
		return err
	}
	return s.deps.Logs.Read(ctx, sel, send)
}

func (s *Server) version(context.Context, *struct{}) (Version, error) {
	v := s.deps.Info.Version()
	v.SchemaVersion = SchemaVersion
	return v, nil
}

// healthz keeps the reason to the log: anyone may ask.
func (s *Server) healthz(ctx context.Context, _ *struct{}) (Health, error) {
	if err := s.deps.Info.Healthy(ctx); err != nil {
		s.log.Warn("health check failed", "error", err)
		return Health{}, problem(http.StatusServiceUnavailable, CodeUnavailable, "aictl is not well: its log says why")
	}
	return Health{SchemaVersion: SchemaVersion, Status: "ok"}, nil
}

func (s *Server) describe(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/openapi+json")
	if _, err := w.Write(s.openapi); err != nil {
		s.log.Debug("answer was not taken", "error", err)
	}
}
