package recorder

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"aictl/store/records"
)

// Archive tells which records are stored, and labels them.
type Archive interface {
	Get(ctx context.Context, id string) (records.Exchange, error)
	Labels(ctx context.Context, id string) (current []records.Label, history []records.LabelChange, err error)
	SetLabel(ctx context.Context, ids []string, e records.LabelEdit) (n int, err error)
}

// Intake is where posted records go: through the recorder, each id once.
type Intake struct {
	archive  Archive
	recorder *Recorder

	mu     sync.Mutex
	coming map[string]bool // ids that are being stored
}

// NewIntake returns an intake over what is stored and what stores.
func NewIntake(archive Archive, rec *Recorder) *Intake {
	return &Intake{archive: archive, recorder: rec, coming: map[string]bool{}}
}

// Known reports whether a record with this id is stored, damaged or not.
func (in *Intake) Known(ctx context.Context, id string) (bool, error) {
	_, err := in.archive.Get(ctx, id)
	switch {
	case err == nil, errors.Is(err, records.ErrCorrupt):
		return true, nil
	case errors.Is(err, records.ErrNotFound):
		return false, nil
	}
	return false, err
}

// Post is Recorder.Post for those that are not stored yet; the fate of the others is records.ErrStored. Ids are reserved
// before they are looked for: somebody who lost patience and sends again while the first is still on its way is told to
// come later, and nothing is counted twice.
func (in *Intake) Post(ctx context.Context, xs []*records.Exchange) ([]error, error) {
	fates := make([]error, len(xs))
	reserved := in.reserve(xs, fates)
	defer in.release(reserved)
	var fresh []*records.Exchange
	var places []int
	for i, x := range xs {
		if fates[i] != nil {
			continue
		}
		known, err := in.Known(ctx, x.ID)
		if err != nil {
			return nil, err
		}
		if known {
			fates[i] = records.ErrStored
			continue
		}
		fresh, places = append(fresh, x), append(places, i)
	}
	if len(fresh) == 0 {
		return fates, nil
	}
	done, err := in.recorder.Post(context.WithoutCancel(ctx), fresh) // which ends soon, and the ids are kept until then
	for i, fate := range done {
		fates[places[i]] = fate
	}
	return fates, err
}

// reserve takes the ids that nobody has, and sets the fate of the others.
func (in *Intake) reserve(xs []*records.Exchange, fates []error) (ids []string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for i, x := range xs {
		if in.coming[x.ID] {
			fates[i] = fmt.Errorf("%w: %s is being stored for another post", records.ErrNoRoom, x.ID)
			continue
		}
		in.coming[x.ID] = true
		ids = append(ids, x.ID)
	}
	return ids
}

func (in *Intake) release(ids []string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, id := range ids {
		delete(in.coming, id)
	}
}

// Label labels a stored record. A label that is there and is not older stays: what is posted again changes nothing.
func (in *Intake) Label(ctx context.Context, id string, labels []records.Label) error {
	current, _, err := in.archive.Labels(ctx, id)
	if err != nil {
		return err
	}
	for _, l := range labels {
		if slices.ContainsFunc(current, func(c records.Label) bool { return c.Name == l.Name && !c.At.Before(l.At) }) {
			continue
		}
		if _, err := in.archive.SetLabel(ctx, []string{id}, l.Edit()); err != nil {
			return err
		}
	}
	return nil
}
