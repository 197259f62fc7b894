package hosting

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// What a client may send and how long it may be silent.
const (
	maxWants  = 64 << 20        // bytes that a fetch may ask with, unpacked
	idleTime  = 2 * time.Minute // between two pieces of a body
	drainTime = 10 * time.Second
	drainMost = 64 << 20 // bytes that are read and thrown away so that a client sees why it was refused
)

// advertise tells the refs of a repository. One that is about to be pushed to is made.
func (h *Host) advertise(w http.ResponseWriter, r *http.Request, name, service string) {
	find := func(ctx context.Context, name string) (string, error) { return h.Find(name) }
	if service == "git-receive-pack" {
		find = h.ensure
	}
	dir, err := find(r.Context(), name)
	if err != nil {
		h.fail(w, err)
		return
	}
	cmd, err := h.serviceCommand(r, service, "--http-backend-info-refs", dir)
	if err != nil {
		h.fail(w, err)
		return
	}
	noCache(w, "application/x-"+service+"-advertisement")
	var head io.Reader = strings.NewReader("")
	if !strings.Contains(r.Header.Get("Git-Protocol"), "version=2") {
		line := "# service=" + service + "\n"
		head = strings.NewReader(fmt.Sprintf("%04x%s0000", len(line)+4, line))
	}
	h.pipe(w, r, cmd, nil, head)
}

// upload answers a fetch.
func (h *Host) upload(w http.ResponseWriter, r *http.Request, name string) {
	dir, err := h.Find(name)
	if err != nil {
		h.fail(w, err)
		return
	}
	cmd, err := h.serviceCommand(r, "git-upload-pack", "--stateless-rpc", dir)
	if err != nil {
		h.fail(w, err)
		return
	}
	body, err := h.body(w, r, maxWants)
	if err != nil {
		h.refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	noCache(w, "application/x-git-upload-pack-result")
	h.pipe(w, r, cmd, body, strings.NewReader(""))
}

// receive takes a push and tells what came of it, also when the client does not wait for the answer.
func (h *Host) receive(w http.ResponseWriter, r *http.Request, name string) {
	dir, err := h.ensure(r.Context(), name)
	var room int64
	if err == nil {
		room, err = h.room(max(r.ContentLength, 0))
	}
	if err == nil {
		err = h.before(r.Context(), name, dir)
	}
	if err != nil {
		h.fail(w, err)
		return
	}
	if r.ContentLength > h.cfg.MaxPush {
		h.refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("a push may have %d bytes; push in parts, or keep large files in LFS", h.cfg.MaxPush))
		return
	}
	cmd, err := h.serviceCommand(r, "git-receive-pack", "--stateless-rpc", dir)
	if err != nil {
		h.fail(w, err)
		return
	}
	body, err := h.body(w, r, min(h.cfg.MaxPush+1<<20, room))
	if err != nil {
		h.refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	noCache(w, "application/x-git-receive-pack-result")
	answer := &held{ResponseWriter: w}
	h.pipe(answer, r, cmd, body, strings.NewReader(""))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), tellTime)
	defer cancel()
	note := ""
	if err := h.after(ctx, name, dir, actorOf(r), r.RemoteAddr); err != nil {
		h.log.Error("push was taken, what follows it failed", "repository", name, "err", err)
		note = "aictl: the push was taken, what follows it failed: " + err.Error() + "\n"
	}
	if err := answer.release(note); err != nil {
		h.log.Debug("answer was not taken", "err", err)
	}
}

// serviceCommand is one of the two programs that git's protocol is made of.
func (h *Host) serviceCommand(r *http.Request, service, how, dir string) (*exec.Cmd, error) {
	cmd, err := h.command(r.Context(), strings.TrimPrefix(service, "git-"), how, dir)
	if err != nil {
		return nil, err
	}
	if p := r.Header.Get("Git-Protocol"); protocol.MatchString(p) {
		cmd.Env = append(cmd.Env, "GIT_PROTOCOL="+p)
	}
	return cmd, nil
}

