package records

import "errors"

// The fates of a posted exchange, beside ErrBadRecord, ErrNoRoom and ErrNotCommitted.
var (
	// ErrOff says that a service's manifest has `record: {mode: off}`, so that nothing of it is stored.
	ErrOff = errors.New("exchanges of this service are not recorded")
	// ErrStored says that there is a record with this id.
	ErrStored = errors.New("the record is stored already")
)
