package daemon_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"aictl/api"
	"aictl/internal/giteatest"
)

// forgeRig is a rig that is connected to a Gitea with a repository.
type forgeRig struct {
	*rig
	gitea *giteatest.Server
	repo  *giteatest.Repo
	token string
}

func newForgeRig(t *testing.T) *forgeRig {
	t.Helper()
	g := giteatest.New(t, giteatest.Options{})
	r := &forgeRig{rig: newRig(t), gitea: g, repo: g.Repo(t, "ai", "ocr"), token: g.Token("ai", "write:repository", "read:user")}
	r.before = fmt.Sprintf("export AICTL_GITEA_URL=%s AICTL_GITEA_TOKEN=%s", g.URL, r.token)
	return r
}

// files are a service whose answers name a version.
func (r *forgeRig) files(version string, more ...string) map[string]string {
	return map[string]string{"aictl.yaml": "name: ocr\nruntime: command\ncommand: " + faultsvc + " -version " + version + "\n" + quick + strings.Join(more, "\n")}
}

// told are the statuses of a commit, as context:state.
func (r *forgeRig) told(sha string) []string {
	var all []string
	for _, s := range r.repo.Statuses(sha) {
		all = append(all, s.Context+":"+s.State)
	}
	return all
}

// await waits until the newest status of a commit is this one.
func (r *forgeRig) await(sha, want string) {
	r.t.Helper()
	r.until(want+" of "+sha[:8], func() bool {
		all := r.told(sha)
		return len(all) > 0 && all[len(all)-1] == want
	})
}

// TestCommitStatuses deploys from a Gitea and looks at what it is told: also after it was down, while the daemon is killed.
func TestCommitStatuses(t *testing.T) {
	t.Parallel()
	r := newForgeRig(t)
	good := r.repo.Push(t, giteatest.Change{Files: r.files("v1")})
	r.start()
	r.must("deploy", "ai/ocr")
	r.await(good, "aictl/ocr:success")
	first := r.repo.Statuses(good)
	if first[0].State != "pending" || !strings.HasSuffix(first[0].TargetURL, "/api/v1/deploys/1") {
		t.Errorf("first: %+v", first[0])
	}
	if out := r.must("deploys", "show", "1"); !strings.Contains(out, "success on "+r.gitea.URL) {
		t.Errorf("deploys show:\n%s", out)
	}

	bad := r.repo.Push(t, giteatest.Change{Files: map[string]string{"aictl.yaml": "name: ocr\nruntime: command\ncommand: \"false\"\n" + quick}})
	r.fails(1, "deploy", "ai/ocr")
	r.await(bad, "aictl/ocr:failure")

	// Nothing waits for a Gitea that cannot be told, and what it was not told outlives the daemon.
	undo := r.gitea.Fail("/statuses/", http.StatusServiceUnavailable)
	last := r.repo.Push(t, giteatest.Change{Files: r.files("v2")})
	r.must("deploy", "ai/ocr")
	r.serves("ocr", "v2")
	r.until("a try has failed", func() bool {
		doc, err := r.client.GetDeploy(t.Context(), 3)
		return err == nil && doc.Status != nil && doc.Status.Tries > 0 && doc.Status.Progress == "waiting"
	})
	if out := r.must("deploys", "show", "3"); !strings.Contains(out, "not told to "+r.gitea.URL) || !strings.Contains(out, "503") {
		t.Errorf("deploys show:\n%s", out)
	}
	r.signal(r.worker(), syscall.SIGKILL)
	undo()
	r.await(last, "aictl/ocr:success")
	r.stop()
}

// TestPreviews follows a pull request from its opening to its end.
func TestPreviews(t *testing.T) {
	t.Parallel()
	r := newForgeRig(t)
	r.repo.Push(t, giteatest.Change{Files: r.files("main", "deploy: {previews: true}\n")})
	r.start()
	r.must("deploy", "ai/ocr", "--env", "WHERE=here")
	r.must("gitea", "hook", "ocr")

	head := r.repo.Push(t, giteatest.Change{Branch: "feature", Parent: r.tip("main"), Files: r.files("one")})
	n := r.repo.Pull(t, "feature", "main", "A feature")
	r.await(head, "aictl/ocr-pr-1:success")
	r.serves("ocr-pr-1", "one")
	r.serves("ocr", "main")
	if out := r.must("algorithms", "list"); !strings.Contains(out, "ocr") || strings.Contains(out, "ocr-pr-1") {
		t.Errorf("algorithms:\n%s", out)
	}
	deploy := r.deploys("ocr-pr-1")[0]
	if deploy.Trigger != "preview" || deploy.Commit != head || deploy.Reason != "pull request #1: A feature" {
		t.Errorf("deploy: %+v", deploy)
	}

	head = r.repo.Push(t, giteatest.Change{Branch: "feature", Files: r.files("two")})
	r.await(head, "aictl/ocr-pr-1:success")
	r.serves("ocr-pr-1", "two")
	for _, d := range r.deploys("ocr") {
		if d.Commit == head {
			t.Errorf("the pull request's commit was deployed as the service: %+v", d)
		}
	}
	r.repo.ClosePull(n)
	r.until("the preview is gone", func() bool { return !slices.Contains(r.names(), "ocr-pr-1") })
	r.serves("ocr", "main")

	// What happens while there is no daemon is found when there is one.
	r.repo.ReopenPull(n)
	r.await(head, "aictl/ocr-pr-1:success")
	r.stop()
	merged := r.repo.MergePull(t, n)
	r.start()
	r.until("the preview is gone", func() bool { return !slices.Contains(r.names(), "ocr-pr-1") })
	r.await(merged, "aictl/ocr:success") // found by reconciling
	r.serves("ocr", "two")
	r.stop()
}

func (r *forgeRig) tip(branch string) string {
	r.t.Helper()
	sha, err := r.repo.Git("", "rev-parse", branch)
	if err != nil {
		r.t.Fatal(err)
	}
	return sha
}

// names are those of all services.
func (r *forgeRig) names() (names []string) {
	r.t.Helper()
	var list api.ServiceList
	if err := json.Unmarshal([]byte(r.must("status", "-o", "json")), &list); err != nil {
		r.t.Fatal(err)
	}
	for _, s := range list.Services {
		names = append(names, s.Name)
	}
	return names
}
