package procs

import (
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

// record is what the next keeper must know about an instance. It is written before the first spawn, with no pid,
// and after every change.
type record struct {
	Format int    `json:"format"`
	Spec   *Spec  `json:"spec"`
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
	Backoffs     int         `json:"backoffs,omitempty"`
	Failures     []time.Time `json:"failures,omitempty"`
}

func (i *instance) record() record {
	m := &i.machine
	r := record{
		Format: stateFormat, Spec: i.spec, Nonce: i.nonce, Digest: i.digest, BootID: i.host.bootID,
		State: m.State, Wanted: m.wanted(), Removing: m.removing, Reason: m.Reason, Restarts: m.Restarts,
		LastExit: m.LastExit, StartedAt: m.StartedAt, HealthySince: m.HealthySince,
		Backoffs: m.backoffs, Failures: m.failures,
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

// save must not stop an instance from running: on a full disk the state file stays as it was.
func (i *instance) save() {
	data, err := json.Marshal(i.record())
	sum := maphash.Bytes(saveSeed, data)
	if err == nil && sum == i.savedSum && i.saved != nil {
		return
	}
	if err == nil {
		err = replaceFile(i.host.statePath(i.id), data)
	}
	if err != nil {
		i.warn("save state", err)
		return
	}
	i.saved, i.savedSum = i.spec, sum
}

// saveSeed is for sums that never leave this process.
var saveSeed = maphash.MakeSeed()

func writeJSON(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return replaceFile(path, data)
}

// replaceFile replaces the file at path at once or not at all. It does not wait for the disk: after a power cut no
// process is left that the file could tell of.
func replaceFile(path string, data []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
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
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("state file: %w", err)
	}
	if r.Format != stateFormat || r.Spec == nil || r.Nonce == "" {
		return nil, fmt.Errorf("state file of format %d without spec or nonce", r.Format)
	}
	return &r, r.Spec.Validate()
}

// removeFiles removes the FIFOs and the state file.
func (i *instance) removeFiles() error {
	h := i.host
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
