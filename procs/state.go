package procs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"maps"
	"os"
	"time"
)

// stateFormat is the version of the files in run/instances.
const stateFormat = 1

// headSize is the room for a record at the front of a state file, its newline included. Within one page, a write is
// done whole or not at all, whenever the keeper is killed.
const headSize = 2048

// record is what the next keeper must know about an instance. A state file is a record padded to headSize, rewritten
// in place with every change (also on a full disk), and the spec on a second line. It is there before the
// first spawn, with no pid.
type record struct {
	Format int    `json:"format"`
	Spec   *Spec  `json:"-"`
	Nonce  string `json:"nonce"`
	Digest string `json:"digest"`

	BootID string `json:"boot_id"`
	PID    int    `json:"pid,omitempty"`
	Start  uint64 `json:"start,omitempty"` // kernel start time of PID

	State        State       `json:"state"`
	Wanted       bool        `json:"wanted"`
	Removing     bool        `json:"removing,omitempty"`
	Reason       string      `json:"reason,omitempty"`
	Restarts     int         `json:"restarts,omitempty"`
	LastExit     *Exit       `json:"last_exit,omitempty"`
	StartedAt    time.Time   `json:"started_at,omitzero"`
	HealthySince time.Time   `json:"healthy_since,omitzero"`
	NextStart    time.Time   `json:"next_start,omitzero"`
	Then         sequel      `json:"then,omitempty"` // in StateStopping: what follows
	Backoffs     int         `json:"backoffs,omitempty"`
	Failures     []time.Time `json:"failures,omitempty"`
}

func (i *instance) record() record {
	m := &i.machine
	r := record{
		Format: stateFormat, Spec: i.spec, Nonce: i.nonce, Digest: i.digest, BootID: i.host.bootID,
		State: m.State, Wanted: m.wanted(), Removing: m.removing, Reason: m.Reason, Restarts: m.Restarts,
		LastExit: m.LastExit, StartedAt: m.StartedAt, HealthySince: m.HealthySince,
		Backoffs: m.backoffs, Failures: m.failures, NextStart: m.NextStart, Then: m.then,
	}
	if i.proc != nil {
		r.PID, r.Start = i.proc.pid, i.proc.start
	}
	return r
}

// saveIntent writes down what is about to be spawned. A process that is spawned and not recorded is found by the
// nonce that stands here.
func (i *instance) saveIntent() {
	if i.saved != i.spec {
		i.save()
	}
}

// save must not stop an instance from running: when it fails, the next save tries again.
func (i *instance) save() {
	head, err := i.record().head()
	sum := maphash.Bytes(saveSeed, head)
	if err == nil && sum == i.savedSum && i.saved == i.spec {
		return
	}
	if err == nil {
		err = i.host.limited(func() error { return i.write(head) })
	}
	if err != nil {
		i.warn("save state", err)
		return
	}
	i.saved, i.savedSum = i.spec, sum
}

// saveSeed is for sums that never leave this process.
var saveSeed = maphash.MakeSeed()

func (i *instance) write(head []byte) error {
	path := i.host.statePath(i.id)
	if i.saved == i.spec {
		if err := rewriteHead(path, head); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return writeState(path, head, i.spec)
}

// head is the record as it stands in a file. A reason that is too long for it is cut.
func (r record) head() ([]byte, error) {
	const longestReason = 400
	if len(r.Reason) > longestReason {
		r.Reason = r.Reason[:longestReason] + "…"
	}
	data, err := json.Marshal(r)
	if err == nil && len(data) >= headSize {
		r.Failures = nil
		data, err = json.Marshal(r)
	}
	if err != nil || len(data) >= headSize {
		return nil, errors.Join(err, fmt.Errorf("a record of %d bytes is too large", len(data)))
	}
	head := append(data, bytes.Repeat([]byte{' '}, headSize-len(data))...)
	head[headSize-1] = '\n'
	return head, nil
}

func rewriteHead(path string, head []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(head, 0)
	return errors.Join(err, file.Close())
}

// writeState replaces the file at once or not at all. It does not wait for the disk: after a power cut no process is
// left that the file could tell of.
func writeState(path string, head []byte, spec *Spec) error {
	data, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, append(head, data...), 0o600); err != nil {
		return errors.Join(err, removeIfThere(temporary))
	}
	return os.Rename(temporary, path)
}

func removeIfThere(paths ...string) error {
	var faults []error
	for _, path := range paths {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// readRecord reads a state file and refuses one that cannot be right.
func readRecord(path string) (*record, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseRecord(data)
}

func parseRecord(data []byte) (*record, error) {
	var r record
	head, spec, _ := bytes.Cut(data, []byte{'\n'})
	if err := errors.Join(json.Unmarshal(head, &r), json.Unmarshal(spec, &r.Spec)); err != nil {
		return nil, fmt.Errorf("state file: %w", err)
	}
	if r.Format != stateFormat || r.Spec == nil || r.Nonce == "" {
		return nil, fmt.Errorf("state file of format %d without spec or nonce", r.Format)
	}
	return &r, r.Spec.Validate()
}

// removeFiles removes the FIFOs and the state file. At the end of the keeper the FIFOs, which are empty and closed, stay for
// the next one: ext4 looks for a free inode ever longer where thousands have just been given back, and a quick restart
// would spend more time on that than on starting the services.
func (i *instance) removeFiles() error {
	h := i.host
	if h.stopping.Load() {
		return removeIfThere(h.statePath(i.id))
	}
	return removeIfThere(h.fifoPath(i.id, "out"), h.fifoPath(i.id, "err"), h.statePath(i.id))
}

// sameStatus compares all but the number of the change.
func sameStatus(a, b Status) bool {
	labels := maps.Equal(a.Labels, b.Labels)
	exits := a.LastExit == b.LastExit || a.LastExit != nil && b.LastExit != nil && *a.LastExit == *b.LastExit
	return labels && exits && a.ID == b.ID && a.State == b.State && a.PID == b.PID && a.Port == b.Port &&
		a.StartedAt.Equal(b.StartedAt) && a.Restarts == b.Restarts && a.NextStart.Equal(b.NextStart) &&
		a.Reason == b.Reason && a.Digest == b.Digest && a.LogLost == b.LogLost
}
