package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	crashHelper()
	goleak.VerifyTestMain(m)
}

var testKey = []byte("0123456789abcdef0123456789abcdef")

const sha = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"

// ticking is a clock that goes on by a second with every look.
func ticking() func() time.Time {
	at := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	return func() time.Time { at = at.Add(time.Second); return at }
}

func openTest(t *testing.T) *Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "aictl.db"))
}

func openAt(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Path: path, Key: testKey, Now: ticking()})
	ok(t, err)
	t.Cleanup(func() { ok(t, s.Close()) })
	return s
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error is %v, want %v", err, kind)
	}
}

func addService(t testing.TB, s *Store, name string) Service {
	t.Helper()
	v, err := s.CreateService(context.Background(), Service{Name: name, Source: Source{Kind: "dir", URL: "/src/" + name}, Replicas: 1})
	ok(t, err)
	return v
}

func addRelease(t testing.TB, s *Store, service string) Release {
	t.Helper()
	v, err := s.CreateRelease(context.Background(), Release{Service: service, Commit: sha, Dir: "/releases/x", EnvKey: "e1", Argv: []string{"python", "main.py"}})
	ok(t, err)
	return v
}

func TestDatabaseIsPrivateAndSetUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a folder with % and ?", "aictl.db")
	ok(t, os.Mkdir(filepath.Dir(path), 0o700))
	s := openAt(t, path)
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		ok(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has permissions %o", name, info.Mode().Perm())
		}
	}
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "page_size": "8192",
		"busy_timeout": "5000", "journal_size_limit": "67108864",
	} {
		var got string
		ok(t, s.w.QueryRow("PRAGMA "+pragma).Scan(&got))
		if got != want {
			t.Errorf("%s is %s, want %s", pragma, got, want)
		}
	}
	_, err := s.r.Exec("DELETE FROM services")
	wantErr(t, wrap(err, "write through a reader"), ErrReadOnly)
}

func TestServices(t *testing.T) {
	s, ctx := openTest(t), t.Context()
	want := Service{
		Name: "ocr", Source: Source{Kind: "git", URL: "https://git.example/ocr.git", Ref: "main", Subdir: "svc"}, Wanted: WantedStopped,
		Replicas: 2, ReplicasPinned: true, Groups: []string{"vision", "图像"}, Env: map[string]string{"TOKEN": "s3cret", "": "x=y"},
	}
	created, err := s.CreateService(ctx, want)
	ok(t, err)
	got, err := s.Service(ctx, "ocr")
	ok(t, err)
	equal(t, got, created)
	_, err = s.CreateService(ctx, want)
	wantErr(t, err, ErrConflict)
	_, err = s.CreateService(ctx, Service{})
	if err == nil {
		t.Error("a service without a name was created")
	}
	for _, name := range []string{"a", "b", "c"} {
		addService(t, s, name)
	}
	page, err := s.Services(ctx, "a", 2)
	ok(t, err)
	if len(page) != 2 || page[0].Name != "b" || page[1].Name != "c" {
		t.Errorf("page after a is %v", page)
	}
	all, err := s.Services(ctx, "", 0)
	ok(t, err)
	if len(all) != 4 {
		t.Errorf("%d services, want 4", len(all))
	}
	ok(t, s.SetWanted(ctx, "ocr", WantedRunning))
	ok(t, s.SetReplicas(ctx, "ocr", 5, false))
	ok(t, s.SetEnv(ctx, "ocr", nil))
	got, err = s.Service(ctx, "ocr")
	ok(t, err)
	if got.Wanted != WantedRunning || got.Replicas != 5 || got.ReplicasPinned || got.Env != nil || !got.UpdatedAt.After(created.UpdatedAt) {
		t.Errorf("after the changes it is %+v", got)
	}
	ok(t, s.DeleteService(ctx, "ocr"))
	_, err = s.Service(ctx, "ocr")
	wantErr(t, err, ErrNotFound)
	for _, err := range []error{s.SetWanted(ctx, "ocr", WantedRunning), s.SetReplicas(ctx, "ocr", 1, true), s.SetRelease(ctx, "ocr", "", ""), s.DeleteService(ctx, "ocr"), s.SetEnv(ctx, "ocr", nil)} {
		wantErr(t, err, ErrNotFound)
	}
}

