package daemon

import (
	"context"
	"errors"
	"path/filepath"

	"aictl/recorder/intents"
	"aictl/store/records"
)

// Intents is where accepted requests are listed until they are recorded.
func (l Layout) Intents() string { return filepath.Join(l.Records(), "intents") }

// openJournal begins this daemon's list of accepted requests. Without one the daemon works all the same: a crash is then not
// accounted for.
func (d *Daemon) openJournal() *intents.Journal {
	journal, err := intents.Open(d.dir.Intents(), d.log)
	if err != nil {
		d.log.Error("requests lost in a crash will not be known", "err", err)
		return nil
	}
	return journal
}

// stored reports whether there is a record, damaged or not.
func (d *Daemon) stored(ctx context.Context, id string) (bool, error) {
	_, err := d.archive.Get(ctx, id)
	switch {
	case err == nil, errors.Is(err, records.ErrCorrupt):
		return true, nil
	case errors.Is(err, records.ErrNotFound):
		return false, nil
	}
	return false, err
}
