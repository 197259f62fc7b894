package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"aictl/configs"
	"aictl/gitea"
	"aictl/store"
)

// maxCommits bounds the commits that a comparison lists each way.
const maxCommits = 100

// Version is one side of a comparison: a deploy, a kept release, or a commit.
type Version struct {
	Deploy  int64 // 0 when none is known
	Release string
	Commit  string
	Subject string
	At      time.Time // of the deploy or the release, else of the commit

	source   store.Source
	manifest *configs.Manifest
}

// Comparison is what lies between two versions of a service.
type Comparison struct {
	Service      string
	From, To     Version
	Added        []gitea.Commit // in To and not in From, newest first
	Removed      []gitea.Commit // in From and not in To: it leads back, or to another branch
	More         bool           // there are more commits than are listed
	Manifest     []configs.ManifestChange
	Dependencies []DependencyChange
	Notes        []string // what could not be compared
}

// history is what a repository tells about commits that it holds.
type history interface {
	Describe(ctx context.Context, sha string) (gitea.Commit, error)
	Log(ctx context.Context, from, to string, n int) (list []gitea.Commit, more bool, err error)
	ReadFile(ctx context.Context, sha, name string, limit int64) ([]byte, error)
}

// Compare says what lies between two versions: ids of deploys (12, #12), releases (r12) or commits. service may be "" when one
// of them is a deploy. Nothing is fetched.
func (d *Deployer) Compare(ctx context.Context, service, from, to string) (c Comparison, err error) {
	if service == "" {
		if service, err = d.serviceOf(ctx, from, to); err != nil {
			return c, err
		}
	}
	c.Service = service
	if c.From, err = d.version(ctx, service, from); err != nil {
		return c, err
	}
	if c.To, err = d.version(ctx, service, to); err != nil {
		return c, err
	}
	repo, err := d.openHistory(ctx, c.To.source)
	if err != nil {
		c.note("the commits and the dependencies: %s", err)
	} else if err := d.compareCommits(ctx, repo, &c); err != nil {
		return c, err
	}
	if c.From.manifest == nil || c.To.manifest == nil {
		c.note("the manifests: at least one is neither kept nor read")
		return c, nil
	}
	for _, pair := range [][2]*configs.Manifest{{c.From.manifest, c.To.manifest}, {c.To.manifest, c.From.manifest}} {
		if pair[0].Runtime == "" { // it was found from the files when the other was built
			pair[0].Runtime = pair[1].Runtime
		}
	}
	c.Manifest = configs.DiffManifests(c.From.manifest, c.To.manifest)
	return c, nil
}

func (c *Comparison) note(format string, args ...any) {
	c.Notes = append(c.Notes, fmt.Sprintf(format, args...))
}

// serviceOf finds the service by the first word that is a deploy.
func (d *Deployer) serviceOf(ctx context.Context, words ...string) (string, error) {
	for _, word := range words {
		if id, ok := deployID(word); ok {
			row, err := d.Store.Deploy(ctx, id)
			return row.Service, err
		}
	}
	return "", fmt.Errorf("%w: releases and commits belong to a service: name it, or give the number of a deploy", ErrVersion)
}

// deployID reads the number of a deploy.
func deployID(word string) (int64, bool) {
	id, err := strconv.ParseInt(strings.TrimPrefix(word, "#"), 10, 62)
	return id, err == nil && id > 0 && len(word) < 20
}

// version finds what a word names.
func (d *Deployer) version(ctx context.Context, service, word string) (v Version, err error) {
	svc, err := d.Store.Service(ctx, service)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return v, err
	}
	v.source = svc.Source
	kept, err := d.Store.Releases(ctx, service, "", 0)
	if err != nil {
		return v, err
	}
	if id, ok := deployID(word); ok {
		return d.deployed(ctx, service, id, kept)
	}
	rel, err := pickRelease(kept, word)
	switch {
	case err == nil:
		v.Release, v.Commit, v.At = rel.ID, rel.Commit, rel.CreatedAt
		v.manifest, err = rel.ReadManifest()
		return v, err
	case errors.Is(err, ErrNoSuchRelease) && fullSHA.MatchString(strings.ToLower(word)):
		v.Commit = strings.ToLower(word)
		return v, nil
	}
	return v, fmt.Errorf("compare %s: %w", service, err)
}

