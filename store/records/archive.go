package records

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"aictl/store"
	"aictl/store/internal/sqlite"
)

// Errors that callers branch on.
var (
	// ErrDisk says that nothing of the failed transaction was kept; the same call works once there is space.
	ErrDisk       = sqlite.ErrDisk
	ErrPermission = sqlite.ErrPermission
	ErrCorrupt    = sqlite.ErrCorrupt
	ErrBusy       = sqlite.ErrBusy
	ErrNotFound   = store.ErrNotFound
	ErrAmbiguous  = errors.New("several records begin with that id")
	ErrBadID      = errors.New("not a record id")
	ErrBadCursor  = errors.New("not a cursor of this list")
	ErrBadRecord  = errors.New("exchange cannot be stored")
	errNewerDay   = errors.New("day file was written by a newer aictl")
	ErrClosed     = errors.New("the archive of records is closed")
)

// Options of an Archive. The zero value is what the daemon uses.
type Options struct {
	Logger *slog.Logger // nil means slog.Default
	// InlineMax is the largest body kept in a block, in bytes; larger ones become files. Zero means 64 KiB.
	InlineMax int
	// Book keeps the seals of days and what was taken from them; nil for an archive that is not sealed.
	Book Book
}

// Archive is the folder of day files. Its methods may be called from any goroutine; one process at a time may have it open.
type Archive struct {
	dir     string
	o       Options
	log     *slog.Logger
	bodies  *bodies
	codec   *codec
	readers *readers
	queries chan struct{} // bounds how many queries run at a time
	cache   *blockCache
	ends    ends

	taking sync.RWMutex // held for writing while records are erased or removed; taken before mu

	closing  atomic.Bool
	mu       sync.Mutex // guards what follows
	closed   bool
	writers  []*dayWriter // the latest days, newest use last
	maxPages int          // bound on a day file, for tests
}

// Open opens or creates the folder. Half-written bodies of a crash are removed.
func Open(dir string, o Options) (*Archive, error) {
	if err := sqlite.CheckVersion(); err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.InlineMax == 0 {
		o.InlineMax = 64 << 10
	}
	bodyDir := filepath.Join(dir, "bodies")
	if err := os.MkdirAll(bodyDir, 0o700); err != nil {
		return nil, fmt.Errorf("open records: %w", sqlite.Explain(err))
	}
	codec, err := newCodec()
	if err != nil {
		return nil, fmt.Errorf("open records: %w", err)
	}
	a := &Archive{dir: dir, o: o, log: o.Logger, codec: codec, readers: newReaders(dir), cache: &blockCache{}, queries: make(chan struct{}, maxQueries)}
	a.bodies = &bodies{dir: bodyDir, put: putFile}
	if err := a.bodies.removeTemporary(); err != nil {
		return nil, fmt.Errorf("open records: %w", sqlite.Explain(err))
	}
	if err := a.convertOld(); err != nil {
		return nil, fmt.Errorf("open records: %w", err)
	}
	return a, nil
}

// Tidy empties the write-ahead logs of the open day files; call it when no requests come in.
func (a *Archive) Tidy() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var errs []error
	for _, w := range a.writers {
		errs = append(errs, w.truncate())
	}
	return errors.Join(errs...)
}

// Close moves the write-ahead logs into the day files and closes them.
func (a *Archive) Close() error {
	a.closing.Store(true)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil
	}
	a.closed = true
	err := a.readers.close()
	for _, w := range a.writers {
		err = errors.Join(err, w.close())
	}
	a.writers = nil
	a.codec.close()
	return err
}