// body is what a client sends, unpacked, at most limit bytes of it, with idleTime for every piece.
func (h *Host) body(w http.ResponseWriter, r *http.Request, limit int64) (*incoming, error) {
	ctl := http.NewResponseController(w)
	if err := ctl.EnableFullDuplex(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, fmt.Errorf("read and write at a time: %w", err)
	}
	in := &incoming{left: limit}
	in.Reader = &patient{Reader: r.Body, ctl: ctl, last: &in.last}
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(in.Reader)
		if err != nil {
			return nil, fmt.Errorf("the body is not packed as it says: %w", err)
		}
		in.Reader = unpacked
	}
	return in, nil
}

// pipe runs a program between a client's body and its answer, which begins with head.
func (h *Host) pipe(w http.ResponseWriter, r *http.Request, cmd *exec.Cmd, body *incoming, head io.Reader) {
	if !h.enter(r.Context()) {
		h.refuse(w, http.StatusServiceUnavailable, "too much is pushed and fetched at this moment: try again")
		return
	}
	defer h.leave()
	var errs tail
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	var in io.WriteCloser
	if err == nil && body != nil {
		in, err = cmd.StdinPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		h.fail(w, fmt.Errorf("start git: %w", err))
		return
	}
	fed := make(chan error, 1)
	go func() { fed <- feed(in, body) }()
	if werr := copyFlushing(w, io.MultiReader(head, out)); werr != nil { // the client has gone, or does not read
		h.end(cmd)
	}
	err = cmd.Wait()
	if body != nil {
		h.settle(w, fed, body)
	} else {
		<-fed
	}
	if err != nil && r.Context().Err() == nil {
		h.log.Warn("git ended badly", "path", r.URL.Path, "err", err, "stderr", errs.String())
	}
}

// end asks a program that still runs to go.
func (h *Host) end(cmd *exec.Cmd) {
	if err := cmd.Cancel(); err != nil && !errors.Is(err, syscall.ESRCH) {
		h.log.Warn("git not stopped", "err", err)
	}
}

// feed writes body into a program that may end before it has read all.
func feed(in io.WriteCloser, body *incoming) error {
	if in == nil {
		return nil
	}
	_, err := io.Copy(in, body)
	return errors.Join(err, in.Close())
}

// settle ends the feeding of a program that has ended. What it has not read is read here for a while: a connection that is
// closed over unread bytes takes the answer with it.
func (h *Host) settle(w http.ResponseWriter, fed <-chan error, body *incoming) {
	ctl := http.NewResponseController(w)
	body.last.Store(true)
	if err := ctl.SetReadDeadline(time.Now().Add(drainTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		h.log.Debug("cannot set a deadline", "err", err)
	}
	if err := <-fed; err != nil {
		_, derr := io.CopyN(io.Discard, body, drainMost)
		h.log.Debug("body not taken whole", "err", err, "drained", derr)
	}
	if err := ctl.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		h.log.Debug("cannot take a deadline back", "err", err)
	}
}

// enter waits for one of the slots for programs.
func (h *Host) enter(ctx context.Context) bool {
	full := time.NewTimer(time.Minute)
	defer full.Stop()
	select {
	case h.slots <- struct{}{}:
		return true
	case <-full.C:
	case <-ctx.Done():
	}
	return false
}

func (h *Host) leave() { <-h.slots }

// room refuses what would fill the disk, and says how many bytes would not: who sends in chunks does not say how much comes.
func (h *Host) room(size int64) (left int64, err error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(h.cfg.Root, &fs); err != nil {
		return 0, fmt.Errorf("look at the disk of %s: %w", h.cfg.Root, err)
	}
	free := int64(fs.Bavail) * fs.Bsize
	if free-size < h.cfg.MinFree {
		return 0, fmt.Errorf("%w: %d MB are free on the disk of the repositories, and %d MB stay free; make room there, `aictl prune` helps",
			ErrNoSpace, free>>20, h.cfg.MinFree>>20)
	}
	return free - h.cfg.MinFree, nil
}

func noCache(w http.ResponseWriter, kind string) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-cache, max-age=0, must-revalidate")
}
