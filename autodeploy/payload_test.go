package autodeploy

import (
	"strings"
	"testing"

	"aictl/internal/giteatest"
)

// TestRecordedDeliveries reads what a real Gitea has sent.
func TestRecordedDeliveries(t *testing.T) {
	t.Parallel()
	want := []struct {
		kind                          Kind
		ref, before, after, commit    string
		repository, message, default_ string
	}{
		{KindPush, "refs/heads/main", "9a4a440f02ffa7df9971990fc2727432df48040f", "45149791d7ba146031eeeb019f62e93ff8e547d5", "45149791d7ba146031eeeb019f62e93ff8e547d5", "aiadmin/algo-demo", "third [skip ci]", "main"},
		{kind: KindPush, ref: "refs/heads/main"},
		{kind: KindTag, ref: "refs/tags/"},
		{kind: KindDelete, ref: "refs/heads/"},
		{kind: KindCreate, ref: "refs/tags/"},
	}
	for i, r := range giteatest.Recordings(t) {
		got, err := parseHub(r.Header.Get("X-Gitea-Event"), r.Body)
		if err != nil || got.Change == nil {
			t.Fatalf("%s: %+v, %v", r.Name, got, err)
		}
		c, w := *got.Change, want[i]
		if c.Kind != w.kind || !strings.HasPrefix(c.Ref, w.ref) || got.RepoID == 0 || c.Repository == "" || len(c.Addresses) != 3 || c.Actor == "" {
			t.Errorf("%s: %+v", r.Name, c)
		}
		if w.before != "" && (c.Before != w.before || c.After != w.after || c.commit() != w.commit || c.Repository != w.repository || c.DefaultBranch != w.default_ || !strings.Contains(c.Message, w.message)) {
			t.Errorf("%s: %+v", r.Name, c)
		}
		if c.Kind == KindTag && (c.After == c.commit() || c.commit() == "") {
			t.Errorf("%s: an annotated tag's commit is %s, its object %s", r.Name, c.commit(), c.After)
		}
		if !signed(r.Header.Get("X-Gitea-Signature"), giteatest.RecordedSecret, r.Body) {
			t.Errorf("%s: the signature is not taken", r.Name)
		}
	}
}

