package giteatest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var goodOID = regexp.MustCompile(`^[0-9a-f]{64}$`)

const lfsType = "application/vnd.git-lfs+json"

// LFS puts an object into the repository's LFS store and returns the pointer file that stands for it.
func (r *Repo) LFS(t testing.TB, content []byte) string {
	t.Helper()
	sum := sha256.Sum256(content)
	oid := hex.EncodeToString(sum[:])
	path := r.LFSPath(oid)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", oid, len(content))
}

// LFSPath is where an object of the LFS store is or would be, for tests that damage or remove it.
func (r *Repo) LFSPath(oid string) string { return filepath.Join(r.dir, "lfs", oid[:2], oid) }

type lfsObject struct {
	OID     string               `json:"oid"`
	Size    int64                `json:"size"`
	Actions map[string]lfsAction `json:"actions,omitempty"`
	Error   *lfsError            `json:"error,omitempty"`
}

type lfsAction struct {
	Href   string            `json:"href"`
	Header map[string]string `json:"header,omitempty"`
}

type lfsError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func lfsAnswer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", lfsType)
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// serveLFS answers below info/lfs/: the batch call, and the objects.
func (s *Server) serveLFS(w http.ResponseWriter, r *http.Request, repo *Repo, c caller, may access, sub string) {
	if s.opts.NoLFS {
		http.Error(w, "Not found.", http.StatusNotFound)
		return
	}
	parts := strings.Split(sub, "/")
	switch {
	case sub == "objects/batch" && r.Method == http.MethodPost:
		s.lfsBatch(w, r, repo, may >= write && c.has("write:repository"))
	case len(parts) == 2 && goodOID.MatchString(parts[1]) && r.Method == http.MethodGet:
		http.ServeFile(w, r, repo.LFSPath(parts[1])) // ranges and all
	case len(parts) == 3 && goodOID.MatchString(parts[1]) && r.Method == http.MethodPut:
		if may < write || !c.has("write:repository") {
			lfsAnswer(w, http.StatusForbidden, map[string]string{"message": "no permission"})
			return
		}
		repo.lfsPut(w, r, parts[1])
	case sub == "verify" && r.Method == http.MethodPost:
		var o lfsObject
		if !bind(w, r, &o) {
			return
		}
		if !goodOID.MatchString(o.OID) || !repo.lfsHas(o.OID, o.Size) {
			lfsAnswer(w, http.StatusNotFound, map[string]string{"message": "Object not found"})
			return
		}
		w.WriteHeader(http.StatusOK)
	case sub == "locks/verify":
		lfsAnswer(w, http.StatusOK, map[string]any{"ours": []any{}, "theirs": []any{}})
	default:
		http.Error(w, "Not found.", http.StatusNotFound)
	}
}

func (r *Repo) lfsHas(oid string, size int64) bool {
	at, err := os.Stat(r.LFSPath(oid))
	return err == nil && at.Size() == size
}

func (s *Server) lfsBatch(w http.ResponseWriter, r *http.Request, repo *Repo, writes bool) {
	var in struct {
		Operation string
		Objects   []lfsObject
	}
	if !bind(w, r, &in) {
		return
	}
	if in.Operation == "upload" && !writes {
		lfsAnswer(w, http.StatusForbidden, map[string]string{"message": "no permission to upload"})
		return
	}
	header := map[string]string{}
	if a := r.Header.Get("Authorization"); a != "" {
		header["Authorization"] = a
	}
	base := repo.CloneURL() + "/info/lfs/"
	for i := range in.Objects {
		o := &in.Objects[i]
		has := goodOID.MatchString(o.OID) && repo.lfsHas(o.OID, o.Size)
		switch {
		case !goodOID.MatchString(o.OID):
			o.Error = &lfsError{http.StatusUnprocessableEntity, "Oid or size are invalid"}
		case in.Operation == "download" && !has:
			o.Error = &lfsError{http.StatusNotFound, "Object does not exist"}
		case in.Operation == "download":
			o.Actions = map[string]lfsAction{"download": {base + "objects/" + o.OID, header}}
		case !has:
			verify := map[string]string{"Accept": lfsType}
			for k, v := range header {
				verify[k] = v
			}
			o.Actions = map[string]lfsAction{"upload": {fmt.Sprintf("%sobjects/%s/%d", base, o.OID, o.Size), header}, "verify": {base + "verify", verify}}
		}
	}
	lfsAnswer(w, http.StatusOK, map[string]any{"transfer": "basic", "objects": in.Objects})
}

// lfsPut takes an object; what it is not is refused.
func (r *Repo) lfsPut(w http.ResponseWriter, req *http.Request, oid string) {
	path := r.LFSPath(oid)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		problem(w, http.StatusInternalServerError, err.Error())
		return
	}
	f, err := os.CreateTemp(filepath.Dir(path), "new-*")
	if err != nil {
		problem(w, http.StatusInternalServerError, err.Error())
		return
	}
	defer os.Remove(f.Name())
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, sum), req.Body)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil || hex.EncodeToString(sum.Sum(nil)) != oid {
		lfsAnswer(w, http.StatusUnprocessableEntity, map[string]string{"message": "Content hash does not match OID"})
		return
	}
	if err := os.Rename(f.Name(), path); err != nil {
		problem(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.WriteHeader(http.StatusOK)
}
