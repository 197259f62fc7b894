package store

import (
	"bytes"
	"strings"
	"testing"
)

func TestVersionsOutliveReleases(t *testing.T) {
	s := openTest(t)
	ctx := t.Context()
	addService(t, s, "ocr")
	first, second, failed := addRelease(t, s, "ocr"), addRelease(t, s, "ocr"), addRelease(t, s, "ocr")
	ok(t, s.SetRelease(ctx, "ocr", first.ID, ""))
	ok(t, s.SetRelease(ctx, "ocr", second.ID, first.ID))
	openapi := []byte(`{"openapi":"3.1.0","x":"` + strings.Repeat("long ", 10_000) + `"}`)
	snap := Snapshot{Service: "ocr", Release: first.ID, Info: []byte(`{"version":"1"}`), OpenAPI: openapi}
	line := AlgorithmVersion{Version: "1.0", Operations: 3, Base: "r0-1a2b3c4d", Breaking: 2, Report: []byte(`{"changes":[]}`)}
	ok(t, s.SetSnapshot(ctx, snap, line))
	ok(t, s.SetSnapshot(ctx, snap, line)) // a daemon may do it again
	wantErr(t, s.SetSnapshot(ctx, Snapshot{Service: "ocr", Release: "r9-1a2b3c4d"}, line), ErrNotFound)

	got, err := s.Snapshot(ctx, "ocr", first.ID)
	ok(t, err)
	if !bytes.Equal(got.OpenAPI, openapi) || string(got.Info) != `{"version":"1"}` || got.TakenAt.IsZero() {
		t.Errorf("snapshot: %.80s %s %v", got.OpenAPI, got.Info, got.TakenAt)
	}
	_, err = s.Snapshot(ctx, "ocr", second.ID)
	wantErr(t, err, ErrNotFound)

	// One that never was live leaves nothing.
	ok(t, s.DeleteRelease(ctx, "ocr", failed.ID))
	third := addRelease(t, s, "ocr")
	ok(t, s.SetRelease(ctx, "ocr", third.ID, second.ID))
	ok(t, s.DeleteRelease(ctx, "ocr", first.ID))
	_, err = s.Snapshot(ctx, "ocr", first.ID)
	wantErr(t, err, ErrNotFound)
	_, err = s.AlgorithmVersion(ctx, "ocr", failed.ID)
	wantErr(t, err, ErrNotFound)

	all, err := s.AlgorithmVersions(ctx, "ocr", "", 0)
	ok(t, err)
	if len(all) != 3 || all[0].Release != third.ID || all[2].Release != first.ID {
		t.Fatalf("versions: %+v", all)
	}
	if v := all[2]; v.Kept || v.LiveAt.IsZero() || v.Version != "1.0" || v.Breaking != 2 || v.Operations != 3 || string(v.Report) != `{"changes":[]}` || v.Commit != sha {
		t.Errorf("the line of the release that has gone: %+v", v)
	}
	if !all[0].Kept || all[0].LiveAt.IsZero() {
		t.Errorf("the live one: %+v", all[0])
	}
	page, err := s.AlgorithmVersions(ctx, "ocr", third.ID, 1)
	ok(t, err)
	if len(page) != 1 || page[0].Release != second.ID {
		t.Errorf("page: %+v", page)
	}
	live, count, err := s.LiveVersions(ctx)
	ok(t, err)
	if live["ocr"].Release != third.ID || count["ocr"] != 3 {
		t.Errorf("live %+v, %v", live, count)
	}
	ok(t, s.DeleteService(ctx, "ocr"))
	if all, err := s.AlgorithmVersions(ctx, "ocr", "", 0); err != nil || len(all) != 0 {
		t.Errorf("after the service's end: %+v, %v", all, err)
	}
}