func TestPayloads(t *testing.T) {
	t.Parallel()
	repo := `"repository": {"id": 7, "full_name": "o/r", "clone_url": "https://h/o/r.git"}`
	for _, c := range []struct {
		what, event, body string
		parse             func(string, []byte) (told, error)
		bad               bool
		check             func(told) bool
	}{
		{what: "GitHub's push", event: "push", parse: parseHub,
			body:  `{"ref":"refs/heads/main","before":"` + shaA + `","after":"` + shaB + `","pusher":{"name":"ada"},"head_commit":{"id":"` + shaB + `","message":"m"},` + repo + `}`,
			check: func(t told) bool { return t.Change.Kind == KindPush && t.Change.Actor == "ada" && t.RepoID == 7 }},
		{what: "the end of a branch, told as a push", event: "push", parse: parseHub,
			body:  `{"ref":"refs/heads/x","before":"` + shaA + `","after":"` + zeros + `","deleted":true,"head_commit":null,` + repo + `}`,
			check: func(t told) bool { return t.Change.Kind == KindDelete }},
		{what: "GitHub's ping", event: "ping", parse: parseHub, body: `{"zen":"x",` + repo + `}`,
			check: func(t told) bool { return t.Change == nil && t.Repository == "o/r" }},
		{what: "a pull request", event: "pull_request", parse: parseHub,
			body: `{"action":"synchronized","number":3,"pull_request":{"title":"T","state":"open","user":{"login":"ada"},"base":{"ref":"main","sha":"` + shaA + `"},"head":{"ref":"f","sha":"` + shaB + `","repo":{"full_name":"ada/r","clone_url":"https://h/ada/r.git"}}},` + repo + `}`,
			check: func(t told) bool {
				p := t.Change.Pull
				return t.Change.Kind == KindPull && *p == Pull{Number: 3, Action: "synchronized", Title: "T", Author: "ada", Base: "main", HeadRef: "f", Head: shaB, HeadRepository: "ada/r", HeadAddress: "https://h/ada/r.git"}
			}},
		{what: "one without it", event: "pull_request", parse: parseHub, body: `{"number":3,` + repo + `}`, bad: true},
		{what: "GitLab's push", event: "Push Hook", parse: parseLab,
			body:  `{"object_kind":"push","ref":"refs/heads/main","before":"` + shaA + `","after":"` + shaB + `","checkout_sha":"` + shaB + `","user_username":"ada","project":{"id":9,"path_with_namespace":"g/s/r","git_http_url":"https://h/g/s/r.git","default_branch":"main"},"commits":[{"id":"` + shaA + `","message":"old"},{"id":"` + shaB + `","message":"new"}]}`,
			check: func(t told) bool { return t.Change.Message == "new" && t.Repository == "g/s/r" && t.RepoID == 9 }},
		{what: "GitLab's annotated tag", event: "Tag Push Hook", parse: parseLab,
			body:  `{"object_kind":"tag_push","ref":"refs/tags/v1","before":"` + zeros + `","after":"` + shaA + `","checkout_sha":"` + shaB + `","project":{"path_with_namespace":"g/r"}}`,
			check: func(t told) bool { return t.Change.Kind == KindTag && t.Change.commit() == shaB }},
		{what: "GitLab's end of a branch", event: "Push Hook", parse: parseLab,
			body:  `{"object_kind":"push","ref":"refs/heads/x","before":"` + shaA + `","after":"` + zeros + `","checkout_sha":null,"project":{"path_with_namespace":"g/r"}}`,
			check: func(t told) bool { return t.Change.Kind == KindDelete }},
		{what: "GitLab's issues", event: "Issue Hook", parse: parseLab, body: `{"object_kind":"issue","project":{"path_with_namespace":"g/r"}}`,
			check: func(t told) bool { return t.Change == nil }},
		{what: "no JSON", event: "push", parse: parseHub, body: `payload=%7B`, bad: true},
		{what: "no repository", event: "push", parse: parseHub, body: `{"ref":"refs/heads/main","after":"` + shaB + `"}`, bad: true},
		{what: "no commit", event: "push", parse: parseHub, body: `{"ref":"refs/heads/main","after":"; rm -rf /",` + repo + `}`, bad: true},
		{what: "a short reference", event: "push", parse: parseHub, body: `{"ref":"main","after":"` + shaB + `",` + repo + `}`, bad: true},
		{what: "a reference of two lines", event: "push", parse: parseHub, body: `{"ref":"refs/heads/a\nb","after":"` + shaB + `",` + repo + `}`, bad: true},
		{what: "nothing", event: "push", parse: parseHub, body: ``, bad: true},
		{what: "a list", event: "push", parse: parseHub, body: `[]`, bad: true},
	} {
		got, err := c.parse(c.event, []byte(c.body))
		if c.bad != (err != nil) || !c.bad && !c.check(got) {
			t.Errorf("%s: %+v, %v", c.what, got, err)
		}
	}
}

// FuzzPayload: whatever is signed, what is kept of it is bounded and sound.
func FuzzPayload(f *testing.F) {
	f.Add("push", []byte(`{"ref":"refs/heads/main","before":"`+shaA+`","after":"`+shaB+`","repository":{"full_name":"o/r"}}`))
	f.Add("pull_request", []byte(`{"number":1,"pull_request":{"head":{"sha":"`+shaB+`"}},"repository":{"full_name":"o/r"}}`))
	f.Add("Push Hook", []byte(`{"object_kind":"push","project":{"path_with_namespace":"g/r"}}`))
	f.Add("delete", []byte(`{"ref":"x","ref_type":"branch","repository":{"full_name":"o/r"}}`))
	f.Fuzz(func(t *testing.T, event string, body []byte) {
		for _, parse := range []func(string, []byte) (told, error){parseHub, parseLab} {
			got, err := parse(event, body)
			if err != nil || got.Change == nil {
				continue
			}
			c := got.Change
			if len(c.Message) > maxMessage || len(c.Ref) > maxRef+20 || c.Repository == "" || len(c.Repository) > maxName {
				t.Errorf("%+v", c)
			}
			for _, sha := range []string{c.Before, c.After, c.Commit} {
				if sha != "" && !shaRE.MatchString(sha) {
					t.Errorf("%+v", c)
				}
			}
			v := Decide(*c, Target{Section: sectionOfFuzz})
			if v.Deploy && zero(c.commit()) {
				t.Errorf("deploys nothing: %+v", c)
			}
		}
	})
}

// FuzzCanonical: an address is always read the same way.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"https://h/o/r.git", "git@h:o/r", "/a/b", "file:///x", "::", "ssh://h:22/x", "http://[::1]:80/x/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		once := canonical(raw)
		if strings.Contains(once, "@") && !strings.Contains(strings.TrimPrefix(raw, "git@"), "@") {
			t.Errorf("%q: %q has credentials", raw, once)
		}
	})
}
