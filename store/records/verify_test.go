package records

import (
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aictl/store"
)

// openSealed is an archive with seals in a database of its own.
func openSealed(t *testing.T, dir string) *Archive {
	t.Helper()
	book, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, "aictl.db"), Key: make([]byte, 32)})
	ok(t, err)
	a, err := Open(filepath.Join(dir, "records"), Options{Logger: slog.New(slog.DiscardHandler), Book: book})
	ok(t, err)
	t.Cleanup(func() {
		ok(t, a.Close())
		ok(t, book.Close())
	})
	return a
}

var later = noon.AddDate(0, 0, 1).Add(2 * time.Hour)

func verdict(t *testing.T, a *Archive) Verdict {
	t.Helper()
	v, err := a.Verify(t.Context(), time.Time{}, time.Time{})
	ok(t, err)
	return v
}

// tamper changes a day file as somebody with a database shell would.
func tamper(t *testing.T, a *Archive, d day, text string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite3", d.file(a.dir))
	ok(t, err)
	if _, err := db.Exec(text, args...); err != nil {
		t.Fatal(err)
	}
	ok(t, db.Close())
	a.cache.forget(d)
}

// blockData reads and rewrites the data of a block.
func rewrite(t *testing.T, a *Archive, d day, first int64, change func([]record) []record) {
	t.Helper()
	var data []byte
	db, err := sql.Open("sqlite3", d.file(a.dir))
	ok(t, err)
	ok(t, db.QueryRow(`SELECT data FROM blocks WHERE first = ?`, first).Scan(&data))
	ok(t, db.Close())
	raw, err := a.codec.unpackBlock(data)
	ok(t, err)
	recs, err := raw.records()
	ok(t, err)
	recs = change(recs)
	raw = newRaw(recs)
	for i := range recs {
		raw.add(&recs[i])
	}
	tamper(t, a, d, `UPDATE blocks SET data = ?, count = ? WHERE first = ?`, a.codec.packBlock(raw).seal(raw.fixed), len(recs), first)
}

