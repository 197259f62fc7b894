package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"aictl/configs"
	"aictl/registry/contract"
	"aictl/store"
)

// Where a service tells about itself.
const (
	infoPath    = "/info"
	openAPIPath = "/openapi.json"
)

// Bounds of what a service is asked.
const (
	askTime = 5 * time.Second
	maxInfo = 256 << 10
)

// maxTold is how many changes a deploy's warnings name; its log and the registry have all of them.
const maxTold = 10

// Candidate is a healthy instance of a release that is not live yet. Base is the release that is, "" without one; Mode is the
// manifest's algorithm.interface.
type Candidate struct {
	Service string
	Release string
	Base    string
	Addr    string // host:port
	Mode    string
}

// Verdict is what came of a check: a line for people, warnings, and lines for the deploy's log.
type Verdict struct {
	Detail   string
	Warnings []string
	Log      []string
}

// Check asks a candidate for its interface, keeps it and compares it with that of the release that is live. Changes that break callers are
// warnings, and with `interface: gate` the error ErrBreaks. That there is nothing to compare is none.
func (r *Registry) Check(ctx context.Context, c Candidate) (Verdict, error) {
	if c.Mode == configs.InterfaceOff {
		return Verdict{Detail: "not compared: algorithm.interface is off"}, nil
	}
	snap, doc, notes, err := r.take(ctx, c)
	if err != nil {
		return Verdict{}, err
	}
	v := Verdict{Log: notes}
	line := store.AlgorithmVersion{Version: versionOf(snap.Info, doc)}
	if doc != nil {
		line.Operations = len(doc.Operations())
	}
	report, err := r.against(ctx, c, snap)
	if err != nil {
		return v, err
	}
	if report != nil {
		line.Base, line.Breaking = c.Base, report.Count(contract.Breaks)
		if line.Report, err = json.Marshal(report); err != nil {
			return v, err
		}
	}
	if err := r.store.SetSnapshot(ctx, snap, line); err != nil {
		return v, err
	}
	err = v.judge(c, doc, report)
	return v, err
}

// against compares with the release that is live; nil is nothing to compare with.
func (r *Registry) against(ctx context.Context, c Candidate, snap store.Snapshot) (*contract.Report, error) {
	if c.Base == "" || c.Base == c.Release {
		return nil, nil
	}
	old, err := r.store.Snapshot(ctx, c.Service, c.Base)
	if errors.Is(err, store.ErrNotFound) || err == nil && old.OpenAPI == nil && old.Info == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	report, err := compare(old, snap)
	return &report, err
}

// judge fills in what a report means for the deploy.
func (v *Verdict) judge(c Candidate, doc *contract.Document, report *contract.Report) error {
	if doc == nil {
		v.Detail = "no OpenAPI document"
	} else {
		v.Detail = count(len(doc.Operations()), "operation") + " described"
	}
	if report == nil {
		return nil
	}
	var broken []string
	for _, ch := range report.Changes {
		v.Log = append(v.Log, fmt.Sprintf("%s: %s", ch.Level, ch.Text))
		if ch.Level == contract.Harmless {
			continue
		}
		said := ch.Text
		if ch.Level == contract.Breaks {
			broken = append(broken, ch.Text)
			said = "breaks callers of " + c.Base + ": " + said
		} else {
			said = "may break callers of " + c.Base + ": " + said
		}
		if len(v.Warnings) < maxTold {
			v.Warnings = append(v.Warnings, said)
		}
	}
	told := len(broken) + report.Count(contract.MayBreak)
	if more := told - len(v.Warnings); more > 0 {
		v.Warnings = append(v.Warnings, fmt.Sprintf("%d more changes of the interface; `aictl algorithms diff %s %s %s` shows all", more, c.Service, c.Base, c.Release))
	}
	if report.Cut {
		v.Warnings = append(v.Warnings, "the interface is too large to be compared as a whole")
	}
	if len(broken) == 0 {
		v.Detail += ", nothing breaks callers of " + c.Base
		return nil
	}
	v.Detail += ", " + count(len(broken), "change") + " that break callers of " + c.Base
	if c.Mode != configs.InterfaceGate {
		return nil
	}
	return fmt.Errorf("%w of %s: %s; keep to the old interface, or set algorithm.interface to warn in %s for this release",
		ErrBreaks, c.Base, shortList(broken), configs.ManifestFile)
}

func shortList(all []string) string {
	const most = 3
	if more := len(all) - most; more > 0 {
		return strings.Join(all[:most], "; ") + fmt.Sprintf("; and %d more", more)
	}
	return strings.Join(all, "; ")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// take asks for both documents. What cannot be read is told in notes, and is none.
func (r *Registry) take(ctx context.Context, c Candidate) (snap store.Snapshot, doc *contract.Document, notes []string, err error) {
	snap = store.Snapshot{Service: c.Service, Release: c.Release}
	note := func(path string, err error) { notes = append(notes, fmt.Sprintf("GET %s: %v", path, err)) }
	info, err := r.ask(ctx, "http://"+c.Addr+infoPath, maxInfo)
	if err == nil && !json.Valid(info) {
		err = errors.New("it is no JSON")
	}
	if err != nil {
		note(infoPath, err)
	} else {
		snap.Info = compact(info)
	}
	text, err := r.ask(ctx, "http://"+c.Addr+openAPIPath, contract.MaxBytes)
	if err == nil {
		doc, err = contract.Parse(text)
	}
	if err != nil {
		note(openAPIPath, err)
	} else {
		snap.OpenAPI = compact(text)
	}
	if ctx.Err() != nil {
		return snap, nil, notes, context.Cause(ctx)
	}
	return snap, doc, notes, nil
}

// compact takes the white space out of valid JSON.
func compact(data []byte) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, data); err != nil {
		return data
	}
	return b.Bytes()
}

// ask gets at most most bytes.
func (r *Registry) ask(ctx context.Context, url string, most int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "aictl-interface-check")
	res, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %d", res.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("it is longer than %d bytes", most)
	}
	return data, nil
}

// sameHost refuses to be led away from the candidate.
func sameHost(req *http.Request, via []*http.Request) error {
	if len(via) > 3 || req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
		return fmt.Errorf("it leads to %s", req.URL.Redacted())
	}
	return nil
}

// versionOf is what a service calls itself: the version of /info, else of its OpenAPI document.
func versionOf(info []byte, doc *contract.Document) string {
	var said struct {
		Version any `json:"version"`
	}
	text := ""
	if err := json.Unmarshal(info, &said); err == nil {
		switch v := said.Version.(type) {
		case string:
			text = v
		case float64:
			text = fmt.Sprint(v)
		}
	}
	if text == "" && doc != nil {
		text = doc.API
	}
	const most = 100
	if r := []rune(text); len(r) > most {
		text = string(r[:most])
	}
	return text
}
