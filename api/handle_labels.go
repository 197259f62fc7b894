package api

import (
	"context"
	"encoding/json"

	"aictl/store/records"
)

// LabelInput names a label of a record.
type LabelInput struct {
	ID   string `path:"id" maxLength:"100" doc:"Record id"`
	Name string `path:"name" maxLength:"64" doc:"Label name" example:"main"`
}

type setLabelInput struct {
	LabelInput
	Body RecordLabelEdit
}

type labelManyInput struct {
	RecordsInput
	Name string `query:"name" maxLength:"64" default:"main" doc:"Label name"`
	Body RecordLabelEdit
}

func (s *Server) getLabels(ctx context.Context, in *recordIDInput) (RecordLabels, error) {
	return s.labelsOf(ctx, in.ID)
}

func (s *Server) labelsOf(ctx context.Context, id string) (RecordLabels, error) {
	current, history, err := s.deps.Records.Labels(ctx, id)
	if err != nil {
		return RecordLabels{}, err
	}
	return RecordLabels{SchemaVersion: SchemaVersion, Labels: each(current, renderLabel), History: each(history, renderLabelChange)}, nil
}

func (s *Server) setLabel(ctx context.Context, in *setLabelInput) (RecordLabels, error) {
	if _, err := s.deps.Records.SetLabel(ctx, []string{in.ID}, s.labelEdit(ctx, in.Name, in.Body)); err != nil {
		return RecordLabels{}, err
	}
	return s.labelsOf(ctx, in.ID)
}

func (s *Server) removeLabel(ctx context.Context, in *LabelInput) (RecordLabels, error) {
	if err := s.deps.Records.RemoveLabel(ctx, in.ID, in.Name, actor(ctx), s.deps.Now()); err != nil {
		return RecordLabels{}, err
	}
	return s.labelsOf(ctx, in.ID)
}

// labelPage is how many records are labelled in one transaction.
const labelPage = 500

// labelMany labels what is selected, some at a time. It ends when the caller leaves; what was labelled stays.
func (s *Server) labelMany(ctx context.Context, in *labelManyInput) (RecordsLabelled, error) {
	out := RecordsLabelled{SchemaVersion: SchemaVersion}
	f, err := in.selection()
	if err != nil {
		return out, err
	}
	edit := s.labelEdit(ctx, in.Name, in.Body)
	if f.Until.IsZero() { // records that come in meanwhile are not meant
		f.Until = edit.At
	}
	f.Limit = labelPage
	for {
		page, err := s.deps.Records.List(ctx, f)
		if err != nil {
			return out, err
		}
		n, err := s.deps.Records.SetLabel(ctx, each(page.Records, func(x records.Exchange) string { return x.ID }), edit)
		if out.Labelled += int64(n); err != nil || page.Next == "" {
			return out, err
		}
		f.Cursor = page.Next
	}
}

func (s *Server) labelEdit(ctx context.Context, name string, e RecordLabelEdit) records.LabelEdit {
	edit := records.LabelEdit{Name: name, Truth: e.Truth, Thumb: e.Thumb, Note: e.Note, By: e.By, At: s.deps.Now()}
	if edit.By == "" {
		edit.By = actor(ctx)
	}
	if e.Truth != nil && string(*e.Truth) == "null" {
		edit.Truth = &json.RawMessage{}
	}
	return edit
}

func renderLabel(l records.Label) RecordLabel {
	return RecordLabel{Name: l.Name, Truth: l.Truth, Thumb: l.Thumb, Note: l.Note, By: l.By, At: l.At}
}

func renderLabelChange(l records.LabelChange) RecordLabelChange {
	return RecordLabelChange{RecordLabel: renderLabel(l.Label), Removed: l.Removed}
}