func TestVerifyNamesTheFirstBadRecord(t *testing.T) {
	d := dayOf(noon)
	for name, tc := range map[string]struct {
		do     func(t *testing.T, a *Archive)
		seq    int64
		reason string
	}{
		"nothing": {func(*testing.T, *Archive) {}, -1, ""},
		"a body": {func(t *testing.T, a *Archive) {
			rewrite(t, a, d, 201, func(rs []record) []record { rs[40].sides[response].body = []byte("{}"); return rs })
		}, 241, "not what was committed"},
		"a header": {func(t *testing.T, a *Archive) {
			rewrite(t, a, d, 1, func(rs []record) []record { rs[7].texts[textRespHeader] = "A: b\n"; return rs })
		}, 8, "not what was committed"},
		"a status in block and row": {func(t *testing.T, a *Archive) {
			rewrite(t, a, d, 1, func(rs []record) []record { rs[7].status = 500; return rs })
			tamper(t, a, d, `UPDATE exchanges SET status = 500 WHERE seq = 8`)
		}, 8, "not what was committed"},
		"a row":         {func(t *testing.T, a *Archive) { tamper(t, a, d, `UPDATE exchanges SET status = 500 WHERE seq = 77`) }, 77, "row was changed"},
		"a row's name":  {func(t *testing.T, a *Archive) { tamper(t, a, d, `UPDATE names SET text = 'x' WHERE text = '/predict'`) }, 1, "row was changed"},
		"a row removed": {func(t *testing.T, a *Archive) { tamper(t, a, d, `DELETE FROM exchanges WHERE seq = 399`) }, 399, "row is missing"},
		"a row more": {func(t *testing.T, a *Archive) {
			tamper(t, a, d, `INSERT INTO exchanges SELECT x'00', 5, service, release, instance, method, path, model, user, source, "end", status, started_at, first_byte, duration, req_size, resp_size, flags FROM exchanges WHERE seq = 5`)
		}, 0, "401 rows of 400 records"},
		"two records swapped": {func(t *testing.T, a *Archive) {
			rewrite(t, a, d, 1, func(rs []record) []record { rs[3], rs[9] = rs[9], rs[3]; return rs })
		}, 4, "not in its place"},
		"a record cut out of a block": {func(t *testing.T, a *Archive) {
			rewrite(t, a, d, 1, func(rs []record) []record { return append(rs[:50:50], rs[51:]...) })
		}, 51, "not what was committed"},
		"two blocks swapped": {func(t *testing.T, a *Archive) {
			tamper(t, a, d, `UPDATE blocks SET data = (SELECT data FROM blocks b WHERE b.first = 202 - blocks.first)`)
		}, 1, "not in its place"},
		"a block removed": {func(t *testing.T, a *Archive) { tamper(t, a, d, `DELETE FROM blocks WHERE first = 1`) }, 1, "records 1 to 200 are missing"},
		"a garbled block": {func(t *testing.T, a *Archive) {
			tamper(t, a, d, `UPDATE blocks SET data = zeroblob(99) WHERE first = 201`)
		}, 201, "block is damaged"},
		"a head": {func(t *testing.T, a *Archive) {
			tamper(t, a, d, `UPDATE blocks SET head = zeroblob(32) WHERE first = 1`)
		}, 200, "head of its block"},
		"the end cut off": {func(t *testing.T, a *Archive) {
			tamper(t, a, d, `DELETE FROM blocks WHERE first = 201; DELETE FROM exchanges WHERE seq > 200`)
		}, 201, "sealed with 400"},
		"erased in secret": {func(t *testing.T, a *Archive) {
			rewrite(t, a, d, 1, func(rs []record) []record { rs[5].erase(&hasher{}); return rs })
		}, 6, "row was changed"},
		"erased, row as well": {func(t *testing.T, a *Archive) {
			rewrite(t, a, d, 1, func(rs []record) []record { rs[5].erase(&hasher{}); return rs })
			tamper(t, a, d, `UPDATE exchanges SET flags = flags | 32 WHERE seq = 6`)
		}, 0, "only 0 were erased on request"},
		"the whole day written again": {func(t *testing.T, a *Archive) {
			ok(t, a.Close())
			ok(t, os.Remove(d.file(a.dir)))
			other, err := Open(a.dir, Options{Logger: slog.New(slog.DiscardHandler)})
			ok(t, err)
			xs := series(noon, 400)
			xs[3].Path = "/other"
			ok(t, other.Append(xs))
			ok(t, other.Close())
		}, 400, "sealed"},
		"the file removed": {func(t *testing.T, a *Archive) {
			ok(t, a.Close())
			ok(t, os.Remove(d.file(a.dir)))
		}, 0, "file is missing"},
		"a body's file": {func(t *testing.T, a *Archive) {
			files, err := filepath.Glob(filepath.Join(a.dir, "bodies", "*", "*"))
			ok(t, err)
			ok(t, os.WriteFile(files[0], []byte("other"), 0o600))
		}, 301, "body"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			a := openSealed(t, dir)
			xs := series(noon, 400)
			xs[300].Request = message(noise(80 << 10))
			add(t, a, xs[:200]...)
			add(t, a, xs[200:]...)
			seals, err := a.Seal(t.Context(), later, false)
			ok(t, err)
			if len(seals) != 1 || seals[0].Count != 400 {
				t.Fatalf("seals are %+v", seals)
			}
			ok(t, a.Tidy())
			tc.do(t, a)
			if a.closed {
				a = openSealed(t, dir)
			}
			v := verdict(t, a)
			if len(v.Days) != 1 || v.Sound != (tc.seq < 0) {
				t.Fatalf("verdict is %+v", v)
			}
			got := v.Days[0]
			if tc.seq < 0 {
				if got.Bad != nil || got.Records != 400 || got.Sealed != 400 || got.Head != seals[0].Head {
					t.Errorf("a sound day gave %+v", got)
				}
				return
			}
			if got.Bad == nil || got.Bad.Seq != tc.seq || !strings.Contains(got.Bad.Reason, tc.reason) {
				t.Errorf("bad is %+v, want record %d: %s", got.Bad, tc.seq, tc.reason)
			}
		})
	}
}

// TestSealsGoOn appends to days that are sealed, in commits of every size, over reopened files.
func TestSealsGoOn(t *testing.T) {
	dir := t.TempDir()
	for n := range 6 {
		a := openSealed(t, dir)
		for i := range 5 {
			add(t, a, series(noon.Add(time.Duration(n*100+i*10)*time.Minute), 1+i*i*3)...)
		}
		seals, err := a.Seal(t.Context(), later, false)
		ok(t, err)
		if len(seals) != 1 {
			t.Errorf("run %d gave %d seals", n, len(seals))
		}
		if again, err := a.Seal(t.Context(), later, true); err != nil || len(again) > 0 {
			t.Errorf("sealed again: %v %v", again, err)
		}
		if v := verdict(t, a); !v.Sound || v.Days[0].Sealed != v.Days[0].Records {
			t.Errorf("verdict is %+v", v)
		}
		ok(t, a.Close())
	}
	a := openSealed(t, dir)
	if seals, err := a.Seals(t.Context()); err != nil || len(seals) != 6 {
		t.Errorf("%d seals, %v", len(seals), err)
	}
	early := openSealed(t, t.TempDir())
	add(t, early, exchange(noon, 1))
	for now, want := range map[time.Time]int{noon: 0, noon.Add(12*time.Hour + time.Minute): 0, later: 1} {
		if seals, err := early.Seal(t.Context(), now, false); err != nil || len(seals) > want {
			t.Errorf("at %s %d seals, %v", now, len(seals), err)
		}
	}
	if fmt.Sprint(firstHead(0)) == fmt.Sprint(firstHead(1)) {
		t.Error("all days begin with one head")
	}
}
