package intents

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"aictl/store/records"

	"golang.org/x/sys/unix"
)

const (
	lockFile   = "lock"        // of a journal, held by its process; of the folder, held while journals are made or claimed
	ledgerFile = "ledger.json" // the account of all runs that have ended
	remembered = 64            // names of runs whose account is in the ledger
)

// Open begins a journal of this process in a folder that all share. When there is no place for it, on a full disk for one, that
// is logged, and tried again while the journal is used.
func Open(root string, log *slog.Logger) *Journal {
	j := &Journal{root: root, dir: filepath.Join(root, runName()), log: log, totals: map[string]*records.Ledger{}, unlisted: map[string]int64{}}
	j.slots = slots{dir: j.dir, log: log}
	if err := j.settleIn(); err != nil {
		j.slots.failed(err, time.Now())
	}
	return j
}

// runName is unlike any other run's and sorts by time.
func runName() string {
	return time.Now().UTC().Format("20060102T150405.000000") + "-" + rand.Text()[:8]
}

// settleIn makes the journal's folder and locks it.
func (j *Journal) settleIn() error {
	if err := os.MkdirAll(j.root, 0o700); err != nil {
		return err
	}
	err := exclusively(j.root, func() error {
		if err := os.MkdirAll(j.dir, 0o700); err != nil {
			return err
		}
		lock, err := claim(j.dir)
		j.lock = lock
		return err
	})
	for range firstSlots {
		if err == nil {
			err = j.slots.make()
		}
	}
	return err
}

// Ended is the journal of a process that ended without having settled everything.
type Ended struct {
	Open []Intent // not settled, oldest first

	root, dir string
	lock      *os.File
	totals    Ledgers
}

// Ended claims the journals whose processes are gone. Those of processes that live, such as the daemon that is just handing over,
// are not touched; busy is how many those are.
func (j *Journal) Ended() (ended []*Ended, busy int, err error) {
	err = exclusively(j.root, func() error {
		entries, err := os.ReadDir(j.root)
		if err != nil {
			return err
		}
		for _, e := range entries {
			dir := filepath.Join(j.root, e.Name())
			if !e.IsDir() || dir == j.dir {
				continue
			}
			lock, err := claim(dir)
			if errors.Is(err, unix.EWOULDBLOCK) {
				busy++
				continue
			}
			if err != nil {
				return err
			}
			ended = append(ended, &Ended{root: j.root, dir: dir, lock: lock})
		}
		return nil
	})
	for _, e := range ended {
		var readErr error
		e.totals, e.Open, readErr = read(e.dir)
		err = errors.Join(err, readErr)
	}
	if err == nil {
		return ended, busy, nil
	}
	for _, e := range ended {
		err = errors.Join(err, e.lock.Close())
	}
	return nil, busy, fmt.Errorf("read lists of accepted requests: %w", err)
}

// Settle notes what became of each open intent, in their order, moves the account to the ledger of all runs and removes the journal.
func (e *Ended) Settle(all []Outcome) error {
	for i, in := range e.Open {
		l := copyOf(e.totals[in.Service])
		settle(&l, all[i])
		e.totals[in.Service] = l
	}
	return retire(e.root, e.dir, e.lock, e.totals)
}

// Leave lets go of the journal, for another attempt.
func (e *Ended) Leave() error { return e.lock.Close() }

// claim locks a journal until its file is closed or the process ends. It fails with EWOULDBLOCK when another process has it.
func claim(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, joinClose(err, f)
	}
	return f, nil
}

// exclusively keeps other processes, and other callers in this one, from making, claiming and retiring journals meanwhile.
func exclusively(root string, f func() error) error {
	lock, err := os.OpenFile(filepath.Join(root, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	for err = unix.EINTR; err == unix.EINTR; {
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX)
	}
	if err == nil {
		err = f()
	}
	return joinClose(err, lock)
}

// joinClose closes a file, if there is one.
func joinClose(err error, f *os.File) error {
	if f == nil {
		return err
	}
	return errors.Join(err, f.Close())
}

// past is the ledger of all runs that have ended. Runs names those that are in it and whose files may still be there.
type past struct {
	Services Ledgers  `json:"services"`
	Runs     []string `json:"runs"`
}

// retire adds a run to the ledger and removes its files. Whenever it is broken off, doing it again counts nothing twice.
func retire(root, dir string, lock *os.File, totals Ledgers) error {
	err := exclusively(root, func() error {
		p, err := readPast(root)
		if err != nil {
			return err
		}
		if run := filepath.Base(dir); !slices.Contains(p.Runs, run) {
			p.Services.Add(totals.ended())
			p.Runs = append(p.Runs, run)
			p.Runs = p.Runs[max(0, len(p.Runs)-remembered):]
			if err := p.write(root); err != nil {
				return err
			}
		}
		return os.RemoveAll(dir)
	})
	if err != nil {
		err = fmt.Errorf("ledger of records: %w", err)
	}
	return joinClose(err, lock)
}

// ended is the account of a run that is over. What was accepted without being listed and not settled was lost, too.
func (l Ledgers) ended() Ledgers {
	for service, sum := range l {
		for ; sum.InFlight > 0; l[service] = sum {
			settle(&sum, Crash)
		}
	}
	return l
}

// Past is the account of all runs that have ended and were looked at.
func (j *Journal) Past() (Ledgers, error) {
	p, err := readPast(j.root)
	return p.Services, err
}

// readPast reads the ledger. One that cannot be read is set aside: counting must go on.
func readPast(root string) (past, error) {
	p := past{Services: Ledgers{}}
	path := filepath.Join(root, ledgerFile)
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p, nil
	case err != nil:
		return p, err
	}
	if err := json.Unmarshal(b, &p); err != nil || p.Services == nil {
		return past{Services: Ledgers{}}, os.Rename(path, path+".damaged")
	}
	return p, nil
}

func (p past) write(root string) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	path := filepath.Join(root, ledgerFile)
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = joinClose(errors.Join(err, f.Sync()), f); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
