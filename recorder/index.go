package recorder

import (
	"errors"
	"fmt"

	"aictl/configs"
	"aictl/store/records"
	"aictl/store/records/match"
)

// finding compiles what records are found by. A fault in it hides nothing that should be hidden: the rest goes on.
func (p *policy) finding(rec configs.Record) error {
	var faults []error
	for _, at := range []struct {
		name, from string
		to         *place
	}{{"model", rec.Model, &p.model}, {"user", rec.User, &p.user}} {
		found, err := placeOf(at.from)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s %q: %w", at.name, at.from, err))
			continue
		}
		*at.to = found
	}
	for _, entry := range rec.Index {
		path, err := match.ParsePath(entry)
		if err != nil {
			faults = append(faults, fmt.Errorf("index %q: %w", entry, err))
			continue
		}
		p.index = append(p.index, path)
	}
	return errors.Join(faults...)
}

// maxSaid bounds a session, a model and a user, in bytes; a longer one is cut.
const maxSaid = 1024

// attribute fills in whose exchange it is, and which model answered, where that is not known already.
func (p *policy) attribute(x *records.Exchange) {
	for _, at := range []struct {
		to *string
		in place
	}{{&x.Session, p.session}, {&x.Model, p.model}, {&x.User, p.user}} {
		if *at.to == "" {
			*at.to = p.said(at.in, x)
		}
		if len(*at.to) > maxSaid {
			*at.to = (*at.to)[:maxSaid]
		}
	}
}

// indexValues reads the values that searches will find, after masking: nothing is in an index that is not in the body. What
// was masked is not indexed at all.
func (p *policy) indexValues(x *records.Exchange) {
	for _, path := range p.index {
		found := x.IndexedAt(path)
		masked := false
		for _, v := range found.Values {
			masked = masked || v.Text == Masked
		}
		if !masked {
			x.Indexed = append(x.Indexed, found)
		}
	}
}
