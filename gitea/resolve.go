package gitea

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// shortest is the least number of digits of an abbreviated SHA.
const shortest = 4

// Resolve returns the full SHA of the commit that ref names in the mirror as last fetched: a branch, a tag (also
// an annotated one), a full or an abbreviated SHA. An empty ref or HEAD is the default branch.
func (m *Mirror) Resolve(ctx context.Context, ref string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	defer m.reading()()
	s := m.storage()
	refs, err := refsOf(s)
	if err != nil {
		return "", m.classify("read the refs of", err)
	}
	h, err := m.find(s, refs, ref)
	if err != nil {
		return "", err
	}
	sha, err := peel(s, h)
	if err != nil {
		return "", fmt.Errorf("resolve %q in %s: %w", ref, m.shown, err)
	}
	return sha.String(), ctx.Err()
}

func (m *Mirror) find(s prefixer, refs map[plumbing.ReferenceName]plumbing.Hash, ref string) (plumbing.Hash, error) {
	if ref == "" || ref == "HEAD" {
		return m.defaultTip(refs)
	}
	for _, name := range []string{ref, "refs/heads/" + ref, "refs/tags/" + ref} {
		if h, ok := refs[plumbing.ReferenceName(name)]; ok {
			return h, nil
		}
	}
	if h := plumbing.NewHash(ref); plumbing.IsHash(ref) && s.HasEncodedObject(h) == nil {
		return h, nil
	}
	found, err := withPrefix(s, strings.ToLower(ref))
	switch {
	case err != nil:
		return plumbing.ZeroHash, m.classify("search", err)
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return plumbing.ZeroHash, fmt.Errorf("resolve %q in %s: %w: %d commits begin with it; give more digits", ref, m.shown, ErrUnknownRef, len(found))
	}
	if len(refs) == 0 {
		return plumbing.ZeroHash, m.empty()
	}
	return plumbing.ZeroHash, fmt.Errorf("resolve %q in %s: %w%s", ref, m.shown, ErrUnknownRef, suggest(ref, names(refs)))
}

func (m *Mirror) defaultTip(refs map[plumbing.ReferenceName]plumbing.Hash) (plumbing.Hash, error) {
	if len(refs) == 0 {
		return plumbing.ZeroHash, m.empty()
	}
	for _, name := range []plumbing.ReferenceName{defaultRef, "refs/heads/main", "refs/heads/master"} {
		if h, ok := refs[name]; ok {
			return h, nil
		}
	}
	if len(refs) == 1 {
		for _, h := range refs {
			return h, nil
		}
	}
	return plumbing.ZeroHash, fmt.Errorf("resolve the default branch of %s: %w: it does not exist; name a branch with --ref%s",
		m.shown, ErrUnknownRef, list(names(refs)))
}

func (m *Mirror) empty() error {
	return fmt.Errorf("read %s: %w; commit and push something first", m.shown, ErrEmpty)
}

// prefixer is the part of a storage that finds abbreviated names.
type prefixer interface {
	storer.EncodedObjectStorer
	HashesWithPrefix(prefix []byte) ([]plumbing.Hash, error)
}

// withPrefix returns the commits whose SHA begins with the hexadecimal digits of short.
func withPrefix(s prefixer, short string) ([]plumbing.Hash, error) {
	if len(short) < shortest || len(short) > 40 || strings.Trim(short, "0123456789abcdef") != "" {
		return nil, nil
	}
	prefix, err := hex.DecodeString(short[:len(short)&^1])
	if err != nil {
		return nil, err
	}
	all, err := s.HashesWithPrefix(prefix)
	if err != nil {
		return nil, err
	}
	var out []plumbing.Hash
	for _, h := range all {
		if !strings.HasPrefix(h.String(), short) || slices.Contains(out, h) {
			continue
		}
		if _, err := s.EncodedObject(plumbing.CommitObject, h); err == nil {
			out = append(out, h)
		}
	}
	return out, nil
}

// peel follows tags to their commit.
func peel(s storer.EncodedObjectStorer, h plumbing.Hash) (plumbing.Hash, error) {
	for range 10 {
		obj, err := s.EncodedObject(plumbing.AnyObject, h)
		switch {
		case errors.Is(err, plumbing.ErrObjectNotFound):
			return h, fmt.Errorf("%w: object %s is missing", ErrUnknownRef, h)
		case err != nil:
			return h, err
		case obj.Type() == plumbing.CommitObject:
			return h, nil
		case obj.Type() != plumbing.TagObject:
			return h, fmt.Errorf("%w: it names a %s, not a commit", ErrUnknownRef, obj.Type())
		}
		if err := bearable(obj); err != nil {
			return h, err
		}
		tag, err := object.DecodeTag(s, obj)
		if err != nil {
			return h, err
		}
		h = tag.Target
	}
	return h, fmt.Errorf("%w: tags of tags of tags", ErrUnknownRef)
}

// names are the short names of the branches and tags, sorted.
func names(refs map[plumbing.ReferenceName]plumbing.Hash) []string {
	var out []string
	for n := range refs {
		if n != defaultRef {
			out = append(out, n.Short())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// suggest names the refs most like the one asked for, else says what there is.
func suggest(ref string, have []string) string {
	type near struct {
		name string
		d    int
	}
	var close []near
	low := strings.ToLower(ref)
	for _, n := range have {
		d := distance(low, strings.ToLower(n))
		if d <= max(2, len(ref)/3) || strings.Contains(strings.ToLower(n), low) {
			close = append(close, near{n, d})
		}
	}
	slices.SortFunc(close, func(a, b near) int { return cmp.Or(cmp.Compare(a.d, b.d), strings.Compare(a.name, b.name)) })
	if len(close) == 0 {
		return list(have)
	}
	out := make([]string, 0, 3)
	for _, n := range close[:min(3, len(close))] {
		out = append(out, n.name)
	}
	return "; did you mean " + strings.Join(out, " or ") + "?"
}

func list(have []string) string {
	more := ""
	if len(have) > 8 {
		have, more = have[:8], ", …"
	}
	return "; there is " + strings.Join(have, ", ") + more
}

// distance is the Levenshtein distance of two names, at most 64 bytes of each being looked at.
func distance(a, b string) int {
	a, b = a[:min(len(a), 64)], b[:min(len(b), 64)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, row[j]+1, diag+1)
		}
	}
	return row[len(b)]
}
