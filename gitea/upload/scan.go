package upload

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"aictl/gitea"
	"aictl/gitea/lfs"
)

// list finds the files of the sources: what a folder holds lies at the root of the prefix, a file under its own name.
func list(ctx context.Context, sources []string, prefix string) (entries []entry, skipped []string, err error) {
	seen := map[string]string{}
	add := func(rel, from string, info fs.FileInfo) error {
		to := path.Join(prefix, rel)
		if old, ok := seen[to]; ok && old != from {
			return fmt.Errorf("%s and %s would both be %s: upload them one after the other, or below --path", old, from, to)
		}
		seen[to] = from
		e := entry{path: to, from: from, mode: modeFile, size: info.Size()}
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(from)
			if err != nil {
				return err
			}
			e.from, e.content, e.mode, e.size = "", []byte(target), modeLink, int64(len(target))
		case info.Mode()&0o111 != 0:
			e.mode = modeExec
		}
		entries = append(entries, e)
		return nil
	}
	for _, source := range sources {
		info, err := os.Stat(source)
		if err != nil {
			return nil, nil, err
		}
		if !info.IsDir() {
			if !info.Mode().IsRegular() {
				return nil, nil, fmt.Errorf("%s is neither a file nor a directory", source)
			}
			if err := add(filepath.Base(source), source, info); err != nil {
				return nil, nil, err
			}
			continue
		}
		files, others, err := gitea.Files(ctx, source)
		if err != nil {
			return nil, nil, err
		}
		skipped = append(skipped, others...)
		for _, f := range files {
			if err := add(f.Path, filepath.Join(source, filepath.FromSlash(f.Path)), f.Info); err != nil {
				return nil, nil, err
			}
		}
	}
	return entries, skipped, nil
}

// name finds out how the repository will name a file's content, and for a large one how LFS will.
func (e *entry) name(ctx context.Context, large bool, count func(int64)) error {
	if e.from == "" {
		e.blob = blobName(e.content)
		return nil
	}
	f, err := os.Open(e.from)
	if err != nil {
		return err
	}
	var sum hash.Hash
	if large {
		sum = sha256.New()
	} else {
		sum = sha1.New()
		fmt.Fprintf(sum, "blob %d\x00", e.size)
	}
	n, err := io.Copy(sum, &reading{Reader: f, ctx: ctx, count: count})
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("read %s: %w", e.from, err)
	}
	if n != e.size {
		return fmt.Errorf("%w: %s", ErrChanged, e.from)
	}
	e.blob = hex.EncodeToString(sum.Sum(nil))
	if large {
		e.object = lfs.Pointer{OID: e.blob, Size: n}
		e.blob = blobName([]byte(e.object.Text()))
	}
	return nil
}

// blobName is the SHA-1 under which git keeps content.
func blobName(content []byte) string {
	sum := sha1.New()
	fmt.Fprintf(sum, "blob %d\x00", len(content))
	sum.Write(content)
	return hex.EncodeToString(sum.Sum(nil))
}

// reading reads until its context ends and counts.
type reading struct {
	io.Reader
	ctx   context.Context
	count func(int64)
}

func (r *reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, context.Cause(r.ctx)
	}
	n, err := r.Reader.Read(p)
	if r.count != nil {
		r.count(int64(n))
	}
	return n, err
}

// cleanPrefix brings a path in the repository into one form. One that leaves it is an error.
func cleanPrefix(prefix string) (string, error) {
	clean := path.Clean(strings.Trim(filepath.ToSlash(prefix), "/"))
	if prefix == "" || clean == "." {
		return "", nil
	}
	for e := range strings.SplitSeq(clean, "/") {
		if e == ".." || strings.EqualFold(e, ".git") {
			return "", fmt.Errorf("%q is no place in a repository", prefix)
		}
	}
	return clean, nil
}
