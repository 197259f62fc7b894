package records

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// planted finds a text in the raw files of a folder.
func planted(t *testing.T, dir string, text []byte) (where []string) {
	t.Helper()
	ok(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, text) {
			where = append(where, filepath.Base(path))
		}
		return err
	}))
	return where
}

// TestErasedIsGoneFromTheDisk plants secrets in every place a record has, among others, and looks for them in the raw files.
func TestErasedIsGoneFromTheDisk(t *testing.T) {
	dir := t.TempDir()
	a := openSealed(t, dir)
	secret := func(n int) []byte { // does not shrink, so blocks show it
		b := make([]byte, 400)
		rand.NewChaCha8([32]byte{9, byte(n)}).Read(b)
		return b
	}
	shared := message(append(noise(90<<10), "shared"...))
	var victims []string
	for n := range 12 {
		xs := series(noon.Add(time.Duration(n)*time.Minute), 1+n*n)
		for i, x := range xs {
			x.User, x.Session = fmt.Sprintf("user-%d-%d", n, i), "session of nobody"
			if i%2 == 0 {
				x.User = "carol-of-the-planted-name"
				x.Session, x.Query, x.Error, x.Remote = "carol-session", "q=carol-query", "carol-error", "carol-host:1"
				x.Tags = map[string]string{"who": "carol-tag"}
				x.Request = message(append(secret(n), fmt.Sprint(i)...))
				x.Request.Header = http.Header{"X-Secret": {string(secret(n + 50))}}
				x.Request.Parts = []Part{{Name: "carol-part"}}
				x.Response = shared
				if i == 0 {
					x.Response = message(append(noise(80<<10), fmt.Sprint("carol-file", n)...))
				}
				victims = append(victims, x.ID)
			}
		}
		xs[len(xs)-1].Request = shared
		add(t, a, xs...)
	}
	other := exchange(noon.AddDate(0, 0, 1), 1)
	other.Request = shared
	add(t, a, other)
	_, err := a.Seal(t.Context(), later.AddDate(0, 0, 1), false)
	ok(t, err)
	for _, text := range [][]byte{secret(3)[100:200], []byte("carol-of-the-planted-name")} {
		if len(planted(t, dir, text)) == 0 {
			t.Fatalf("%q is nowhere before: the test would see nothing", text[:20])
		}
	}
	before := count(t, a)

	e, err := a.Erase(t.Context(), Filter{User: "carol-of-the-planted-name"})
	ok(t, err)
	if e.Records != int64(len(victims)) || e.Bodies != 12 || len(e.Warnings) > 0 {
		t.Errorf("erased %+v of %d", e, len(victims))
	}
	for n := range 12 {
		for _, text := range [][]byte{secret(n)[20:120], secret(n + 50)[20:120]} {
			if where := planted(t, dir, text); len(where) > 0 {
				t.Errorf("secret %d is still in %v", n, where)
			}
		}
	}
	for _, text := range []string{"carol-of-the-planted-name", "carol-session", "carol-query", "carol-error", "carol-host", "carol-tag", "carol-part", "carol-file"} {
		if where := planted(t, dir, []byte(text)); len(where) > 0 {
			t.Errorf("%s is still in %v", text, where)
		}
	}
	for _, id := range victims[:10] {
		x, err := a.Get(t.Context(), id)
		ok(t, err)
		if !x.Request.Erased || !x.Response.Erased || x.Request.Body != nil || x.User+x.Session+x.Query != "" || len(x.Request.Header)+len(x.Tags)+len(x.Request.Parts) > 0 {
			t.Errorf("an erased record is %+v", x)
		}
		if x.Path != "/predict" || x.Status != 200 || x.Request.Size == 0 || x.Request.SHA256 == [32]byte{} {
			t.Errorf("of an erased record more is gone than should: %+v", x)
		}
	}
	if n := count(t, a); n != before {
		t.Errorf("%d records are left of %d", n, before)
	}
	got, err := a.Get(t.Context(), other.ID)
	ok(t, err)
	sameMessage(t, "another's body", got.Request, shared)
	if v := verdict(t, a); !v.Sound || v.Days[0].Erased != int64(len(victims)) {
		t.Errorf("after erasing the verdict is %+v", v.Days[0].Bad)
	}
	if e, err = a.Erase(t.Context(), Filter{User: "carol-of-the-planted-name"}); err != nil || e.Records != 0 {
		t.Errorf("erased again: %+v %v", e, err)
	}
	add(t, a, series(noon.Add(5*time.Hour), 30)...)
	ok(t, a.Close())
	a = openSealed(t, dir)
	add(t, a, series(noon.Add(6*time.Hour), 30)...)
	if v := verdict(t, a); !v.Sound {
		t.Errorf("after going on the verdict is %+v", v.Days[0].Bad)
	}
}

// TestErasingBesideWork appends, lists, verifies and erases at the same time.
func TestErasingBesideWork(t *testing.T) {
	a := openSealed(t, t.TempDir())
	var all sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		all.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				v, err := a.Verify(context.Background(), time.Time{}, time.Time{})
				if err != nil || !v.Sound {
					t.Errorf("verdict %+v, %+v, %v", v, v.Days[0].Bad, err)
					return
				}
				if _, err := a.List(context.Background(), Filter{Limit: 50}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for n := range 12 {
		xs := series(noon.Add(time.Duration(n)*time.Minute), 20)
		for i, x := range xs {
			x.User = fmt.Sprint("u", i%2)
		}
		add(t, a, xs...)
		if n%4 == 3 {
			_, err := a.Erase(t.Context(), Filter{User: "u1"})
			ok(t, err)
			_, err = a.Retain(t.Context(), noon, 0, map[string]Retention{"ocr": {Rows: 1}})
			ok(t, err)
		}
	}
	close(done)
	all.Wait()
	v := verdict(t, a)
	if !v.Sound || v.Days[0].Records != 240 || v.Days[0].Erased != 120 {
		t.Errorf("verdict is %+v", v.Days[0])
	}
}