func TestUpdateServiceIsAllOrNothing(t *testing.T) {
	s, ctx := openTest(t), t.Context()
	before := addService(t, s, "ocr")
	boom := errors.New("boom")
	_, err := s.UpdateService(ctx, "ocr", func(v *Service) error { v.Replicas = 9; return boom })
	wantErr(t, err, boom)
	got, err := s.Service(ctx, "ocr")
	ok(t, err)
	equal(t, got, before)
	_, err = s.UpdateService(ctx, "ocr", func(v *Service) error { v.Name, v.Release, v.Replicas = "other", "r9-00000000", 9; return nil })
	ok(t, err)
	got, err = s.Service(ctx, "ocr")
	ok(t, err)
	if got.Release != "" || got.Replicas != 9 {
		t.Errorf("after the update it is %+v", got)
	}
}

func TestReleases(t *testing.T) {
	s, ctx := openTest(t), t.Context()
	addService(t, s, "ocr")
	addService(t, s, "nlp")
	var made []Release
	for range 3 {
		made = append(made, addRelease(t, s, "ocr"))
	}
	if made[0].ID != "r1-1a2b3c4d" || made[2].ID != "r3-1a2b3c4d" {
		t.Errorf("ids are %s … %s", made[0].ID, made[2].ID)
	}
	other := addRelease(t, s, "nlp")
	if other.ID != "r1-1a2b3c4d" {
		t.Errorf("another service counts on its own, but got %s", other.ID)
	}
	got, err := s.Release(ctx, "ocr", "r2-1a2b3c4d")
	ok(t, err)
	equal(t, got, made[1])
	page, err := s.Releases(ctx, "ocr", "r3-1a2b3c4d", 1)
	ok(t, err)
	if len(page) != 1 || page[0].ID != "r2-1a2b3c4d" {
		t.Errorf("page before r3 is %v", page)
	}
	keys, err := s.EnvKeys(ctx)
	ok(t, err)
	if keys["e1"] != 4 {
		t.Errorf("environments are used %v", keys)
	}
	_, err = s.CreateRelease(ctx, made[0])
	wantErr(t, err, ErrConflict)
	_, err = s.CreateRelease(ctx, Release{Service: "none", Commit: sha})
	wantErr(t, err, ErrNotFound)
	for _, id := range []string{"12", "r0-1a2b3c4d", "r01-1a2b3c4d", "r1-xyz", "r1-1a2b3c4d5", "r-1-1a2b3c4d", "r+1-1a2b3c4d"} {
		if _, err := s.CreateRelease(ctx, Release{Service: "ocr", ID: id, Commit: sha}); err == nil {
			t.Errorf("release id %q was taken", id)
		}
	}
	for _, commit := range []string{"", "main", sha[:8], "zz" + sha[2:]} {
		if _, err := s.NextReleaseID(ctx, "ocr", commit); err == nil {
			t.Errorf("commit %q was taken", commit)
		}
	}
}

func TestReleaseNumbersAreNeverGivenTwice(t *testing.T) {
	s, ctx := openTest(t), t.Context()
	addService(t, s, "ocr")
	addRelease(t, s, "ocr")
	ok(t, s.DeleteService(ctx, "ocr"))
	addService(t, s, "ocr")
	ids := make(chan string, 20)
	for range cap(ids) {
		go func() {
			id, err := s.NextReleaseID(ctx, "ocr", sha)
			if err != nil {
				t.Error(err)
			}
			ids <- id
		}()
	}
	seen := map[string]bool{"r1-1a2b3c4d": true}
	for range cap(ids) {
		id := <-ids
		if seen[id] {
			t.Errorf("%s was given twice", id)
		}
		seen[id] = true
	}
}

