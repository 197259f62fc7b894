package records

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// cursor is the place after the last record of a page. Records that come in while one pages neither repeat nor
// skip any, for ids do not change.
type cursor struct {
	day         day
	id          uuid.UUID
	oldestFirst bool
}

const (
	cursorVersion = 1
	cursorSize    = 2 + 4 + 16
)

func (c cursor) String() string {
	b := make([]byte, 0, cursorSize)
	order := byte(0)
	if c.oldestFirst {
		order = 1
	}
	b = append(b, cursorVersion, order)
	b = binary.BigEndian.AppendUint32(b, uint32(c.day))
	b = append(b, c.id[:]...)
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseCursor(text string) (cursor, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	// The decoder passes over line breaks, which no cursor has.
	if err != nil || strings.ContainsAny(text, "\r\n") || len(b) != cursorSize || b[0] != cursorVersion || b[1] > 1 {
		return cursor{}, fmt.Errorf("%w: %.40q; pass the next of the page before, or none to start over", ErrBadCursor, text)
	}
	c := cursor{day: day(int32(binary.BigEndian.Uint32(b[2:]))), oldestFirst: b[1] == 1}
	copy(c.id[:], b[6:])
	return c, nil
}
