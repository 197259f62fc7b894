package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	recorded   = "gate"     // a service whose exchanges are recorded
	unrecorded = "gate-off" // one whose are not
)

// Sizes of the requests and answers, in bytes, and how many connections are kept busy.
const (
	requestSize = 370
	answerSize  = 400
	connections = 32
)

// passage is one way to a service and how fast it was.
type passage struct {
	Name    string    `json:"name"`
	Rate    []float64 `json:"requests_per_second"`
	P50     []float64 `json:"p50_seconds"`
	P99     []float64 `json:"p99_seconds"`
	Half    []float64 `json:"half_load_p99_seconds,omitempty"` // at half of aictl's own rate
	Upload  []float64 `json:"upload_seconds,omitempty"`        // of 5 MB
	Kept    []float64 `json:"recorded_share,omitempty"`        // of what was sent; recorders only
	address string
	path    string
	begin   func() error                    // before a load, nil for nothing
	end     func(sent int) (float64, error) // after it: which share was recorded; nil for no recorder
}

// measureGateway sends the same requests to one service directly, through others' proxies and recorders, and through aictl's gateway,
// in turns. What aictl accepted it must have recorded, all of it.
func measureGateway(a *aictl, p plan, runs int, length time.Duration) (passages []passage, versions map[string]string, err error) {
	progress("gateway: setting up")
	defer func() { err = errors.Join(err, a.stop()) }()
	if err := os.Mkdir(p.dir, 0o755); err != nil { // nginx's workers are another user's
		return nil, nil, err
	}
	if err := a.setup(p); err != nil {
		return nil, nil, err
	}
	size := fmt.Sprintf("env: {ANSWER: %q}\n", fmt.Sprint(answerSize))
	if err := errors.Join(a.deploy(p, recorded, size), a.deploy(p, unrecorded, size+"record: off\n")); err != nil {
		return nil, nil, err
	}
	gateway, direct, err := a.places(recorded)
	if err != nil {
		return nil, nil, err
	}
	peers, err := startProxies(filepath.Join(p.dir, "proxies"), direct)
	defer func() { err = errors.Join(err, peers.stop()) }()
	if err != nil {
		return nil, nil, err
	}
	u, err := url.Parse(gateway)
	if err != nil {
		return nil, nil, err
	}
	passages = append([]passage{{Name: "direct", address: direct, path: "/predict"}}, peers.passages...)
	passages = append(passages,
		passage{Name: "aictl, recording off", address: u.Host, path: "/ai/" + unrecorded + "/predict"},
		passage{Name: "aictl, every pair recorded", address: u.Host, path: "/ai/" + recorded + "/predict", begin: a.forget, end: a.account})
	script := filepath.Join(p.dir, "post.lua")
	if err := writeScript(script); err != nil {
		return nil, nil, err
	}
	if err := inTurns(passages, runs, func(pass *passage) error { return pass.load(script, length) }); err != nil {
		return nil, nil, err
	}
	half := median(passages[len(passages)-1].Rate) / 2
	plain := slices.DeleteFunc(slices.Clone(passages), func(pass passage) bool { return pass.Name == nameMitmproxy || pass.Name == nameGoreplay })
	if err := inTurns(plain, runs, func(pass *passage) error { return pass.halfLoad(half, length) }); err != nil {
		return nil, nil, err
	}
	if err := inTurns(plain, runs, func(pass *passage) error { return pass.uploads() }); err != nil {
		return nil, nil, err
	}
	for i := range passages {
		for _, also := range plain {
			if also.Name == passages[i].Name {
				passages[i].Half, passages[i].Upload = also.Half, also.Upload
			}
		}
	}
	return passages, peers.versions, nil
}

func inTurns(passages []passage, runs int, one func(*passage) error) error {
	for range runs {
		for i := range passages {
			progress("gateway: %s", passages[i].Name)
			if err := one(&passages[i]); err != nil {
				return fmt.Errorf("%s: %w", passages[i].Name, err)
			}
		}
	}
	return nil
}

// ledger is what aictl says of its records.
type ledger struct {
	Accepted, Recorded int64
	InFlight           int64            `json:"in_flight"`
	Dropped            map[string]int64 `json:"dropped"`
	NoBody             int64            `json:"no_body"`
}

func (a *aictl) ledger() (ledger, error) {
	out, err := a.command("records", "stats", "-o", "json")
	var doc struct{ Ledger ledger }
	if err == nil {
		err = json.Unmarshal([]byte(out), &doc)
	}
	return doc.Ledger, err
}

// forget notes what was recorded before a load.
func (a *aictl) forget() error {
	l, err := a.ledger()
	a.before = l.Recorded
	return err
}

// account waits until a load is written. Nothing may have been dropped, not even a body.
func (a *aictl) account(sent int) (float64, error) {
	var l ledger
	err := poll("everything is recorded", func() bool {
		var err error
		l, err = a.ledger()
		return err == nil && l.InFlight == 0
	})
	if err != nil {
		return 0, err
	}
	var lost int64
	for _, n := range l.Dropped {
		lost += n
	}
	if lost > 0 || l.NoBody > 0 {
		return 0, fmt.Errorf("aictl lost %d records and %d bodies", lost, l.NoBody)
	}
	return float64(l.Recorded-a.before) / float64(sent), nil
}
