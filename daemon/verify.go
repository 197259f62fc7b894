package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"aictl/deploy"
	"aictl/replay"
	"aictl/replay/compare"
)

// verifier is the gate of deploys: a candidate must answer recorded requests as the live release does.
type verifier struct {
	engine *replay.Engine
	dir    string // of the deploys' logs
}

// verify implements deploy.Deps.Gate.
func (v verifier) verify(ctx context.Context, in deploy.GateInput) (detail string, err error) {
	if in.Live == "" {
		return "nothing is live to compare with", nil
	}
	ask := v.request(in)
	rep, err := v.engine.Verify(ctx, ask, func(p replay.Progress) { in.Progress(progressLine(p)) })
	if errors.Is(err, replay.ErrNothing) && rep.Sent == 0 {
		in.Warn("not verified: " + err.Error())
		return "not verified: there is no recorded request of " + in.Live + " to send", nil
	}
	if err != nil {
		return "", err
	}
	if err := v.keep(in.Deploy, rep); err != nil {
		in.Warn(err.Error())
	}
	for _, line := range reportLines(rep) {
		in.Log(line)
	}
	if rep.Sent < ask.Last {
		in.Log(fmt.Sprintf("%d requests were asked for; there are no more that can be sent", ask.Last))
	}
	detail = fmt.Sprintf("%d of %d recorded requests are answered differently", rep.Result.Differ, rep.Result.Compared)
	if !rep.Same {
		return detail, fmt.Errorf("%s (%.2f%%, allowed %.2f%%): %s", detail, 100*rep.Result.Rate, 100*rep.MaxDiff, changedPaths(rep))
	}
	return detail, nil
}

// request is what the engine is asked.
func (v verifier) request(in deploy.GateInput) replay.Verification {
	m := in.Verify
	ask := replay.Verification{
		Service: in.Service, Release: in.Live, Last: m.Replay, Methods: m.Methods, Path: m.Path, Ask: m.Live, MaxDiff: float64(m.MaxDiff),
		Compare: compare.Options{Ignore: m.Ignore, Unordered: m.Unordered, Tolerance: m.Tolerance},
	}
	if ask.Ask && in.Alone {
		ask.Ask = false
		in.Log("the live release was stopped to make room: its recorded answers are taken")
	}
	for _, i := range in.Started {
		ask.Addrs = append(ask.Addrs, net.JoinHostPort("127.0.0.1", strconv.Itoa(i.Port)))
	}
	return ask
}

func progressLine(p replay.Progress) string {
	switch p.Phase {
	case replay.PhaseReading:
		return fmt.Sprintf("reading records: %d", p.Read)
	case replay.PhaseSending:
		return fmt.Sprintf("%d of %d recorded requests sent", p.Sent, p.Expected)
	}
	return p.Phase
}

// maxLogged is how many changed paths a deploy's log names.
const maxLogged = 20

// reportLines are a report for the deploy's log.
func reportLines(r replay.Report) []string {
	lines := []string{fmt.Sprintf("%d recorded requests sent to the candidate, compared with %s", r.Sent, r.Baseline)}
	for reason, n := range r.Refused {
		lines = append(lines, fmt.Sprintf("%d records were not sent: %s", n, reason))
	}
	for reason, n := range r.Failures {
		lines = append(lines, fmt.Sprintf("%d requests were not answered: %s", n, reason))
	}
	for n, f := range r.Result.Fields {
		if n == maxLogged {
			lines = append(lines, fmt.Sprintf("and %d more paths", len(r.Result.Fields)-maxLogged))
			break
		}
		line := fmt.Sprintf("changed: %s (%s) in %d of %d", f.Path, f.Kind, f.Differs, r.Result.Compared)
		if len(f.Examples) > 0 {
			ex := f.Examples[0]
			line += fmt.Sprintf("; record %s: %s → %s", ex.Record, orNone(ex.Base), orNone(ex.Candidate))
		}
		lines = append(lines, line)
	}
	if l := r.Result.Latency; l != nil {
		lines = append(lines, fmt.Sprintf("latency: p50 %.3g → %.3g ms, p95 %.3g → %.3g ms", l.Base.P50, l.Candidate.P50, l.Base.P95, l.Candidate.P95))
	}
	return lines
}

func orNone(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}

// changedPaths names the most frequent ones.
func changedPaths(r replay.Report) string {
	const most = 5
	var names []string
	for _, f := range r.Result.Fields[:min(most, len(r.Result.Fields))] {
		names = append(names, f.Path)
	}
	if more := len(r.Result.Fields) - most; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

func (v verifier) path(id int64) string {
	return filepath.Join(v.dir, "deploys", strconv.FormatInt(id, 10)+".verify.json")
}

// keep writes a report beside the deploy's log, whole or not at all.
func (v verifier) keep(id int64, r replay.Report) error {
	data, err := json.MarshalIndent(r, "", "  ")
	incoming := v.path(id) + ".new"
	if err == nil {
		err = os.WriteFile(incoming, append(data, '\n'), 0o640)
	}
	if err == nil {
		err = os.Rename(incoming, v.path(id))
	}
	if err != nil {
		return fmt.Errorf("keep the report of the verification: %w", err)
	}
	return nil
}

// report reads a deploy's report; a deploy that was not verified has none.
func (v verifier) report(id int64) (*replay.Report, error) {
	data, err := os.ReadFile(v.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	r := &replay.Report{}
	if err == nil {
		err = json.Unmarshal(data, r)
	}
	if err != nil {
		return nil, fmt.Errorf("report of deploy %d: %w", id, err)
	}
	return r, nil
}
