package gitea

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// maxSubject bounds the first line of a message, in bytes.
const maxSubject = 200

// Commit is what a commit says of itself.
type Commit struct {
	SHA     string
	Subject string // first line of Message, at most 200 bytes
	Message string
	Author  string
	At      time.Time // of the author
}

// Describe returns a commit that the mirror holds, by its full SHA.
func (m *Mirror) Describe(ctx context.Context, sha string) (Commit, error) {
	defer m.reading()()
	c, err := m.commit(ctx, sha)
	if err != nil {
		return Commit{}, err
	}
	return describe(c), nil
}

func (m *Mirror) commit(ctx context.Context, sha string) (*object.Commit, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := object.GetCommit(wary{m.storage()}, plumbing.NewHash(sha))
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, fmt.Errorf("read commit %s of %s: %w", sha, m.shown, ErrUnknownRef)
	}
	if errors.Is(err, ErrRefused) {
		return nil, fmt.Errorf("read a commit of %s: %w", m.shown, err)
	}
	return c, m.classify("read a commit of", err)
}

func describe(c *object.Commit) Commit {
	subject, _, _ := strings.Cut(strings.TrimSpace(c.Message), "\n")
	if len(subject) > maxSubject {
		subject = subject[:maxSubject]
		for !utf8.ValidString(subject) {
			subject = subject[:len(subject)-1]
		}
	}
	subject = strings.ToValidUTF8(strings.TrimSpace(subject), "�")
	return Commit{SHA: c.Hash.String(), Subject: subject, Message: c.Message, Author: c.Author.Name, At: c.Author.When}
}

// Refs returns the tips of all branches and tags as last fetched, by their full names (refs/heads/main), tags peeled to
// their commits. The default branch's tip is under HEAD.
func (m *Mirror) Refs(ctx context.Context) (map[string]string, error) {
	defer m.reading()()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := m.storage()
	refs, err := refsOf(s)
	if err != nil {
		return nil, m.classify("read the refs of", err)
	}
	out := make(map[string]string, len(refs))
	for name, h := range refs {
		commit, err := peel(s, h)
		if err != nil {
			continue // a tag of a file: nothing that can be deployed
		}
		if name == defaultRef {
			name = plumbing.HEAD
		}
		out[name.String()] = commit.String()
	}
	return out, nil
}

// Changed lists the files that differ between two commits, sorted; a file that moved is in it twice. Either may be "",
// which is the empty tree.
func (m *Mirror) Changed(ctx context.Context, before, after string) ([]string, error) {
	defer m.reading()()
	a, err := m.treeOf(ctx, before)
	if err != nil {
		return nil, err
	}
	b, err := m.treeOf(ctx, after)
	if err != nil {
		return nil, err
	}
	changes, err := object.DiffTreeWithOptions(ctx, a, b, nil)
	if err = errors.Join(err, ctx.Err()); err != nil {
		return nil, m.classify("compare commits of", err)
	}
	var out []string
	for _, c := range changes {
		for _, name := range []string{c.From.Name, c.To.Name} {
			if name != "" {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func (m *Mirror) treeOf(ctx context.Context, sha string) (*object.Tree, error) {
	if sha == "" {
		return &object.Tree{}, nil
	}
	c, err := m.commit(ctx, sha)
	if err != nil {
		return nil, err
	}
	tree, err := c.Tree()
	return tree, m.classify("read a commit of", err)
}

// Log lists at most n commits that lead to `to` and not to `from`, newest first; more says that there are others. from may
// be "".
func (m *Mirror) Log(ctx context.Context, from, to string, n int) (list []Commit, more bool, err error) {
	defer m.reading()()
	c, err := m.commit(ctx, to)
	if err != nil {
		return nil, false, err
	}
	known := map[plumbing.Hash]bool{}
	if from != "" {
		base, err := m.commit(ctx, from)
		if err != nil {
			return nil, false, err
		}
		err = object.NewCommitIterCTime(base, nil, nil).ForEach(func(c *object.Commit) error {
			known[c.Hash] = true
			return ctx.Err()
		})
		if err != nil && !errors.Is(err, plumbing.ErrObjectNotFound) {
			return nil, false, m.classify("read the history of", err)
		}
	}
	iter := object.NewCommitIterCTime(c, known, nil)
	defer iter.Close()
	for {
		c, err := iter.Next()
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, plumbing.ErrObjectNotFound): // a shallow source ends so
			return list, false, nil
		case err != nil:
			return list, false, m.classify("read the history of", err)
		case ctx.Err() != nil:
			return list, false, ctx.Err()
		case len(list) == n:
			return list, true, nil
		}
		list = append(list, describe(c))
	}
}

// ReadFile returns a file of a commit, at most limit bytes; a larger one is an error, a missing one is fs.ErrNotExist.
func (m *Mirror) ReadFile(ctx context.Context, sha, name string, limit int64) ([]byte, error) {
	defer m.reading()()
	c, err := m.commit(ctx, sha)
	if err != nil {
		return nil, err
	}
	f, err := c.File(name)
	switch {
	case errors.Is(err, object.ErrFileNotFound):
		return nil, fmt.Errorf("read %s of %s: %w", name, m.shown, fs.ErrNotExist)
	case err != nil:
		return nil, m.classify("read a file of", err)
	case f.Size > limit:
		return nil, fmt.Errorf("read %s of %s: it has %s, more than %s", name, m.shown, size(f.Size), size(limit))
	}
	r, err := f.Reader()
	if err != nil {
		return nil, m.classify("read a file of", err)
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}
