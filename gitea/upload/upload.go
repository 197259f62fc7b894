// Package upload puts files of this machine into a repository elsewhere: thousands of them and large ones, in commits of a
// bounded size, large ones through LFS. Nothing is remembered between two runs: what the repository has already is not sent
// again, so a run that broke off is resumed by running it again.
package upload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"aictl/gitea/lfs"
)

// Errors that callers branch on.
var (
	ErrNoGit      = errors.New("the git program is missing: install git")
	ErrNothing    = errors.New("there is nothing to upload")
	ErrNotThere   = errors.New("no such repository, or it may not be read")
	ErrChanged    = errors.New("a file changed while it was read: upload again")
	ErrOvertaken  = errors.New("others push to the same branch all the time: try again later")
	ErrNotAllowed = errors.New("the server does not take it")
)

// What is taken when Config does not say.
const (
	DefaultLFS        = int64(10) << 20
	DefaultStageBytes = int64(256) << 20
	DefaultStageFiles = 2000
)

// Config says what is uploaded, and where to.
type Config struct {
	URL           string   // of the repository, without credentials
	Origin        string   // scheme and host of what gets Authorization; "" is URL's own
	Authorization string   // header of every request there; "" sends none
	Sources       []string // directories and files
	Prefix        string   // directory in the repository; "" is its root
	Branch        string   // "" is the default branch, main in a new repository
	Message       string   // of the commits
	Name, Email   string   // of their author
	LFS           int64    // files of so many bytes and more are kept by LFS where the server has it; 0 is DefaultLFS, less is never
	StageBytes    int64    // of one commit's files; 0 is DefaultStageBytes
	StageFiles    int      // likewise
	Prune         bool     // remove what is in the repository below Prefix and not among the sources
	Git           string   // the git program; "" is looked for in PATH
	Transport     http.RoundTripper
	Progress      func(Progress) // told often, from one goroutine at a time; may be nil
}

// The phases of a Progress.
const (
	PhaseRead   = "read"   // files are read and compared with what is there
	PhaseObject = "object" // large files are sent
	PhaseCommit = "commit" // a commit is made
	PhasePush   = "push"   // and sent
)

// Progress is how far it is.
type Progress struct {
	Phase         string
	Done, All     int64 // bytes: to be read, then to be sent
	Stage, Stages int   // commits, the first is 1
	Note          string
}

// Result is what was done.
type Result struct {
	Branch  string
	Commit  string // the branch's tip now
	Commits int
	Files   int   // that were new or changed
	Same    int   // that the repository had already
	Removed int   // by Prune
	Objects int   // sent to LFS
	Kept    int   // that LFS had already
	Bytes   int64 // of Files
	NoLFS   bool  // there are large files, and the server has no LFS
	Skipped []string
}

// run is one upload.
type run struct {
	Config
	http   *http.Client
	branch string
	repo   *repo
	result Result
	at     atomic.Int64
	mu     sync.Mutex // of state, and of whoever is told
	state  Progress
}

// Run uploads. What it has pushed stays, also when it fails later on.
func Run(ctx context.Context, cfg Config) (Result, error) {
	u := &run{Config: cfg, http: &http.Client{Transport: cfg.Transport}}
	u.defaults()
	work, err := os.MkdirTemp("", "aictl-upload-")
	if err != nil {
		return u.result, err
	}
	err = u.do(ctx, work)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return u.result, errors.Join(err, os.RemoveAll(work))
}

func (u *run) defaults() {
	if u.LFS == 0 {
		u.LFS = DefaultLFS
	}
	if u.StageBytes <= 0 {
		u.StageBytes = DefaultStageBytes
	}
	if u.StageFiles <= 0 {
		u.StageFiles = DefaultStageFiles
	}
	if u.Message == "" {
		u.Message = "Upload"
	}
	if u.Name == "" {
		u.Name, u.Email = "aictl", "aictl@localhost"
	}
	if u.Origin == "" {
		u.Origin = u.URL
	}
}

func (u *run) do(ctx context.Context, work string) (err error) {
	if u.Prefix, err = cleanPrefix(u.Prefix); err != nil {
		return err
	}
	entries, skipped, err := list(ctx, u.Sources, u.Prefix)
	if err != nil {
		return err
	}
	u.result.Skipped = skipped
	if len(entries) == 0 && !u.Prune {
		return ErrNothing
	}
	if u.repo, err = newRepo(ctx, u, filepath.Join(work, "r.git")); err != nil {
		return err
	}
	if err := u.nameAll(ctx, entries); err != nil {
		return err
	}
	const rounds = 3
	for range rounds {
		if err = u.round(ctx, entries); !errors.Is(err, errMoved) {
			return err
		}
		if err := u.repo.fetch(ctx, u.branch); err != nil {
			return err
		}
	}
	return ErrOvertaken
}

