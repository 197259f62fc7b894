package configs

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// DefaultManifest is what holds for a repository without an aictl.yaml.
func DefaultManifest() *Manifest {
	return &Manifest{
		Subdir:      ".",
		Kind:        KindService,
		Replicas:    1,
		Concurrency: ConcurrencyForbid,
		Strategy:    BlueGreen,
		Health: Health{
			Path:        "/health",
			Interval:    Duration(10 * time.Second),
			Timeout:     Duration(3 * time.Second),
			StartPeriod: Duration(120 * time.Second),
			Failures:    3,
		},
		Restart: Restart{
			Policy:      "always",
			Backoff:     Duration(time.Second),
			MaxBackoff:  Duration(30 * time.Second),
			GiveUpAfter: 10,
			Within:      Duration(10 * time.Minute),
		},
		Stop:    Stop{Signal: "TERM", Grace: Duration(10 * time.Second)},
		Log:     Log{MaxSize: 10_000_000, Files: 5},
		Record:  Record{Mode: "normal", Bodies: "full", MaxBody: 1 << 20, Pressure: "drop"},
		Deploy:  DeploySection{Auto: true},
		Gateway: Gateway{Queue: 100, QueueTimeout: Duration(10 * time.Second)},
	}
}

// ParseManifest reads an aictl.yaml, fills in the defaults and checks it. file is how messages name it.
// The error joins all Faults found; see Faults.
func ParseManifest(data []byte, file string) (*Manifest, error) {
	m := DefaultManifest()
	d := newDecoder(file)
	d.decode(data, m)
	m.normalize()
	m.fillJob(d.lines)
	faults := d.faults
	broken := map[string]bool{}
	for _, f := range faults {
		broken[f.Path] = true
	}
	for _, f := range slices.Concat(m.faults(), m.zeros(d.lines), m.misplaced(d.lines), m.strayCanary(d.lines)) {
		if broken[f.Path] {
			continue // its text was not understood; the default stands there
		}
		f.File, f.Line = file, d.line(f.Path)
		faults = append(faults, f)
	}
	if err := join(faults); err != nil {
		return nil, err
	}
	return m, nil
}

// line finds the line of a key, or of the nearest key around it.
func (d *decoder) line(path string) int {
	for path != "" {
		if n, ok := d.lines[path]; ok {
			return n
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 0
}

// normalize brings values with more than one spelling into the one that is kept.
func (m *Manifest) normalize() {
	m.Stop.Signal = strings.TrimPrefix(strings.ToUpper(m.Stop.Signal), "SIG")
	for _, p := range []*string{&m.Subdir, &m.Python.Wheelhouse, &m.Python.Requirements} {
		if *p != "" {
			*p = filepath.Clean(*p)
		}
	}
	if m.Subdir == "" {
		m.Subdir = "."
	}
	for i, g := range m.Groups {
		m.Groups[i] = strings.TrimPrefix(g, "@")
	}
}

// limit is a key that means "no limit" when it is left out.
type limit struct {
	path string
	zero bool
}

// zeros finds limits that were written as 0, which would silently mean none.
func (m *Manifest) zeros(lines map[string]int) []Fault {
	var faults []Fault
	for _, limit := range append(m.Gateway.limits(), []limit{
		{"resources.memory", m.Resource.Memory == 0},
		{"resources.cpus", m.Resource.CPUs == 0},
		{"resources.pids", m.Resource.Pids == 0},
		{"resources.nofile", m.Resource.Nofile == 0},
	}...) {
		if _, given := lines[limit.path]; given && limit.zero {
			faults = append(faults, Fault{Path: limit.path, Msg: "must be more than 0 (leave the key out for no limit)"})
		}
	}
	return faults
}

// fromWord lets `health: none` switch the check off.
func (h *Health) fromWord(word string) bool {
	h.Disabled = isOff(word)
	return h.Disabled
}

func (h *Health) words() string { return "none" }

// MarshalYAML writes none for a check that is switched off.
func (h Health) MarshalYAML() (any, error) {
	if h.Disabled {
		return "none", nil
	}
	type plain Health
	return plain(h), nil
}

// fromWord lets `record: off` stand for `record: {mode: off}`.
func (r *Record) fromWord(word string) bool {
	switch {
	case isOff(word):
		r.Mode = "off"
	case word == "normal" || word == "audit":
		r.Mode = word
	default:
		return false
	}
	return true
}

func (r *Record) words() string { return "off, normal or audit" }

func isOff(word string) bool {
	switch strings.ToLower(word) {
	case "off", "none", "false", "no":
		return true
	}
	return false
}

// JSON is the manifest as a release keeps it; ManifestFromJSON reads it back.
func (m *Manifest) JSON() ([]byte, error) {
	data, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write manifest of %q: %w", m.Name, err)
	}
	return data, nil
}

// ManifestFromJSON reads what JSON wrote. Keys that an older aictl did not write have their defaults, keys of a
// newer one are left out.
func ManifestFromJSON(data []byte) (*Manifest, error) {
	m := DefaultManifest()
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("read stored manifest: %w", err)
	}
	return m, nil
}