// deployed is the version of a deploy.
func (d *Deployer) deployed(ctx context.Context, service string, id int64, kept []store.Release) (v Version, err error) {
	row, err := d.Store.Deploy(ctx, id)
	if err != nil {
		return v, err
	}
	if row.Service != service {
		return v, fmt.Errorf("%w: deploy %d is of %s, not of %s", ErrVersion, id, row.Service, service)
	}
	if row.Commit == "" {
		return v, fmt.Errorf("%w: deploy %d never came to a commit", ErrVersion, id)
	}
	v = Version{Deploy: id, Release: row.Release, Commit: row.Commit, Subject: row.Subject, At: row.CreatedAt, source: row.Source}
	k := slices.IndexFunc(kept, func(r store.Release) bool { return r.ID == row.Release })
	if k >= 0 {
		v.manifest, err = kept[k].ReadManifest()
	}
	return v, err
}

func (d *Deployer) openHistory(ctx context.Context, src store.Source) (history, error) {
	opened, err := d.Sources.Open(ctx, src)
	if err != nil {
		return nil, err
	}
	repo, ok := opened.(history)
	if !ok {
		return nil, errors.New("this kind of source has no history")
	}
	return repo, nil
}

// compareCommits fills in what the repository knows.
func (d *Deployer) compareCommits(ctx context.Context, repo history, c *Comparison) error {
	for _, v := range []*Version{&c.From, &c.To} {
		said, err := repo.Describe(ctx, v.Commit)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			c.note("commit %.8s is not in the mirror any more: %s", v.Commit, err)
			return nil
		}
		v.Subject = said.Subject
		if v.At.IsZero() {
			v.At = said.At
		}
	}
	var more [2]bool
	var err, back error
	c.Added, more[0], err = repo.Log(ctx, c.From.Commit, c.To.Commit, maxCommits)
	c.Removed, more[1], back = repo.Log(ctx, c.To.Commit, c.From.Commit, maxCommits)
	if err := errors.Join(err, back); err != nil {
		return err
	}
	c.More = more[0] || more[1]
	var sides [2][]depends
	for k, v := range []*Version{&c.From, &c.To} {
		if sides[k], err = v.read(ctx, repo, c); err != nil {
			return err
		}
	}
	c.Dependencies = diffDependencies(sides[0], sides[1])
	return nil
}

// read fills in the manifest of a version that is not kept, and returns its dependencies.
func (v *Version) read(ctx context.Context, repo history, c *Comparison) ([]depends, error) {
	sub := v.source.Subdir
	for _, file := range []string{path.Join(sub, configs.ManifestFile), configs.ManifestFile} {
		if v.manifest != nil {
			break
		}
		data, err := repo.ReadFile(ctx, v.Commit, file, maxManifest)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			v.manifest, err = configs.ParseManifest(data, file)
		}
		if err != nil {
			c.note("the manifest of %.8s: %s", v.Commit, firstLine(err.Error()))
			return nil, nil
		}
		v.manifest.Name, v.manifest.Subdir = c.Service, cmp.Or(sub, v.manifest.Subdir)
	}
	if v.manifest == nil {
		v.manifest = configs.DefaultManifest()
		v.manifest.Name = c.Service
	}
	dir, requirements := sub, v.manifest.Python.Requirements
	if sub == "" {
		dir = v.manifest.Subdir
	}
	found, notes, err := dependencies(func(name string) ([]byte, error) {
		return repo.ReadFile(ctx, v.Commit, name, maxDependsFile)
	}, clean(dir), requirements)
	for _, note := range notes {
		c.note("%.8s: %s", v.Commit, note)
	}
	return found, err
}
