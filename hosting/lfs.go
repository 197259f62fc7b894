package hosting

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"aictl/gitea/lfs"
)

// The LFS protocol: https://github.com/git-lfs/git-lfs/tree/main/docs/api, with the transfer "basic".
const maxBatch = 8 << 20 // bytes of a question about objects

// serveLFS answers below NAME.git/info/lfs/. A repository that is pushed to for the first time gets its objects before its
// commits, so an upload makes it.
func (h *Host) serveLFS(w http.ResponseWriter, r *http.Request, name, rest string) {
	oid, isObject := strings.CutPrefix(rest, "objects/")
	oid, verify := strings.CutSuffix(oid, "/verify")
	switch {
	case rest == "objects/batch" && r.Method == http.MethodPost:
		h.lfsBatch(w, r, name)
	case rest == "locks/verify" && r.Method == http.MethodPost:
		h.lfsSay(w, http.StatusOK, map[string]any{"ours": []string{}, "theirs": []string{}})
	case rest == "locks" || strings.HasPrefix(rest, "locks/"):
		h.lfsFail(w, http.StatusNotImplemented, "files are not locked here")
	case !isObject || !lfs.ValidOID(oid):
		h.lfsFail(w, http.StatusNotFound, "there is nothing of LFS at this address")
	case verify && r.Method == http.MethodPost:
		h.lfsVerify(w, r, name, oid)
	case !verify && r.Method == http.MethodPut:
		h.lfsPut(w, r, name, oid)
	case !verify && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		h.lfsGet(w, r, name, oid)
	default:
		h.lfsFail(w, http.StatusMethodNotAllowed, r.Method+" is nothing that LFS asks here")
	}
}

// lfsBatch says where objects are to be fetched or sent. Those that are here already are not asked for again.
func (h *Host) lfsBatch(w http.ResponseWriter, r *http.Request, name string) {
	var in lfs.Batch
	body, err := h.body(w, r, maxBatch)
	if err == nil {
		err = json.NewDecoder(body).Decode(&in)
	}
	switch {
	case err != nil:
		h.lfsFail(w, http.StatusUnprocessableEntity, "the question is no JSON of LFS: "+err.Error())
		return
	case in.Operation != "upload" && in.Operation != "download":
		h.lfsFail(w, http.StatusUnprocessableEntity, fmt.Sprintf("operation %q is neither upload nor download", in.Operation))
		return
	case in.HashAlgo != "" && in.HashAlgo != "sha256":
		h.lfsFail(w, http.StatusConflict, "objects are named by sha256 only")
		return
	}
	find := h.Find
	if in.Operation == "upload" {
		find = func(name string) (string, error) { return h.ensure(r.Context(), name) }
	}
	dir, err := find(name)
	if err != nil {
		h.lfsFail(w, h.statusOf(err), err.Error())
		return
	}
	out := lfs.Answer{Transfer: "basic", HashAlgo: "sha256", Objects: make([]lfs.BatchObject, len(in.Objects))}
	for i, o := range in.Objects {
		out.Objects[i] = h.lfsOffer(r, dir, name, in.Operation, o)
	}
	h.lfsSay(w, http.StatusOK, out)
}

// lfsOffer says what is to be done about one object.
func (h *Host) lfsOffer(r *http.Request, dir, name, operation string, o lfs.BatchObject) lfs.BatchObject {
	out := lfs.BatchObject{OID: o.OID, Size: o.Size, Authenticated: true}
	if !lfs.ValidOID(o.OID) || o.Size < 0 {
		out.Error = &lfs.ObjectError{Code: http.StatusUnprocessableEntity, Message: "an object has the SHA-256 of its content as name, and a size"}
		return out
	}
	info, err := os.Stat(objectPath(dir, o.OID))
	there := err == nil && info.Size() == o.Size
	action := &lfs.Action{Href: selfURL(r) + Prefix + name + ".git/info/lfs/objects/" + o.OID}
	if auth := r.Header.Get("Authorization"); auth != "" {
		action.Header = map[string]string{"Authorization": auth} // only to whom has just sent it
	}
	switch {
	case operation == "download" && there:
		out.Actions = map[string]*lfs.Action{"download": action}
	case operation == "download":
		out.Error = &lfs.ObjectError{Code: http.StatusNotFound, Message: "the object was never uploaded: run `git lfs push --all` where it is"}
	case there:
	case o.Size > h.cfg.MaxPush:
		out.Error = &lfs.ObjectError{Code: http.StatusUnprocessableEntity, Message: fmt.Sprintf("an object may have %d bytes", h.cfg.MaxPush)}
	default:
		out.Actions = map[string]*lfs.Action{"upload": action, "verify": {Href: action.Href + "/verify", Header: action.Header}}
	}
	return out
}

