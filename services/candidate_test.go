package services

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"aictl/configs"
	"aictl/store"
)

func TestCandidateRunsBesideTheLiveInstances(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	live := r.deploy(t, "ocr", 1)
	next := r.release(t, "ocr", nil)
	number, _, _ := strings.Cut(next.ID, "-")
	c, err := r.Candidate(ctx, "ocr", number, 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	targets := c.Targets()
	if len(targets) != 2 || targets[0].Instance != "ocr/2" || targets[0].Release != next.ID || c.Release != next.ID {
		t.Errorf("targets %+v", targets)
	}
	if got := answerOf(t, targets[1].Addr); !strings.Contains(got, next.ID) {
		t.Errorf("the candidate answers %s", got)
	}
	if got := r.router.targets("ocr"); got != "ocr/1" {
		t.Errorf("requests go to %s", got)
	}
	views, err := r.Status(ctx, nil)
	if err != nil || views[0].Ready != 1 || views[0].Service.Release != live.ID || views[0].Instances[2].Purpose != store.PurposeCandidate {
		t.Errorf("status %+v, %v", views, err)
	}
	if err := r.Store.DeleteRelease(ctx, "ocr", next.ID); !errors.Is(err, store.ErrConflict) {
		t.Errorf("its release could be removed: %v", err)
	}
	for range 2 {
		if err := c.Stop(ctx); err != nil {
			t.Fatal(err)
		}
	}
	left, err := r.Store.Instances(ctx, "ocr", "")
	if err != nil || len(left) != 1 || r.keeper.knows("ocr/2") || r.keeper.knows("ocr/3") {
		t.Errorf("left behind %v, %v", left, err)
	}
}

func TestCandidateOfTheLiveReleaseStaysACandidate(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	first := r.deploy(t, "ocr", 1)
	r.deploy(t, "ocr", 1)
	c, err := r.Candidate(ctx, "ocr", first.ID, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := r.Launch(ctx, "ocr", first.ID, 1) // a rollback to the release that is tried
	if err != nil {
		t.Fatal(err)
	}
	if err := r.AwaitHealthy(ctx, idsOf(rows), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Switch(ctx, "ocr", first.ID, idsOf(rows)); err != nil {
		t.Fatal(err)
	}
	stored, err := r.Store.Instance(ctx, c.Targets()[0].Instance)
	if err != nil || stored.Live || r.router.targets("ocr") != rows[0].ID {
		t.Errorf("stored %+v, routed to %s, %v", stored, r.router.targets("ocr"), err)
	}
}

func TestCandidateThatFailsLeavesNothing(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	r.deploy(t, "ocr", 1)
	broken := r.release(t, "ocr", nil)
	r.keeper.mark(r.keeper.broken, broken.ID)
	job := r.release(t, "ocr", func(m *configs.Manifest) { m.Kind = configs.KindOneshot })
	alone := r.release(t, "ocr", func(m *configs.Manifest) { m.Strategy = configs.Recreate })
	for name, c := range map[string]struct {
		service, release string
		kind             error
		says             string
	}{
		"exits":      {"ocr", broken.ID, ErrNotHealthy, "exited with code 3"},
		"job":        {"ocr", job.ID, ErrNotTriable, "serves no requests"},
		"recreate":   {"ocr", alone.ID, ErrNotTriable, "stop the service first"},
		"no release": {"ocr", "r77", store.ErrNotFound, "kept are " + alone.ID},
		"no service": {"ocd", "r1", store.ErrNotFound, "service ocd"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := r.Candidate(ctx, c.service, c.release, 1, nil)
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v", err)
			}
		})
	}
	left, err := r.Store.Instances(ctx, "ocr", "")
	if err != nil || len(left) != 1 {
		t.Errorf("left behind %v, %v", left, err)
	}
	r.ports.mu.Lock()
	r.ports.full = errors.New("no port is free")
	r.ports.mu.Unlock()
	good := r.release(t, "ocr", nil)
	if _, err := r.Candidate(ctx, "ocr", good.ID, 2, nil); err == nil || !strings.Contains(err.Error(), "no port is free") {
		t.Errorf("error %v", err)
	}
	if left, err := r.Store.Instances(ctx, "ocr", ""); err != nil || len(left) != 1 {
		t.Errorf("left behind %v, %v", left, err)
	}
}

func TestBootStopsLeftCandidates(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	r.deploy(t, "ocr", 1)
	next := r.release(t, "ocr", nil)
	if _, err := r.Candidate(ctx, "ocr", next.ID, 1, nil); err != nil {
		t.Fatal(err)
	}
	if err := r.Boot(ctx); err != nil { // as the daemon that follows one that was killed
		t.Fatal(err)
	}
	left, err := r.Store.Instances(ctx, "ocr", "")
	if err != nil || len(left) != 1 || r.keeper.knows("ocr/2") || r.router.targets("ocr") != "ocr/1" {
		t.Errorf("left behind %v, %v", left, err)
	}
}

func answerOf(t *testing.T, addr string) string {
	t.Helper()
	res, err := http.Get("http://" + addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
