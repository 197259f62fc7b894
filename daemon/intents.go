package daemon

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"path/filepath"

	"aictl/store"
	"aictl/store/records"
)

// Intents is where accepted requests are listed until they are recorded.
func (l Layout) Intents() string { return filepath.Join(l.Records(), "intents") }

// stored returns how a record ended, "" when there is none. A damaged one is there, too.
func (d *Daemon) stored(ctx context.Context, id string) (records.End, error) {
	x, err := d.archive.Get(ctx, id)
	switch {
	case err == nil:
		return x.End, nil
	case errors.Is(err, records.ErrCorrupt):
		return records.EndComplete, nil
	case errors.Is(err, records.ErrNotFound):
		return "", nil
	}
	return "", err
}

// digestKey is what masked sessions and users are digested with: of this data directory alone, and no secret of anything else.
func (d *Daemon) digestKey() []byte {
	key, err := store.LoadOrCreateKey(d.dir.Key())
	if err != nil {
		d.log.Error("masked sessions are digested without a key", "err", err)
		return nil
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("digests of recorded sessions"))
	return mac.Sum(nil)
}