// lfsPut takes one object. It is there once it is whole and what its name says, or not at all.
func (h *Host) lfsPut(w http.ResponseWriter, r *http.Request, name, oid string) {
	dir, err := h.Find(name)
	var room int64
	if err == nil {
		room, err = h.room(max(r.ContentLength, 0))
	}
	if err != nil {
		h.lfsFail(w, h.statusOf(err), err.Error())
		return
	}
	if r.ContentLength > h.cfg.MaxPush {
		h.lfsFail(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("an object may have %d bytes", h.cfg.MaxPush))
		return
	}
	body, err := h.body(w, r, min(h.cfg.MaxPush, room))
	if err == nil {
		err = StoreObject(dir, oid, body)
	}
	switch {
	case errors.Is(err, errContent):
		h.lfsFail(w, http.StatusUnprocessableEntity, err.Error())
	case errors.Is(err, errTooMuch):
		h.lfsFail(w, http.StatusRequestEntityTooLarge, err.Error())
	case err != nil && r.Context().Err() != nil:
		h.log.Info("object broke off", "repository", name, "oid", oid)
	case err != nil:
		h.lfsFail(w, h.statusOf(err), err.Error())
	default:
		h.log.Info("object stored", "repository", name, "oid", oid)
		w.WriteHeader(http.StatusOK)
	}
}

func (h *Host) lfsGet(w http.ResponseWriter, r *http.Request, name, oid string) {
	dir, err := h.Find(name)
	var f *os.File
	if err == nil {
		f, err = os.Open(objectPath(dir, oid))
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: object %s is not in repository %s", ErrNotFound, oid, name)
	}
	if err != nil {
		h.lfsFail(w, h.statusOf(err), err.Error())
		return
	}
	defer func() {
		if err := f.Close(); err != nil {
			h.log.Warn("object not closed", "oid", oid, "err", err)
		}
	}()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("ETag", `"`+oid+`"`)
	http.ServeContent(w, r, "", time.Time{}, f)
}

// lfsVerify says whether an object has arrived.
func (h *Host) lfsVerify(w http.ResponseWriter, r *http.Request, name, oid string) {
	var in lfs.BatchObject
	body, err := h.body(w, r, maxBatch)
	if err == nil {
		err = json.NewDecoder(body).Decode(&in)
	}
	if err != nil || in.OID != oid {
		h.lfsFail(w, http.StatusUnprocessableEntity, "the question names another object than its address")
		return
	}
	dir, err := h.Find(name)
	if err != nil {
		h.lfsFail(w, h.statusOf(err), err.Error())
		return
	}
	info, err := os.Stat(objectPath(dir, oid))
	if err != nil || info.Size() != in.Size {
		h.lfsFail(w, http.StatusNotFound, "the object is not here as it should be: push again")
		return
	}
	h.lfsSay(w, http.StatusOK, map[string]string{"message": "it is here"})
}

func (h *Host) lfsSay(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", lfs.MediaType)
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		h.log.Debug("answer was not taken", "err", err)
	}
}

func (h *Host) lfsFail(w http.ResponseWriter, status int, text string) {
	h.lfsSay(w, status, map[string]string{"message": "aictl: " + text})
}

// forwardedHost is what a proxy may say that it was called by.
var forwardedHost = regexp.MustCompile(`^[A-Za-z0-9.\[\]:-]{1,255}$`)

// selfURL is the address by which the caller reaches this server. What a proxy adds is believed: the caller has the token
// already, and is sent nowhere but where he says that he is.
func selfURL(r *http.Request) string {
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if proto := r.Header.Get("X-Forwarded-Proto"); proto == "https" || proto == "http" {
		scheme = proto
	}
	if forwarded := r.Header.Get("X-Forwarded-Host"); forwardedHost.MatchString(forwarded) {
		host = forwarded
	}
	return scheme + "://" + host
}

// objectPath is where git-lfs itself keeps an object of a repository.
func objectPath(dir, oid string) string {
	return filepath.Join(dir, "lfs", "objects", oid[:2], oid[2:4], oid)
}

var errContent = errors.New("the content is not what its name says: upload it again")

// StoreObject puts what r holds into the LFS store of the repository at dir if its SHA-256 is oid, in constant memory.
func StoreObject(dir, oid string, r io.Reader) error {
	path := objectPath(dir, oid)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("store object %s: %w", oid, err)
	}
	tmp := filepath.Join(dir, "lfs", "tmp")
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return fmt.Errorf("store object %s: %w", oid, err)
	}
	f, err := os.CreateTemp(tmp, oid[:12]+"-*")
	if err != nil {
		return fmt.Errorf("store object %s: %w", oid, err)
	}
	err = fill(f, oid, r)
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		if rerr := os.Remove(f.Name()); rerr != nil {
			err = errors.Join(err, rerr)
		}
		return fmt.Errorf("store object %s: %w", oid, err)
	}
	return nil
}