// nameAll reads all files once. Whether large ones go to LFS is known before.
func (u *run) nameAll(ctx context.Context, entries []entry) error {
	large := func(e entry) bool { return u.LFS > 0 && e.size >= u.LFS && e.from != "" }
	if slices.ContainsFunc(entries, large) {
		_, err := u.batch(ctx, nil)
		if errors.Is(err, lfs.ErrNoServer) {
			u.result.NoLFS, u.LFS = true, -1
		} else if err != nil {
			return fmt.Errorf("ask for LFS: %w", err)
		}
	}
	begin := Progress{Phase: PhaseRead}
	for _, e := range entries {
		begin.All += e.size
	}
	u.begin(begin)
	for i := range entries {
		if err := entries[i].name(ctx, large(entries[i]), u.count); err != nil {
			return err
		}
	}
	return nil
}

// round uploads what the branch lacks.
func (u *run) round(ctx context.Context, entries []entry) error {
	tree, err := u.repo.tree(ctx)
	if err != nil {
		return err
	}
	if entries, err = u.withAttributes(ctx, tree, entries); err != nil {
		return err
	}
	stages := plan(tree, entries, u.Prune, u.Prefix, limits{u.StageFiles, u.StageBytes})
	changed := 0
	begin := Progress{Stages: len(stages)}
	for _, s := range stages {
		changed += len(s.files)
		for _, e := range s.files {
			begin.All += e.size
		}
	}
	u.begin(begin)
	u.result.Same = len(entries) - changed
	for i, s := range stages {
		u.change(func(p *Progress) { p.Stage, p.Phase = i+1, PhaseObject })
		if err := u.stage(ctx, s, u.message(i, len(stages))); err != nil {
			return err
		}
		u.result.Commits++
		u.result.Files += len(s.files)
		u.result.Removed += len(s.removed)
		for _, e := range s.files {
			u.result.Bytes += e.size
		}
	}
	u.result.Branch, u.result.Commit = u.branch, u.repo.tip
	return nil
}

func (u *run) message(i, n int) string {
	if n == 1 {
		return u.Message
	}
	return fmt.Sprintf("%s (%d of %d)", u.Message, i+1, n)
}

// stage makes one commit. The objects go first: no commit is ever there without what it points to.
func (u *run) stage(ctx context.Context, s stage, message string) error {
	if err := u.sendObjects(ctx, s.files); err != nil {
		return err
	}
	u.phase(PhaseCommit)
	commit, err := u.repo.commit(ctx, s, message)
	if err != nil {
		return err
	}
	u.phase(PhasePush)
	return u.repo.push(ctx, u.branch, commit)
}

// withAttributes adds the .gitattributes file that large files need, so that git takes them for LFS's.
func (u *run) withAttributes(ctx context.Context, tree map[string]inTree, entries []entry) ([]entry, error) {
	var paths []string
	own := -1
	for i, e := range entries {
		if e.large() {
			paths = append(paths, e.path)
		}
		if e.path == attributesFile {
			own = i
		}
	}
	if len(paths) == 0 {
		return entries, nil
	}
	var text []byte
	var err error
	switch {
	case own >= 0 && entries[own].from != "":
		text, err = os.ReadFile(entries[own].from)
	case own < 0:
		text, err = u.repo.file(ctx, tree, attributesFile)
	default:
		text = entries[own].content
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", attributesFile, err)
	}
	text = attributes(text, paths)
	e := entry{path: attributesFile, content: text, mode: modeFile, size: int64(len(text)), blob: blobName(text)}
	entries = slices.Clone(entries)
	if own >= 0 {
		entries[own] = e
		return entries, nil
	}
	return append(entries, e), nil
}

func (u *run) count(n int64) {
	u.at.Add(n)
	u.say("")
}

// begin counts from 0 again.
func (u *run) begin(p Progress) {
	u.at.Store(0)
	u.change(func(old *Progress) { *old = p })
}

func (u *run) phase(name string) { u.change(func(p *Progress) { p.Phase = name }) }

func (u *run) change(f func(*Progress)) {
	u.mu.Lock()
	f(&u.state)
	u.mu.Unlock()
	u.say("")
}

// say tells how far it is, one at a time.
func (u *run) say(note string) {
	if u.Progress == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	p := u.state
	p.Done, p.Note = u.at.Load(), note
	u.Progress(p)
}
