package deploy

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"aictl/store"
)

func TestRequirementsAndLocks(t *testing.T) {
	for name, c := range map[string]struct {
		read func([]byte) (map[string]string, error)
		text string
		want map[string]string
	}{
		"requirements": {required, "# all\n-r base.txt\nFast_API[all]==0.1 # web\nnumpy\n./local\ngit+https://x/y\ntorch @ https://h/t.whl\nuvicorn>=1,<2 --hash=sha256:ab \\\n --hash=sha256:cd\nA==1; os=='x'\na==2; os=='y'\n",
			map[string]string{"fast-api": "==0.1", "numpy": "any", "torch": "@ https://h/t.whl", "uvicorn": ">=1,<2", "a": "==1; os=='x'; ==2; os=='y'"}},
		"uv":       {lockedTOML, "version = 1\n[[package]]\nname = \"Torch\"\nversion = \"2.1\"\n[[package]]\nname = \"torch\"\nversion = \"2.2\"\n", map[string]string{"torch": "2.1, 2.2"}},
		"pipfile":  {lockedPipfile, `{"default": {"flask": {"version": "==3.0"}, "own": {"ref": "abc"}}, "develop": {"pytest": {"version": "==8"}}}`, map[string]string{"flask": "==3.0", "own": "abc"}},
		"project":  {projectNeeds, "[project]\ndependencies = [\"flask>=2\"]\n", map[string]string{"flask": ">=2"}},
		"npm lock": {lockedNode, `{"packages": {"": {"version": "1"}, "node_modules/express": {"version": "4.1.0"}, "node_modules/jest": {"version": "9", "dev": true}}}`, map[string]string{"express": "4.1.0"}},
		"npm":      {nodeNeeds, `{"dependencies": {"express": "^4"}}`, map[string]string{"express": "^4"}},
	} {
		got, err := c.read([]byte(c.text))
		if err != nil || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, c.want)
		}
	}
	for _, read := range []func([]byte) (map[string]string, error){lockedTOML, lockedPipfile, lockedNode, nodeNeeds, projectNeeds} {
		if _, err := read([]byte("{[")); err == nil {
			t.Error("nonsense was read")
		}
	}
}

func FuzzDependencies(f *testing.F) {
	f.Add([]byte("numpy==1\n"))
	f.Add([]byte("[[package]]\nname='a'\nversion='1'\n"))
	f.Add([]byte(`{"packages": {"node_modules/a": {"version": "1"}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, files := range dependencyFiles {
			for _, file := range files {
				found, err := file.read(data)
				if err != nil {
					continue
				}
				for name, version := range found {
					if file.name == "requirements.txt" && (name == "" || version == "") {
						t.Errorf("%q: %q", name, version)
					}
				}
			}
		}
	})
}

func TestCompare(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	o := newOrigin(t, plain("replicas: 1\n"))
	first := r.deploy(o)
	o.commit(map[string]string{"requirements.txt": "numpy==1.0\nflask==2\n", "aictl.yaml": "runtime: command\ncommand: ./run.sh\nreplicas: 2\nenv: {SECRET: a}\n"})
	second := r.deploy(o)
	third := o.commit(map[string]string{"requirements.txt": "numpy==1.1\ntorch==2\n"})
	thirdRow := r.deploy(o)
	c, err := r.Compare(t.Context(), "", fmt.Sprint(first.ID), fmt.Sprintf("#%d", thirdRow.ID))
	must(t, err)
	if c.Service != "svc" || len(c.Added) != 2 || len(c.Removed) != 0 || c.Added[0].SHA != third || c.To.Release != thirdRow.Release || c.From.Commit != first.Commit || len(c.Notes) > 0 {
		t.Errorf("%+v", c)
	}
	if got := fmt.Sprint(c.Dependencies); got != "[{requirements.txt numpy  ==1.1} {requirements.txt torch  ==2}]" {
		t.Errorf("dependencies %s", got)
	}
	var keys []string
	for _, m := range c.Manifest {
		keys = append(keys, m.Key)
		if strings.Contains(m.New, "a") && m.Key == "env.SECRET" {
			t.Errorf("a value is shown: %+v", m)
		}
	}
	if got := strings.Join(keys, " "); got != "replicas env.SECRET" {
		t.Errorf("manifest %s", got)
	}
	// Back, by release and commit.
	c, err = r.Compare(t.Context(), "svc", third, "r2")
	must(t, err)
	if len(c.Added) != 0 || len(c.Removed) != 1 || c.To.Release != second.Release {
		t.Errorf("%+v", c)
	}
	if got := fmt.Sprint(c.Dependencies); got != "[{requirements.txt flask  ==2} {requirements.txt numpy ==1.1 ==1.0} {requirements.txt torch ==2 }]" {
		t.Errorf("dependencies %s", got)
	}
	for _, words := range [][2]string{{"r1", "r2"}} {
		if _, err := r.Compare(t.Context(), "", words[0], words[1]); !errors.Is(err, ErrVersion) {
			t.Errorf("%v: %v", words, err)
		}
	}
	for word, want := range map[string]error{"999": store.ErrNotFound, "r99": ErrNoSuchRelease, "abcdef0": ErrNoSuchRelease} {
		if _, err := r.Compare(t.Context(), "svc", word, "r1"); !errors.Is(err, want) {
			t.Errorf("%s: %v", word, err)
		}
	}
	// A commit that nobody knows any more: what can be told is told.
	c, err = r.Compare(t.Context(), "svc", strings.Repeat("0", 40), "r1")
	if err != nil || len(c.Notes) == 0 {
		t.Errorf("%+v, %v", c, err)
	}
}
