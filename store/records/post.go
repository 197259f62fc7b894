package records

import "errors"

// ErrOff says that a service's manifest has `record: {mode: off}`, so that nothing of it is stored.
var ErrOff = errors.New("exchanges of this service are not recorded")
