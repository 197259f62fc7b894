package records

import (
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func FuzzCursor(f *testing.F) {
	f.Add(cursor{day: 20000, id: idAt(noon)}.String())
	f.Add(cursor{day: -1, oldestFirst: true}.String())
	f.Add("")
	f.Add("AQAAAE4gAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCursor(text)
		if err != nil {
			if !errors.Is(err, ErrBadCursor) {
				t.Fatalf("error is %v", err)
			}
			return
		}
		if c.String() != text {
			t.Fatalf("%q reads as %+v, which writes as %q", text, c, c.String())
		}
	})
}

func FuzzID(f *testing.F) {
	f.Add(idOf(noon, 1))
	f.Add("019a")
	f.Add("urn:uuid:019a0000-0000-7000-8000-000000000000")
	f.Add("{019a0000-0000-7000-8000-000000000000}")
	f.Add("019a0000-")
	f.Fuzz(func(t *testing.T, text string) {
		low, high, err := idRange(text)
		if err != nil {
			if !errors.Is(err, ErrBadID) {
				t.Fatalf("error is %v", err)
			}
			return
		}
		plain := strings.ToLower(strings.ReplaceAll(text, "-", ""))
		for _, id := range []uuid.UUID{low, high} {
			if !strings.HasPrefix(strings.ReplaceAll(id.String(), "-", ""), plain) {
				t.Fatalf("%q gave %s", text, id)
			}
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add("Content-Type", "text/plain", "")
	f.Add("A:\\", "\r\n\\n", " x")
	f.Fuzz(func(t *testing.T, name, first, second string) {
		h := http.Header{name: {first, second}, name + "2": {second}}
		if got := decodeHeader(encodeHeader(h)); !reflect.DeepEqual(got, h) {
			t.Fatalf("%q came back as %q", h, got)
		}
	})
}