func TestSetReleaseMovesLiveFlagsAlong(t *testing.T) {
	s, ctx := openTest(t), t.Context()
	addService(t, s, "ocr")
	r1, r2 := addRelease(t, s, "ocr"), addRelease(t, s, "ocr")
	old, err := s.AddInstances(ctx, "ocr", r1.ID, 2, true)
	ok(t, err)
	ok(t, s.SetRelease(ctx, "ocr", r1.ID, ""))
	fresh, err := s.AddInstances(ctx, "ocr", r2.ID, 2, false)
	ok(t, err)
	wantErr(t, s.SetRelease(ctx, "ocr", "r9-1a2b3c4d", r1.ID), ErrNotFound)
	liveOf := func() (live []string) {
		all, err := s.Instances(ctx, "ocr", "")
		ok(t, err)
		for _, i := range all {
			if i.Live {
				live = append(live, i.ID)
			}
		}
		return live
	}
	equal(t, liveOf(), []string{old[0].ID, old[1].ID})
	ok(t, s.SetRelease(ctx, "ocr", r2.ID, r1.ID))
	equal(t, liveOf(), []string{fresh[0].ID, fresh[1].ID})
	for _, id := range []string{r1.ID, r2.ID} {
		wantErr(t, s.DeleteRelease(ctx, "ocr", id), ErrConflict)
	}
	ok(t, s.SetRelease(ctx, "ocr", r2.ID, ""))
	wantErr(t, s.DeleteRelease(ctx, "ocr", r1.ID), ErrConflict) // it still has instances
	for _, i := range old {
		ok(t, s.DeleteInstance(ctx, i.ID))
	}
	ok(t, s.DeleteRelease(ctx, "ocr", r1.ID))
	wantErr(t, s.DeleteRelease(ctx, "ocr", r1.ID), ErrNotFound)
}

func TestInstancesTakeTheSmallestFreeSlots(t *testing.T) {
	s, ctx := openTest(t), t.Context()
	addService(t, s, "ocr")
	r := addRelease(t, s, "ocr")
	slots := func(is []Instance) (n []int) {
		for _, i := range is {
			n = append(n, i.Slot)
		}
		return n
	}
	added, err := s.AddInstances(ctx, "ocr", r.ID, 4, true)
	ok(t, err)
	equal(t, slots(added), []int{1, 2, 3, 4})
	ok(t, s.DeleteInstance(ctx, "ocr/1"))
	ok(t, s.DeleteInstance(ctx, "ocr/3"))
	added, err = s.AddInstances(ctx, "ocr", r.ID, 3, false)
	ok(t, err)
	equal(t, slots(added), []int{1, 3, 5})
	ok(t, s.SetInstancePort(ctx, "ocr/5", 8005))
	got, err := s.Instance(ctx, "ocr/5")
	ok(t, err)
	equal(t, got, Instance{ID: "ocr/5", Service: "ocr", Slot: 5, Release: r.ID, Port: 8005})
	_, err = s.AddInstances(ctx, "ocr", "r9-1a2b3c4d", 1, false)
	wantErr(t, err, ErrNotFound)
	for _, id := range []string{"", "ocr", "/1", "ocr/", "ocr/0", "ocr/-1", "ocr/x", "ocr/77"} {
		_, err := s.Instance(ctx, id)
		wantErr(t, err, ErrNotFound)
		wantErr(t, s.DeleteInstance(ctx, id), ErrNotFound)
		wantErr(t, s.SetInstancePort(ctx, id, 1), ErrNotFound)
	}
}

func TestLeases(t *testing.T) {
	s, ctx := openTest(t), t.Context()
	ok(t, s.Lease(ctx, 8001, "ocr/1"))
	ok(t, s.Lease(ctx, 8001, "ocr/1"))
	wantErr(t, s.Lease(ctx, 8001, "nlp/1"), ErrConflict)
	wantErr(t, s.Lease(ctx, 8002, "ocr/1"), ErrConflict)
	ok(t, s.Lease(ctx, 8003, "nlp/1"))
	ok(t, s.Unlease(ctx, 8001, "nlp/1")) // not its own: nothing happens
	port, has, err := s.LeaseOf(ctx, "ocr/1")
	if err != nil || !has || port != 8001 {
		t.Errorf("lease of ocr/1: %d, %t, %v", port, has, err)
	}
	if port, has, err := s.LeaseOf(ctx, "ocr/2"); err != nil || has {
		t.Errorf("lease of ocr/2: %d, %t, %v", port, has, err)
	}
	got, err := s.Leases(ctx)
	ok(t, err)
	equal(t, got, map[int]string{8001: "ocr/1", 8003: "nlp/1"})
	ok(t, s.Unlease(ctx, 8001, "ocr/1"))
	ok(t, s.Lease(ctx, 8001, "nlp/2"))
	if err := s.Lease(ctx, 70000, "x"); err == nil {
		t.Error("port 70000 was leased")
	}
}

