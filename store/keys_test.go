package store

import (
	"reflect"
	"testing"
	"time"
)

func TestAPIKeys(t *testing.T) {
	s := openTest(t)
	ctx := t.Context()
	if _, err := s.CreateService(ctx, Service{Name: "ocr", Wanted: WantedStopped, Replicas: 1, Source: Source{Kind: "dir", URL: "/srv/ocr"}}); err != nil {
		t.Fatal(err)
	}
	web := APIKey{Name: "web", Service: "ocr", Hash: [32]byte{1}, Hint: "wxyz", Rate: []byte(`{"requests":5}`), Actor: "root",
		ExpiresAt: time.Date(2100, 1, 2, 3, 4, 5, 0, time.UTC)}
	all := APIKey{Name: "all", Hash: [32]byte{2}, Rate: []byte("{}")}
	for _, k := range []APIKey{web, all} {
		if err := s.AddAPIKey(ctx, k); err != nil {
			t.Fatal(err)
		}
	}
	wantErr(t, s.AddAPIKey(ctx, APIKey{Name: "web", Hash: [32]byte{3}, Rate: []byte("{}")}), ErrConflict)
	wantErr(t, s.AddAPIKey(ctx, APIKey{Name: "x", Service: "nope", Hash: [32]byte{4}, Rate: []byte("{}")}), ErrNotFound)
	wantErr(t, s.RemoveAPIKey(ctx, "x"), ErrNotFound)

	keys, err := s.APIKeys(ctx)
	if err != nil || len(keys) != 2 || keys[0].Name != "all" || keys[0].Service != "" || !keys[0].ExpiresAt.IsZero() {
		t.Fatalf("%+v, %v", keys, err)
	}
	if got := keys[1]; got.CreatedAt.IsZero() {
		t.Error("not dated")
	} else if got.CreatedAt = (time.Time{}); !reflect.DeepEqual(got, web) {
		t.Errorf("%+v\nwant %+v", got, web)
	}
	if err := s.RemoveAPIKey(ctx, "all"); err != nil {
		t.Error(err)
	}
	if err := s.DeleteService(ctx, "ocr"); err != nil {
		t.Fatal(err)
	}
	if keys, err := s.APIKeys(ctx); err != nil || len(keys) != 0 {
		t.Errorf("after its service went: %+v, %v", keys, err)
	}
}
