package api

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"aictl/store"
	"aictl/store/records"
)

// findingRoutes are the calls about labels and SQL.
var findingRoutes = []string{
	"POST /api/v1/records/sql", "POST /api/v1/records/labels", "GET /api/v1/records/{id}/labels", "PUT /api/v1/records/{id}/labels/{name}", "DELETE /api/v1/records/{id}/labels/{name}",
}

func (r recordReader) Labels(_ context.Context, id string) (current []records.Label, history []records.LabelChange, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	history = slices.Clone(r.backend.labels[id])
	for _, l := range history {
		if !l.Removed {
			current = []records.Label{l.Label}
		} else {
			current = nil
		}
	}
	return current, history, nil
}

func (r recordReader) SetLabel(_ context.Context, ids []string, e records.LabelEdit) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Name == "none" {
		return 0, fmt.Errorf("%w: the name", records.ErrBadLabel)
	}
	for _, id := range ids {
		l := records.LabelChange{Label: records.Label{Name: e.Name, By: e.By, At: e.At}}
		if e.Truth != nil {
			l.Truth = *e.Truth
		}
		if e.Thumb != nil {
			l.Thumb = *e.Thumb
		}
		if r.backend.labels == nil {
			r.backend.labels = map[string][]records.LabelChange{}
		}
		r.backend.labels[id] = append(r.backend.labels[id], l)
	}
	return len(ids), nil
}

func (r recordReader) RemoveLabel(_ context.Context, id, name, by string, at time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.backend.labels[id]) == 0 {
		return store.ErrNotFound
	}
	r.backend.labels[id] = append(r.backend.labels[id], records.LabelChange{Label: records.Label{Name: name, By: by, At: at}, Removed: true})
	return nil
}

func TestLabels(t *testing.T) {
	s := serve(t, newBackend())
	truth, up := json.RawMessage(`"spam"`), "up"
	got, err := s.unix.LabelRecord(t.Context(), "0193", "main", RecordLabelEdit{Truth: &truth, Thumb: &up, By: "ann"})
	if err != nil || len(got.Labels) != 1 || string(got.Labels[0].Truth) != `"spam"` || got.Labels[0].By != "ann" || got.Labels[0].At.IsZero() {
		t.Fatalf("got %+v, %v", got, err)
	}
	if doc, err := s.unix.Record(t.Context(), "0193"); err != nil || len(doc.Labels) != 1 || doc.Labels[0].Thumb != "up" {
		t.Errorf("the record has %+v, %v", doc.Labels, err)
	}
	if got, err = s.unix.UnlabelRecord(t.Context(), "0193", "main"); err != nil || len(got.Labels) != 0 || len(got.History) != 2 || !got.History[1].Removed || got.History[1].By == "" {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err = s.unix.RecordLabels(t.Context(), "0193"); err != nil || len(got.History) != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
	h := newServer(t, s.backend).Handler(true)
	many, err := s.unix.LabelRecords(t.Context(), RecordsQuery{Service: "ocr", Where: "$.a == 1", Labels: []string{"none"}}, "second", RecordLabelEdit{Thumb: &up})
	if err != nil || many.Labelled != int64(len(s.backend.records)) || s.filter.Where == nil || len(s.filter.Labels) != 1 || s.filter.Until.IsZero() {
		t.Errorf("%+v, %v, %+v", many, err, s.filter)
	}
	for _, c := range []struct{ method, path, body, want string }{
		{"PUT", "/api/v1/records/0193/labels/none", `{"thumb":"up"}`, `"code":"invalid"`},
		{"PUT", "/api/v1/records/0193/labels/x", `{"thumb":"sideways"}`, `"path":"body.thumb"`},
		{"PUT", "/api/v1/records/0193/labels/x", `{"thumbs":"up"}`, `"path":"body.thumbs"`},
		{"PUT", "/api/v1/records/0193/labels/x", `{"truth":{"a":[1]}}`, `"truth":{"a":[1]}`},
		{"PUT", "/api/v1/records/0193/labels/x", `{"truth":null}`, `"name":"x"`},
		{"DELETE", "/api/v1/records/none/labels/x", "", `"code":"not_found"`},
		{"GET", "/api/v1/records?label=thumb", "", `"path":"query.label"`},
		{"GET", "/api/v1/records?where=$.a+=+1", "", `column 5: write ==`},
	} {
		if w := ask(h, c.method, c.path, c.body); !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s %s: %s", c.method, c.path, w.Body)
		}
	}
}
