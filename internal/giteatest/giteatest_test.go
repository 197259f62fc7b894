package giteatest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestRecordings shows that the double writes what Gitea wrote: a recorded body that is read and written again is the same bytes.
func TestRecordings(t *testing.T) {
	all := Recordings(t)
	if len(all) != 5 {
		t.Fatalf("%d recordings, want 5", len(all))
	}
	for _, r := range all {
		var v any = &pushJSON{}
		switch r.Header.Get("X-Gitea-Event") {
		case "create":
			v = &createJSON{}
		case "delete":
			v = &deleteJSON{}
		}
		dec := json.NewDecoder(bytes.NewReader(r.Body))
		dec.DisallowUnknownFields()
		if err := dec.Decode(v); err != nil {
			t.Errorf("%s: %v", r.Name, err)
			continue
		}
		if again, err := json.MarshalIndent(v, "", "  "); err != nil || !bytes.Equal(again, r.Body) {
			t.Errorf("%s: written again it is not the same (%v)", r.Name, err)
		}
		if strconv.Itoa(len(r.Body)) != r.Header.Get("Content-Length") {
			t.Errorf("%s: %d bytes, recorded were %s", r.Name, len(r.Body), r.Header.Get("Content-Length"))
		}
		d := &delivery{Delivery: Delivery{ID: r.Header.Get("X-Gitea-Delivery"), Event: r.Header.Get("X-Gitea-Event"), Header: http.Header{}}, json: r.Body, secret: RecordedSecret, kind: r.Header.Get("X-Gitea-Event-Type")}
		d.sign()
		for name, want := range d.Header {
			if got := r.Header.Get(name); got != want[0] {
				t.Errorf("%s: %s is %q, recorded was %q", r.Name, name, want[0], got)
			}
		}
	}
}

