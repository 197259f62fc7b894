package api

import (
	"context"
)

// Config shows and reloads the daemon's settings.
type Config interface {
	// Config shows the settings that run.
	Config(ctx context.Context) (ConfigDocument, error)
	// ConfigDiff compares a settings file with what runs; a nil content is the daemon's own file.
	ConfigDiff(ctx context.Context, name string, content []byte) (ConfigDiff, error)
	// ConfigReload reads the daemon's own file and takes up what it can.
	ConfigReload(ctx context.Context) (ConfigDiff, error)
	// ConfigRefused says what is wrong with the file as it is, "" when nothing is.
	ConfigRefused() string
}

type configDiffInput struct{ Body ConfigRequest }

func (s *Server) config(ctx context.Context, _ *struct{}) (ConfigDocument, error) {
	doc, err := s.deps.Config.Config(ctx)
	doc.SchemaVersion, doc.Waiting = SchemaVersion, orEmpty(doc.Waiting)
	return doc, err
}

func (s *Server) configDiff(ctx context.Context, in *configDiffInput) (ConfigDiff, error) {
	var content []byte
	if in.Body.Content != nil {
		content = []byte(*in.Body.Content)
	}
	return s.finishDiff(s.deps.Config.ConfigDiff(ctx, in.Body.Name, content))
}

func (s *Server) configReload(ctx context.Context, _ *struct{}) (ConfigDiff, error) {
	return s.finishDiff(s.deps.Config.ConfigReload(ctx))
}

func (s *Server) finishDiff(doc ConfigDiff, err error) (ConfigDiff, error) {
	doc.SchemaVersion, doc.Changes = SchemaVersion, orEmpty(doc.Changes)
	for i := range doc.Changes {
		doc.Changes[i].Services = orEmpty(doc.Changes[i].Services)
	}
	return doc, err
}
