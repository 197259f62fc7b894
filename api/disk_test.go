package api

import (
	"context"
	"net/http/httptest"
	"testing"

	"aictl/disk"
)

var diskRoutes = []string{"GET /api/v1/disk", "POST /api/v1/prune"}

// fakeUpkeep has one thing that can go.
type fakeUpkeep struct{ pruned int }

func (f *fakeUpkeep) Usage(context.Context) (disk.Usage, error) {
	return disk.Usage{
		Root: "/data", Space: disk.Space{Free: 7, Total: 9}, Bytes: 5, Folders: []disk.Folder{{Name: "envs", Bytes: 4, Files: 2}},
		Services: []disk.Service{{Name: "ocr", Releases: 2, ReleaseBytes: 3, Own: 1, Common: 8, LogBytes: 2}},
	}, nil
}

func (f *fakeUpkeep) Plan(context.Context) (disk.Plan, error) {
	return disk.Plan{Items: []disk.Item{{Find: disk.Find{Kind: "release", Service: "ocr", Name: "r1", Paths: []string{"/data/a", "/data/b"}, Bytes: 12}}}, Bytes: 12}, nil
}

func (f *fakeUpkeep) Prune(ctx context.Context) (disk.Plan, error) {
	f.pruned++
	plan, err := f.Plan(ctx)
	plan.Items[0].Removed = true
	return plan, err
}

func TestDiskAndPrune(t *testing.T) {
	f := &fakeUpkeep{}
	s := newServer(t, newBackend())
	s.deps.Upkeep = f
	srv := httptest.NewServer(s.Handler(false))
	defer srv.Close()
	c, err := NewClient(Target{URL: srv.URL, Token: testToken})
	if err != nil {
		t.Fatal(err)
	}
	u, err := c.Disk(t.Context())
	if err != nil || u.Free != 7 || u.Services[0].Bytes != 6 || u.Services[0].Common != 8 || u.Folders[0].Files != 2 {
		t.Errorf("%+v, %v", u, err)
	}
	dry, err := c.Prune(t.Context(), PruneRequest{DryRun: true})
	if err != nil || f.pruned != 0 || !dry.DryRun || dry.Items[0].Removed || dry.Items[0].Path != "/data/a" || dry.Items[0].Paths != 2 {
		t.Errorf("%+v, %v, %d", dry, err, f.pruned)
	}
	done, err := c.Prune(t.Context(), PruneRequest{})
	if err != nil || f.pruned != 1 || done.DryRun || !done.Items[0].Removed || done.Bytes != 12 {
		t.Errorf("%+v, %v, %d", done, err, f.pruned)
	}
}
