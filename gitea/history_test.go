package gitea

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
)

func TestHistoryOfAMirror(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	first := o.commit(map[string]string{"a.txt": "1", "sub/b.txt": "1"})
	second := o.commit(map[string]string{"sub/b.txt": "2", "sub/c.txt": "1"})
	third := o.commit(map[string]string{"a.txt": "2"})
	o.ref("refs/heads/old", first)
	m := mirrorOf(t, o.dir, Auth{})
	must(t, m.Fetch(t.Context(), ""))

	for _, c := range []struct{ from, to, want string }{
		{first, second, "sub/b.txt sub/c.txt"},
		{second, first, "sub/b.txt sub/c.txt"},
		{first, third, "a.txt sub/b.txt sub/c.txt"},
		{"", first, "a.txt sub/b.txt"},
		{third, third, ""},
	} {
		got, err := m.Changed(t.Context(), c.from, c.to)
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("changed from %.8s to %.8s: %q, %v; want %q", c.from, c.to, got, err, c.want)
		}
	}
	if _, err := m.Changed(t.Context(), strings.Repeat("1", 40), third); !errors.Is(err, ErrUnknownRef) {
		t.Errorf("a commit that is not there: %v", err)
	}

	list, more, err := m.Log(t.Context(), first, third, 10)
	if err != nil || more || !slices.Equal(shas(list), []string{third, second}) {
		t.Errorf("log: %v, more %v, %v", shas(list), more, err)
	}
	list, more, err = m.Log(t.Context(), "", third, 2)
	if err != nil || !more || !slices.Equal(shas(list), []string{third, second}) {
		t.Errorf("the last two: %v, more %v, %v", shas(list), more, err)
	}
	if list, _, err := m.Log(t.Context(), third, first, 10); err != nil || len(list) != 0 {
		t.Errorf("backwards: %v, %v", shas(list), err)
	}

	refs, err := m.Refs(t.Context())
	if err != nil || refs["refs/heads/old"] != first || refs["refs/heads/main"] != third || refs["HEAD"] != third {
		t.Errorf("refs: %v, %v", refs, err)
	}
	said, err := m.Describe(t.Context(), third)
	if err != nil || said.Subject != "change" || said.Author != "t" || said.SHA != third {
		t.Errorf("described as %+v, %v", said, err)
	}
	if data, err := m.ReadFile(t.Context(), second, "sub/b.txt", 10); err != nil || string(data) != "2" {
		t.Errorf("file: %q, %v", data, err)
	}
	if _, err := m.ReadFile(t.Context(), second, "none", 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := m.ReadFile(t.Context(), second, "sub/b.txt", 0); err == nil {
		t.Error("a file above the limit was read")
	}
}

func shas(list []Commit) (out []string) {
	for _, c := range list {
		out = append(out, c.SHA)
	}
	return out
}