// TestHooks pushes with the git program and looks at what arrives.
func TestHooks(t *testing.T) {
	s := New(t, Options{})
	repo := s.Repo(t, "ai", "ocr")
	token := s.Token("ai", "write:repository", "read:user")
	type arrival struct {
		header http.Header
		body   []byte
	}
	arrived := make(chan arrival, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		arrived <- arrival{r.Header, body}
		w.WriteHeader(http.StatusInternalServerError) // not tried again
	}))
	t.Cleanup(receiver.Close)
	id := s.hookForTest(t, token, repo, map[string]any{"type": "gitea", "active": true, "events": []string{"push", "create", "delete", "pull_request"},
		"config": map[string]string{"url": receiver.URL + "/hooks/gitea", "content_type": "json", "secret": "s3cret"}})

	work := filepath.Join(t.TempDir(), "work")
	at, err := url.Parse(repo.CloneURL())
	if err != nil {
		t.Fatal(err)
	}
	at.User = url.UserPassword("any", token)
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Env = environ()
		if _, err := os.Stat(work); err == nil {
			cmd.Dir = work
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("clone", "--quiet", at.String(), work)
	for i := range 12 {
		run("commit", "--quiet", "--allow-empty", "-m", "bulk "+strconv.Itoa(i+1))
		if i == 0 {
			run("push", "--quiet", "origin", "HEAD:main")
		}
	}
	if err := os.WriteFile(filepath.Join(work, "main.py"), []byte("print()\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run("add", "main.py")
	run("commit", "--quiet", "-m", "last")
	head := run("rev-parse", "HEAD")
	run("push", "--quiet", "origin", "HEAD:main")
	run("tag", "-a", "-m", "one", "v1")
	run("push", "--quiet", "origin", "v1")
	run("push", "--quiet", "origin", "HEAD:refs/heads/feat")
	run("push", "--quiet", "origin", ":refs/heads/feat")

	all := s.WaitDeliveries(t, 8)
	var got []string
	for _, d := range all {
		got = append(got, d.Event)
	}
	if want := []string{"create", "push", "push", "create", "push", "create", "push", "delete"}; !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
	var big, tag pushJSON
	first := <-arrived
	<-arrived
	if err := json.Unmarshal((<-arrived).body, &big); err != nil {
		t.Fatal(err)
	}
	<-arrived
	if err := json.Unmarshal((<-arrived).body, &tag); err != nil {
		t.Fatal(err)
	}
	if len(big.Commits) != 5 || big.TotalCommits != 12 || big.After != head || !slices.Equal(big.Commits[0].Added, []string{"main.py"}) || big.Commits[0].Message != "last\n" {
		t.Errorf("the push of 12: %d of %d commits, after %s, first %+v", len(big.Commits), big.TotalCommits, big.After, big.Commits[0])
	}
	if tag.Ref != "refs/tags/v1" || tag.After == head || tag.HeadCommit.ID != head || tag.TotalCommits != 0 || tag.Before != zero {
		t.Errorf("the tag: %+v", tag)
	}
	m := hmac.New(sha256.New, []byte("s3cret"))
	m.Write(first.body)
	if want := hex.EncodeToString(m.Sum(nil)); first.header.Get("X-Gitea-Signature") != want || first.header.Get("X-Hub-Signature-256") != "sha256="+want {
		t.Errorf("signature %q, want %s", first.header.Get("X-Gitea-Signature"), want)
	}
	for _, d := range all {
		if d.Status != http.StatusInternalServerError {
			t.Errorf("delivery of %s: status %d, %q", d.Event, d.Status, d.Err)
		}
	}

	s.SetAllowedHosts("external")
	if status := s.callForTest(t, token, "POST", "/repos/ai/ocr/hooks/"+strconv.FormatInt(id, 10)+"/tests", nil, nil); status != http.StatusNoContent {
		t.Errorf("test of a hook says %d, want 204", status)
	}
	if d := s.WaitDeliveries(t, 9)[8]; d.Status != 0 || !strings.Contains(d.Err, "ALLOWED_HOST_LIST") {
		t.Errorf("a host that is not allowed: status %d, %q", d.Status, d.Err)
	}
}

// TestPushHelper shows that what tests push by method is what git sees: forced, new roots, removed files, pull requests.
func TestPushHelper(t *testing.T) {
	s := New(t, Options{})
	r := s.Repo(t, "ai", "ocr")
	token := s.Token("ai", "all")
	s.hookForTest(t, token, r, map[string]any{"type": "gitea", "active": true, "events": []string{"push", "pull_request"}, "config": map[string]string{"url": "http://127.0.0.1:1/", "content_type": "form"}})
	one := r.Push(t, Change{Files: map[string]string{"a": "1\n", "d/b": "2\n"}})
	two := r.Push(t, Change{Files: map[string]string{"a": "3\n"}, Remove: []string{"d/b"}, Message: "second"})
	if list, err := r.Git("", "ls-tree", "-r", "--name-only", two); err != nil || list != "a" {
		t.Errorf("files of the second commit: %q, %v", list, err)
	}
	if parent, err := r.Git("", "rev-parse", two+"^"); err != nil || parent != one {
		t.Errorf("parent %s, %v, want %s", parent, err, one)
	}
	forced := r.Push(t, Change{Files: map[string]string{"c": "4\n"}, Parent: one})
	root := r.Push(t, Change{Files: map[string]string{"e": "5\n"}, Parent: "none"})
	if count, err := r.Git("", "rev-list", "--count", root); err != nil || count != "1" {
		t.Errorf("a new root has %s commits, %v", count, err)
	}
	if parent, err := r.Git("", "rev-parse", forced+"^"); err != nil || parent != one {
		t.Errorf("the forced commit's parent is %s, %v", parent, err)
	}
	r.Push(t, Change{Branch: "feat", Parent: root, Files: map[string]string{"f": "6\n"}})
	n := r.Pull(t, "feat", "main", "a feature")
	tip := r.Push(t, Change{Branch: "feat", Files: map[string]string{"f": "7\n"}})
	if kept, err := r.Git("", "rev-parse", "refs/pull/1/head"); err != nil || kept != tip {
		t.Errorf("refs/pull/1/head is %s, %v, want %s", kept, err, tip)
	}
	merged := r.MergePull(t, n)
	if now, err := r.Git("", "rev-parse", "main"); err != nil || now != merged {
		t.Errorf("main is at %s, %v, want %s", now, err, merged)
	}
	var actions []string
	for _, d := range s.WaitDeliveries(t, 10) {
		if d.Event == "pull_request" {
			values, err := url.ParseQuery(string(d.Body))
			var p pullEventJSON
			if err != nil || json.Unmarshal([]byte(values.Get("payload")), &p) != nil {
				t.Fatalf("the form: %v", err)
			}
			actions = append(actions, p.Action+" "+d.Header["X-Gitea-Event-Type"][0])
		}
		if d.Header["X-Gitea-Signature"][0] != "" || d.Header["X-Hub-Signature-256"][0] != "sha256=" {
			t.Errorf("without a secret the signature is %q", d.Header["X-Gitea-Signature"])
		}
	}
	if want := []string{"opened pull_request", "synchronized pull_request_sync", "closed pull_request"}; !slices.Equal(actions, want) {
		t.Errorf("actions %q, want %q", actions, want)
	}
}

func TestScopes(t *testing.T) {
	s := New(t, Options{})
	s.Repo(t, "ai", "ocr").Push(t, Change{Files: map[string]string{"a": "1\n"}})
	all, readonly, other := s.Token("ai", "all"), s.Token("ai", "read:repository"), s.Token("guest", "all")
	gone := s.Token("ai", "all")
	s.Revoke(gone)
	for _, c := range []struct {
		token, method, path string
		want                int
	}{
		{all, "GET", "/user", 200}, {readonly, "GET", "/user", 403}, {gone, "GET", "/user", 401}, {"", "GET", "/user", 401},
		{readonly, "GET", "/repos/ai/ocr", 200}, {readonly, "GET", "/repos/AI/OCR", 200}, {other, "GET", "/repos/ai/ocr", 404}, {"", "GET", "/repos/ai/ocr", 404},
		{readonly, "POST", "/repos/ai/ocr/hooks", 403}, {all, "GET", "/repos/ai/none", 404}, {all, "GET", "/repos/search?q=ocr", 200},
	} {
		if got := s.callForTest(t, c.token, c.method, c.path, nil, nil); got != c.want {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, got, c.want)
		}
	}
	s.SetDown(true)
	if got := s.callForTest(t, all, "GET", "/user", nil, nil); got != 0 {
		t.Errorf("a server that is down answers %d", got)
	}
	s.SetDown(false)
	if got := s.callForTest(t, all, "GET", "/user", nil, nil); got != 200 {
		t.Errorf("a server that is up again answers %d", got)
	}
}

// callForTest returns the status of a call, 0 when there was no answer.
func (s *Server) callForTest(t *testing.T, token, method, path string, in, out any) int {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "token "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	if out != nil {
		if err := json.NewDecoder(res.Body).Decode(out); err != nil {
			t.Fatal(err)
		}
	}
	return res.StatusCode
}

func (s *Server) hookForTest(t *testing.T, token string, r *Repo, o any) int64 {
	t.Helper()
	var h hook
	if status := s.callForTest(t, token, "POST", "/repos/"+r.FullName()+"/hooks", o, &h); status != http.StatusCreated {
		t.Fatalf("making a hook says %d", status)
	}
	return h.ID
}
