package records

import "errors"

// Check reports why a label cannot be one; the error matches ErrBadLabel.
func (l Label) Check() error { return l.edit().check() }

// edit is the change that makes a label what it is.
func (l Label) edit() *LabelEdit {
	return &LabelEdit{Name: l.Name, Truth: &l.Truth, Thumb: &l.Thumb, Note: &l.Note, By: l.By, At: l.At}
}

// Edit is the change that makes a label what it is, whatever it was.
func (l Label) Edit() LabelEdit { return *l.edit() }

// The fates of a posted exchange, beside ErrBadRecord, ErrNoRoom and ErrNotCommitted.
var (
	// ErrOff says that a service's manifest has `record: {mode: off}`, so that nothing of it is stored.
	ErrOff = errors.New("exchanges of this service are not recorded")
	// ErrStored says that there is a record with this id.
	ErrStored = errors.New("the record is stored already")
)
