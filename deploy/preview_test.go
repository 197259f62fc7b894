package deploy

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"aictl/store"
)

func (r *rig) preview(req Request) Preview {
	r.t.Helper()
	p, err := r.Preview(r.t.Context(), req)
	must(r.t, err)
	return p
}

func changed(p Preview) (keys []string) {
	for _, c := range p.Changes {
		keys = append(keys, c.Key+":"+string(c.Effect))
	}
	return keys
}

// What a preview says is what the deploy does, and a preview leaves nothing behind.
func TestPreview(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	o := newOrigin(t, plain(""))
	req := Request{Source: o.source()}
	p := r.preview(req)
	if p.Service != "svc" || p.Live.ID != "" || p.Before != 0 || p.After != 1 || len(p.Changes) > 0 || p.Env.Detail != "none needed" {
		t.Errorf("a new service: %+v", p)
	}
	if all, err := r.Store.Services(t.Context(), "", 0); err != nil || len(all) > 0 {
		t.Errorf("a preview made %+v, %v", all, err)
	}
	live := r.deploy(o)
	p = r.preview(req)
	if p.Live.ID != live.Release || len(p.Changes) > 0 || !p.Env.Same || !p.Env.Ready || p.Before != 1 || p.After != 1 {
		t.Errorf("the same again: %+v", p)
	}
	for manifest, want := range map[string]string{
		"restart: {policy: on-failure}\n":           "commit:process restart.policy:policy",
		"replicas: 3\n":                             "commit:process replicas:scale",
		"env: {A: b}\n":                             "commit:process env.A:process",
		"strategy: recreate\nrecord: {mode: off}\n": "commit:process strategy:deploy record.mode:policy",
	} {
		o.commit(plain(manifest))
		p := r.preview(req)
		if got := strings.Join(changed(p), " "); got != want {
			t.Errorf("%q: %s, want %s", manifest, got, want)
		}
		if want := 1 + 2*strings.Count(manifest, "replicas"); p.After != want || p.Before != 1 || !p.Env.Same {
			t.Errorf("%q: %d instances, want %d", manifest, p.After, want)
		}
	}
	req.Replicas, req.Env = new(2), map[string]string{"API_KEY": "secret"}
	p = r.preview(req)
	if p.After != 2 || !slices.Contains(changed(p), "--env API_KEY:process") {
		t.Errorf("%+v", p)
	}
	for _, c := range p.Changes {
		if strings.Contains(c.New, "secret") {
			t.Errorf("%+v tells a secret", c)
		}
	}
	_, err := r.Store.UpdateService(t.Context(), "svc", func(s *store.Service) error {
		s.ReplicasPinned = true
		return nil
	})
	must(t, err)
	o.commit(plain("replicas: 5\n"))
	if p := r.preview(Request{Source: o.source()}); p.After != 1 || !slices.ContainsFunc(p.Warnings, func(w string) bool { return strings.Contains(w, "set to 1 by a user") }) {
		t.Errorf("pinned: %+v", p)
	}
	left, err := os.ReadDir(r.incoming(""))
	if err != nil && !errors.Is(err, os.ErrNotExist) || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if svc := r.service("svc"); svc.Release != live.Release || len(svc.Env) > 0 || svc.Replicas != 1 {
		t.Errorf("changed: %+v", svc)
	}
}

func TestPreviewOfWhatCannotBeDeployed(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	o := newOrigin(t, map[string]string{"aictl.yaml": "comand: x\n"})
	if _, err := r.Preview(t.Context(), Request{Source: o.source()}); !errors.Is(err, ErrUndeployable) || !strings.Contains(err.Error(), "aictl.yaml:1") {
		t.Errorf("%v", err)
	}
	if _, err := r.Preview(t.Context(), Request{Source: store.Source{Kind: "svn", URL: "x"}}); !errors.Is(err, ErrSource) {
		t.Errorf("%v", err)
	}
	good := newOrigin(t, plain("name: other\n"))
	r.deploy(good)
	taken := newOrigin(t, plain("name: other\n"))
	if _, err := r.Preview(t.Context(), Request{Source: taken.source()}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("%v", err)
	}
}
