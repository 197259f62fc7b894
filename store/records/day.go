package records

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"aictl/store/internal/sqlite"
)

// day is a UTC day as days since 1970; it names a day file.
type day int32

const dayLayout = "2006-01-02"

func dayOf(t time.Time) day { return day(floorDiv(t.Unix(), 86400)) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func (d day) String() string { return d.begins().Format(dayLayout) }

// begins is the first moment of the day.
func (d day) begins() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

func (d day) file(dir string) string { return filepath.Join(dir, d.String()+".db") }

func parseDay(text string) (day, bool) {
	t, err := time.Parse(dayLayout, text)
	return dayOf(t), err == nil
}

// days lists the day files of a folder, oldest first, and the ones that were set aside as damaged.
func days(dir string) (found []day, aside []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, sqlite.Explain(err)
	}
	for _, e := range entries {
		name, isDB := strings.CutSuffix(e.Name(), ".db")
		if !isDB {
			continue
		}
		if d, ok := parseDay(name); ok {
			found = append(found, d)
		} else if _, ok := asideDay(e.Name()); ok {
			aside = append(aside, e.Name())
		}
	}
	slices.Sort(found)
	return found, aside, nil
}

// asideMark is part of the name of a day file that could not be written for damage and was replaced.
const asideMark = ".corrupt-"

// asideDay reads the day of a file that was set aside from its name.
func asideDay(name string) (day, bool) {
	text, _, ok := strings.Cut(name, asideMark)
	if !ok {
		return 0, false
	}
	return parseDay(text)
}

// setAside renames a damaged day file, so that the day goes on in a new one and the old can be examined.
func setAside(dir string, d day) (name string, err error) {
	for n := 1; ; n++ {
		name = fmt.Sprintf("%s%s%d.db", d, asideMark, n)
		if _, err := os.Lstat(filepath.Join(dir, name)); errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		err := os.Rename(d.file(dir)+suffix, filepath.Join(dir, name)+suffix)
		if err != nil && (suffix == "" || !errors.Is(err, fs.ErrNotExist)) {
			return "", sqlite.Explain(err)
		}
	}
	return name, sqlite.SyncDir(dir)
}

// idSlack bounds how far the time within an id may be from StartedAt. Both are read when a request is admitted; the
// bound lets ids be looked up and ranges of time be read by id alone.
const idSlack = 10 * time.Minute

// idTime reads the milliseconds a UUIDv7 begins with.
func idTime(id uuid.UUID) time.Time {
	ms := int64(id[0])<<40 | int64(id[1])<<32 | int64(id[2])<<24 | int64(id[3])<<16 | int64(id[4])<<8 | int64(id[5])
	return time.UnixMilli(ms).UTC()
}

// idAt is the smallest id of a time.
func idAt(t time.Time) uuid.UUID {
	ms := max(t.UnixMilli(), 0)
	return uuid.UUID{byte(ms >> 40), byte(ms >> 32), byte(ms >> 24), byte(ms >> 16), byte(ms >> 8), byte(ms)}
}

// check reports why an exchange cannot be stored, and reads its id.
func check(x *Exchange) (uuid.UUID, error) {
	id, err := uuid.Parse(x.ID)
	if err != nil || id.Version() != 7 || len(x.ID) != 36 {
		return id, fmt.Errorf("%w: its id %q is not a UUIDv7", ErrBadRecord, x.ID)
	}
	if away := idTime(id).Sub(x.StartedAt); away.Abs() > idSlack {
		return id, fmt.Errorf("%w: the time within id %s is %s away from its start %s", ErrBadRecord, x.ID, away.Abs(), x.StartedAt.UTC().Format(time.RFC3339))
	}
	return id, nil
}
