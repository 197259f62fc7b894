package interchange

import (
	"bytes"
	"encoding/json"
	"time"

	"aictl/store/records"
)

// maxLabels is how many labels a record may bring.
const maxLabels = 64

func entryLabels(labels []records.Label) (out []EntryLabel) {
	for _, l := range labels {
		out = append(out, EntryLabel{Name: l.Name, Truth: l.Truth, Thumb: l.Thumb, Note: l.Note, By: l.By, At: Time{l.At}})
	}
	return out
}

// labels checks what a record brings.
func (r Rules) labels(rec *Entry) (out []records.Label, err error) {
	if len(rec.Labels) > maxLabels {
		return nil, fault("labels: there are %d: at most %d", len(rec.Labels), maxLabels)
	}
	for i, l := range rec.Labels {
		if l.Name == "" {
			l.Name = records.DefaultLabel
		}
		if l.At.IsZero() {
			l.At = Time{r.Now.UTC().Truncate(time.Microsecond)}
		}
		if len(l.By) > maxText {
			return nil, fault("labels[%d].by: it has %d bytes: at most %d", i, len(l.By), maxText)
		}
		label := records.Label{Name: l.Name, Thumb: l.Thumb, Note: l.Note, By: l.By, At: l.At.Time}
		if truth := bytes.TrimSpace(l.Truth); len(truth) > 0 {
			label.Truth = json.RawMessage(truth)
		}
		if err := label.Check(); err != nil {
			return nil, fault("labels[%d]: %s", i, err)
		}
		out = append(out, label)
	}
	return out, nil
}
