package interchange

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"aictl/store/records"
)

// TagID is the tag under which an id that is no UUIDv7 is kept.
const TagID = "id"

// idSlack is how far started_at may be from the time within a UUIDv7; the archive demands no more.
const idSlack = 10 * time.Minute

// identify gives an exchange its id and its start:
//
//   - a UUIDv7 is taken as it is; without started_at the exchange started at the time within it;
//   - another id becomes a UUIDv7 of started_at and the SHA-256 of service and id, so that the same record sent again
//     is known; it therefore needs started_at, to the millisecond the same each time;
//   - so does the id of a record that is moved to another service, which keeps its own record;
//   - without an id a new one is made: such a record that is sent twice is stored twice.
func (r Rules) identify(rec *Entry, x *records.Exchange, moved bool) error {
	x.StartedAt = rec.StartedAt.Time
	if id, ok := version7(rec.ID); ok {
		at := idTime(id)
		if x.StartedAt.IsZero() {
			x.StartedAt = at
		}
		if away := at.Sub(x.StartedAt).Abs(); away > idSlack {
			return fault("id: the time within %s is %s away from started_at, more than %s: make the id when the exchange begins, or use an id of another kind", id, away, idSlack)
		}
		if !moved {
			x.ID = id.String()
			return r.checkTime(x.StartedAt)
		}
	}
	if rec.ID == "" && x.StartedAt.IsZero() {
		x.StartedAt = r.Now.UTC().Truncate(time.Microsecond).Add(-x.Duration)
	}
	if x.StartedAt.IsZero() {
		return fault("started_at: it is missing: an id that is no UUIDv7 needs it, so that the record is known again when it is sent twice")
	}
	if err := r.checkTime(x.StartedAt); err != nil {
		return err
	}
	if rec.ID == "" {
		x.ID = idOf(x.StartedAt, uuid.New()).String()
		return nil
	}
	x.ID = DeriveID(rec.Service, rec.ID, x.StartedAt)
	return tagged(x, rec.ID)
}

func version7(text string) (uuid.UUID, bool) {
	id, err := uuid.Parse(text)
	return id, err == nil && len(text) == 36 && id.Version() == 7 && id.Variant() == uuid.RFC4122
}

// tagged keeps the poster's own id where it can be searched.
func tagged(x *records.Exchange, id string) error {
	if _, taken := x.Tags[TagID]; taken {
		return nil
	}
	if len(x.Tags) == records.MaxTags {
		return fault("tags: there are %d, and the id needs one: at most %d then", len(x.Tags), records.MaxTags-1)
	}
	if x.Tags == nil {
		x.Tags = map[string]string{}
	}
	x.Tags[TagID] = id
	return nil
}

func (r Rules) checkTime(at time.Time) error {
	switch {
	case at.Before(time.Unix(0, 0)):
		return fault("started_at: %s lies before 1970", at.Format(time.RFC3339))
	case at.After(r.Now.Add(aheadMax)):
		return fault("started_at: %s lies in the future: check the clock and the time zone", at.Format(time.RFC3339))
	}
	return nil
}

// DeriveID is the UUIDv7 of a record whose own id is another text: 48 bits of the start's milliseconds, and 74 bits of
// SHA-256("aictl record 1" 0 service 0 id).
func DeriveID(service, id string, at time.Time) string {
	sum := sha256.Sum256([]byte("aictl record 1\x00" + service + "\x00" + id))
	return idOf(at, uuid.UUID(sum[:16])).String()
}

// idOf is the UUIDv7 of a moment and the bits of another UUID.
func idOf(at time.Time, bits uuid.UUID) uuid.UUID {
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(at.UnixMilli()))
	copy(bits[:6], ms[2:])
	bits[6] = 0x70 | bits[6]&0x0f
	bits[8] = 0x80 | bits[8]&0x3f
	return bits
}

func idTime(id uuid.UUID) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(append([]byte{0, 0}, id[:6]...)))).UTC()
}
