package interchange

import (
	"context"
	"errors"
	"fmt"

	"aictl/store/records"
)

// Store is where taken records go, and where those are known from that were taken before.
type Store interface {
	// Known reports whether a record with this id is stored.
	Known(ctx context.Context, id string) (bool, error)
	// Post stores exchanges and returns once each is durable or refused, with the fate of each: nil, or an error that
	// matches records.ErrStored, ErrOff or ErrBadRecord. Any other means that it may be posted again.
	Post(ctx context.Context, xs []*records.Exchange) (fates []error, err error)
	// Label labels a stored record. A label that is there and is not older stays.
	Label(ctx context.Context, id string, labels []records.Label) error
}

// Receipt says what became of the records of one post. Ids has one entry for each record, in their order; it is empty
// for those that were rejected.
type Receipt struct {
	Accepted   int         `json:"accepted" doc:"Stored now, durably"`
	Duplicates int         `json:"duplicates" doc:"Stored before, under the same id"`
	Rejected   []Rejection `json:"rejected"`
	IDs        []string    `json:"ids" doc:"Of each record, in order; empty for rejected ones"`
	Oldest     Time        `json:"oldest,omitzero" doc:"When the oldest of those accepted began"`
	Broken     string      `json:"broken,omitempty" doc:"Why what follows the last of ids could not be read"`
}

// Rejection is one record that was not taken. Sending it again as it is does not help.
type Rejection struct {
	Index  int    `json:"index" doc:"From 0"`
	Line   int    `json:"line,omitempty" doc:"From 1, of JSON lines"`
	ID     string `json:"id,omitempty"`
	Reason string `json:"reason" example:"started_at: it is missing"`
}

// Bounds of one group of records that is stored together.
const (
	groupRecords = 256
	groupBytes   = 4 << 20
)

// Intake takes the records of one post in groups: what it holds is bounded, and what it has counted is stored.
type Intake struct {
	to      Store
	rules   Rules
	most    int
	receipt Receipt

	group []taken
	bytes int
}

type taken struct {
	x      *records.Exchange
	labels []records.Label
	item   Item
}

// NewIntake returns an intake for at most so many records.
func NewIntake(to Store, rules Rules, most int) *Intake {
	return &Intake{to: to, rules: rules, most: most, receipt: Receipt{Rejected: []Rejection{}, IDs: []string{}}}
}

// ErrTooMany ends a post of more records than one may have.
var ErrTooMany = errors.New("too many records in one post")

// Take checks one record. Errors are those of the store; a fault of the record is in the receipt.
func (t *Intake) Take(ctx context.Context, item Item) error {
	if item.Index >= t.most {
		return fmt.Errorf("%w: at most %d; those before were taken", ErrTooMany, t.most)
	}
	t.receipt.IDs = append(t.receipt.IDs, "")
	k, err := taken{item: Item{Index: item.Index, Line: item.Line}}, item.Err
	if err == nil {
		k.x, k.labels, err = t.rules.AcceptLabelled(item.Raw)
	}
	if err != nil {
		t.reject(item, "", Reason(err))
		return nil
	}
	t.group = append(t.group, k)
	t.bytes += len(item.Raw)
	if len(t.group) >= groupRecords || t.bytes >= groupBytes {
		return t.flush(ctx)
	}
	return nil
}

// Finish stores the rest and returns the receipt. broken is what ended the reading, nil at its end.
func (t *Intake) Finish(ctx context.Context, broken error) (Receipt, error) {
	if errors.Is(broken, ErrBroken) || errors.Is(broken, ErrTooMany) {
		t.receipt.Broken, broken = broken.Error(), nil
	}
	if broken != nil {
		return t.receipt, broken
	}
	err := t.flush(ctx)
	return t.receipt, err
}

func (t *Intake) reject(item Item, id, reason string) {
	t.receipt.Rejected = append(t.receipt.Rejected, Rejection{Index: item.Index, Line: item.Line, ID: id, Reason: reason})
}

// flush stores the group, each id once.
func (t *Intake) flush(ctx context.Context) error {
	group := t.group
	t.group, t.bytes = nil, 0
	fresh := make([]taken, 0, len(group))
	seen := make(map[string]bool, len(group))
	for _, k := range group {
		if seen[k.x.ID] {
			t.receipt.Duplicates++
			t.receipt.IDs[k.item.Index] = k.x.ID
			continue
		}
		seen[k.x.ID] = true
		fresh = append(fresh, k)
	}
	if len(fresh) == 0 {
		return nil
	}
	return t.store(ctx, fresh)
}

// store posts the group. What may be sent again fails the whole post: its receipt would say too little.
func (t *Intake) store(ctx context.Context, fresh []taken) error {
	xs := make([]*records.Exchange, len(fresh))
	ids, starts := make([]string, len(fresh)), make([]Time, len(fresh))
	for i, k := range fresh { // the exchanges are the store's from then on
		xs[i], ids[i], starts[i] = k.x, k.x.ID, Time{k.x.StartedAt}
	}
	fates, err := t.to.Post(ctx, xs)
	if err != nil {
		return err
	}
	for i, fate := range fates {
		switch item := fresh[i].item; {
		case fate == nil:
			t.receipt.Accepted++
			t.receipt.IDs[item.Index] = ids[i]
			if t.receipt.Oldest.IsZero() || starts[i].Before(t.receipt.Oldest.Time) {
				t.receipt.Oldest = starts[i]
			}
		case errors.Is(fate, records.ErrStored):
			t.receipt.Duplicates++
			t.receipt.IDs[item.Index] = ids[i]
		case errors.Is(fate, records.ErrOff), errors.Is(fate, records.ErrBadRecord):
			t.reject(item, ids[i], fate.Error())
		default:
			return fate
		}
		if t.receipt.IDs[fresh[i].item.Index] == "" || len(fresh[i].labels) == 0 {
			continue
		}
		if err := t.to.Label(ctx, ids[i], fresh[i].labels); err != nil {
			return err
		}
	}
	return nil
}
