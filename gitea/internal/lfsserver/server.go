// Package lfsserver is a small Git LFS server for tests, which can be told to misbehave.
package lfsserver

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// Server hands out objects to whoever has its token ("" is everybody). Its fields may be changed between requests under Lock.
type Server struct {
	*httptest.Server
	sync.Mutex
	Token   string
	Storage string // where objects are said to be; "" is the server itself
	Cut     int    // how many of the next downloads end after half of what they have to send
	Stall   bool   // downloads stop after half of it and say nothing more
	Damage  bool   // objects come with another content of the same size
	Longer  bool   // objects come with more than they have
	Whole   bool   // Range is not understood
	Status  int    // of the batch API, when it is not 200

	Batches int
	Ranges  []string // that downloads asked for, "" for all
	Seen    []string // Authorization of every request, in turn

	objects map[string][]byte
}

// New starts a server.
func New() *Server {
	s := &Server{objects: map[string][]byte{}}
	s.Server = httptest.NewServer(s)
	return s
}

// Add stores an object and returns its pointer file.
func (s *Server) Add(content string) string {
	s.Lock()
	defer s.Unlock()
	sum := sha256.Sum256([]byte(content))
	oid := hex.EncodeToString(sum[:])
	s.objects[oid] = []byte(content)
	return fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", oid, len(content))
}

// Forget removes all objects.
func (s *Server) Forget() {
	s.Lock()
	defer s.Unlock()
	clear(s.objects)
}

// Asked returns what was counted so far.
func (s *Server) Asked() (batches int, ranges, seen []string) {
	s.Lock()
	defer s.Unlock()
	return s.Batches, append([]string{}, s.Ranges...), append([]string{}, s.Seen...)
}

// ServeHTTP answers /…/objects/batch and /objects/OID.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.Lock()
	s.Seen = append(s.Seen, r.Header.Get("Authorization"))
	token := s.Token
	s.Unlock()
	if _, pass, _ := r.BasicAuth(); token != "" && pass != token {
		http.Error(w, `{"message":"who are you"}`, http.StatusUnauthorized)
		return
	}
	if strings.HasSuffix(r.URL.Path, "/objects/batch") {
		s.batch(w, r)
		return
	}
	s.download(w, r)
}

type object struct {
	OID  string `json:"oid"`
	Size int64  `json:"size"`
}

func (s *Server) batch(w http.ResponseWriter, r *http.Request) {
	s.Lock()
	defer s.Unlock()
	s.Batches++
	var ask struct {
		Operation string   `json:"operation"`
		Objects   []object `json:"objects"`
	}
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil || ask.Operation != "download" || s.Status != 0 {
		http.Error(w, `{"message":"no"}`, max(s.Status, http.StatusBadRequest))
		return
	}
	storage := s.Storage
	if storage == "" {
		storage = s.URL
	}
	var objects []map[string]any
	for _, o := range ask.Objects {
		one := map[string]any{"oid": o.OID, "size": o.Size}
		if _, ok := s.objects[o.OID]; ok {
			one["actions"] = map[string]any{"download": map[string]any{"href": storage + "/objects/" + o.OID, "header": map[string]string{"X-Signed": "yes"}}}
		} else {
			one["error"] = map[string]any{"code": 404, "message": "no such object"}
		}
		objects = append(objects, one)
	}
	w.Header().Set("Content-Type", "application/vnd.git-lfs+json")
	if err := json.NewEncoder(w).Encode(map[string]any{"transfer": "basic", "objects": objects}); err != nil {
		panic(http.ErrAbortHandler)
	}
}

func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	s.Lock()
	oid := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	content, ok := s.objects[oid]
	s.Ranges = append(s.Ranges, r.Header.Get("Range"))
	cut, stall, damage, longer, whole := s.Cut > 0, s.Stall, s.Damage, s.Longer, s.Whole
	s.Cut = max(0, s.Cut-1)
	s.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	if damage {
		content = []byte(strings.Repeat("x", len(content)))
	}
	if longer {
		content = append(append([]byte{}, content...), " and more"...)
	}
	var from int
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil && !whole && from < len(content) {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
		w.Header().Set("Content-Length", fmt.Sprint(len(content)-from))
		w.WriteHeader(http.StatusPartialContent)
		content = content[from:]
	} else {
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	}
	if !cut && !stall {
		if _, err := w.Write(content); err != nil {
			return
		}
		return
	}
	if _, err := w.Write(content[:len(content)/2]); err != nil {
		return
	}
	w.(http.Flusher).Flush()
	if stall {
		<-r.Context().Done()
	}
	panic(http.ErrAbortHandler)
}