func TestDeletedServiceTakesItsInstancesAndLeasesAlong(t *testing.T) {
	s, ctx := openTest(t), t.Context()
	for _, name := range []string{"ocr", "ocr2"} {
		addService(t, s, name)
		_, err := s.AddInstances(ctx, name, addRelease(t, s, name).ID, 1, true)
		ok(t, err)
	}
	ok(t, s.Lease(ctx, 8001, "ocr/1"))
	ok(t, s.Lease(ctx, 8002, "ocr2/1"))
	d, _, err := s.EnqueueDeploy(ctx, Deploy{Service: "ocr"})
	ok(t, err)
	ok(t, s.DeleteService(ctx, "ocr"))
	leases, err := s.Leases(ctx)
	ok(t, err)
	equal(t, leases, map[int]string{8002: "ocr2/1"})
	left, err := s.Instances(ctx, "", "")
	ok(t, err)
	if len(left) != 1 || left[0].Service != "ocr2" {
		t.Errorf("instances left: %v", left)
	}
	_, err = s.Deploy(ctx, d.ID)
	ok(t, err)
}

func TestLiveReleases(t *testing.T) {
	s, ctx := openTest(t), t.Context()
	addService(t, s, "new")
	addService(t, s, "ocr")
	first := addRelease(t, s, "ocr")
	second := addRelease(t, s, "ocr")
	addService(t, s, "nlp")
	addRelease(t, s, "nlp") // never live
	ok(t, s.SetRelease(ctx, "ocr", first.ID, ""))
	ok(t, s.SetRelease(ctx, "ocr", second.ID, first.ID))
	want, err := s.Release(ctx, "ocr", second.ID)
	ok(t, err)
	asked := s.Asked()
	live, err := s.LiveReleases(ctx)
	ok(t, err)
	equal(t, live, map[string]Release{"ocr": want})
	commits, err := s.LiveCommits(ctx)
	ok(t, err)
	equal(t, commits, map[string]string{"ocr": want.Commit})
	if n := s.Asked() - asked; n != 2 {
		t.Errorf("two questions were %d queries", n)
	}
}

func TestSettings(t *testing.T) {
	s, ctx := openTest(t), t.Context()
	ok(t, s.SetSetting(ctx, "gateway.listen", "a", false, "ann"))
	ok(t, s.SetSetting(ctx, "gateway.listen", "", false, "bob"))
	ok(t, s.SetSetting(ctx, "gitea.token", "s3cret", true, "ann"))
	ok(t, s.SetSetting(ctx, "gitea.url", "http://g", false, "ann"))
	got, err := s.Setting(ctx, "gitea.token")
	ok(t, err)
	if got.Value != "s3cret" || !got.Secret {
		t.Errorf("secret came back as %+v", got)
	}
	page, err := s.Settings(ctx, "gitea.", "", 0)
	ok(t, err)
	if len(page) != 2 || page[0].Value != "" || page[1].Value != "http://g" {
		t.Errorf("settings of gitea are %+v", page)
	}
	page, err = s.Settings(ctx, "", "gateway.listen", 1)
	ok(t, err)
	if len(page) != 1 || page[0].Key != "gitea.token" {
		t.Errorf("page is %+v", page)
	}
	history, err := s.SettingHistory(ctx, "gateway.listen", 0, 0)
	ok(t, err)
	if len(history) != 2 || history[0].Actor != "bob" || history[0].Removed || history[1].Value != "a" {
		t.Errorf("history is %+v", history)
	}
	ok(t, s.RestoreSetting(ctx, "gateway.listen", history[1].Revision, "cat"))
	ok(t, s.UnsetSetting(ctx, "gitea.token", "ann"))
	_, err = s.Setting(ctx, "gitea.token")
	wantErr(t, err, ErrNotFound)
	wantErr(t, s.UnsetSetting(ctx, "gitea.token", "ann"), ErrNotFound)
	secrets, err := s.SettingHistory(ctx, "gitea.token", 0, 0)
	ok(t, err)
	if len(secrets) != 2 || !secrets[0].Removed || secrets[1].Value != "" {
		t.Errorf("history of the secret is %+v", secrets)
	}
	ok(t, s.RestoreSetting(ctx, "gitea.token", secrets[1].Revision, "ann"))
	got, err = s.Setting(ctx, "gitea.token")
	ok(t, err)
	if got.Value != "s3cret" {
		t.Errorf("restored secret is %+v", got)
	}
	got, err = s.Setting(ctx, "gateway.listen")
	ok(t, err)
	if got.Value != "a" {
		t.Errorf("restored setting is %+v", got)
	}
	wantErr(t, s.RestoreSetting(ctx, "gateway.listen", secrets[1].Revision, "ann"), ErrNotFound)
}
