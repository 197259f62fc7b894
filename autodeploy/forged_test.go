package autodeploy

import (
	"bytes"
	"testing"

	"aictl/internal/giteatest"
)

// TestSignedLies: the secret is known to everybody who owns a repository with a hook, so that a signature does not prove what a branch
// of another repository has.
func TestSignedLies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	repo := r.git.Repo(t, "team", "ocr")
	live := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "1"}})
	r.service("ocr", giteaSource("ocr"), live, auto())
	evil := repo.Push(t, giteatest.Change{Branch: "evil", Files: map[string]string{"main.py": "steal()"}, Parent: live})
	r.work()
	lie := r.pushBody("ocr", live, evil)
	other := bytes.ReplaceAll(lie, []byte("refs/heads/main"), []byte("refs/heads/evil"))
	other = bytes.ReplaceAll(other, []byte(`"default_branch":"main"`), []byte(`"default_branch":"evil"`))
	for id, body := range map[string][]byte{"the commit of another branch": lie, "another default branch": other} {
		if status, _ := r.send("/hooks/gitea", body, map[string]string{"X-Gitea-Delivery": id}); status != 202 {
			t.Fatal(id, status)
		}
	}
	for _, d := range r.settled(0) {
		t.Log(d.Delivery, d.Outcome)
	}
	for _, sha := range r.commits("ocr") {
		if sha == evil {
			t.Fatal("a commit that the branch does not have was deployed")
		}
	}
	second := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "2"}})
	if status, _ := r.send("/hooks/gitea", r.pushBody("ocr", live, second), map[string]string{"X-Gitea-Delivery": "true"}); status != 202 {
		t.Fatal(status)
	}
	r.settled(0)
	if got := r.commits("ocr"); len(got) == 0 || got[len(got)-1] != second {
		t.Errorf("after a true delivery: %v, want %s", got, second)
	}
}
