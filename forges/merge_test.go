package forges

import (
	"fmt"
	"strings"
	"testing"

	"aictl/configs"
	"aictl/store"
)

func TestMerge(t *testing.T) {
	one := store.Forge{Name: "one", URL: "https://one.example", Token: "t1", Owner: "ai", Default: true}
	two := store.Forge{Name: "two", URL: "https://two.example", Token: "t2"}
	at := func(url, token string) configs.GiteaSettings { return configs.GiteaSettings{URL: url, Token: token} }
	for _, c := range []struct {
		what   string
		given  setting
		stored []store.Forge
		want   string
	}{
		{"nothing", setting{}, nil, ""},
		{"the file alone", setting{GiteaSettings: at("https://file.example/", "t")}, nil, "file.example=t file"},
		{"the file after what is stored", setting{GiteaSettings: at("https://file.example", "t")}, []store.Forge{one, two}, "one=t1 stored, two=t2 stored, file.example=t file"},
		{"stored counts before the file", setting{GiteaSettings: at("https://ONE.example:443/", "t")}, []store.Forge{one}, "one=t1 stored"},
		{"the environment before all", setting{GiteaSettings: at("https://env.example", "t"), urlOver: true, tokenOver: true}, []store.Forge{one}, "env.example=t environment, one=t1 stored"},
		{"the environment names one that is stored", setting{GiteaSettings: at("https://two.example", ""), urlOver: true}, []store.Forge{one, two}, "two=t2 environment, one=t1 stored"},
		{"and has another token for it", setting{GiteaSettings: at("https://two.example", "t"), urlOver: true, tokenOver: true}, []store.Forge{one, two}, "two=t environment, one=t1 stored"},
		{"a token alone is for the default", setting{GiteaSettings: at("", "t"), tokenOver: true}, []store.Forge{one, two}, "one=t stored, two=t2 stored"},
		{"a token alone with nothing to go to", setting{GiteaSettings: at("", "t"), tokenOver: true}, nil, ""},
		{"a token from the environment for the file's address", setting{GiteaSettings: at("https://two.example", "t"), tokenOver: true}, []store.Forge{one, two}, "one=t1 stored, two=t stored"},
	} {
		var got []string
		for _, w := range merge(c.given, c.stored) {
			got = append(got, fmt.Sprintf("%s=%s %s", w.Name, w.Token, w.from))
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%s: %s; want %s", c.what, s, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	taken := []store.Forge{{Name: "git.example.com"}, {Name: "git.example.com-2"}}
	for address, want := range map[string]string{
		"https://Git.Example.com/gitea": "git.example.com-3", "http://127.0.0.1:3000": "127.0.0.1-3000", "http://[::1]:3000": "1--3000", "http://host": "host",
	} {
		if got := nameFor(address, taken); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

// TestLeaves: which changes of the stored connections make owner/repo mean something else.
func TestLeaves(t *testing.T) {
	one := store.Forge{Name: "one", URL: "https://one.example", Default: true}
	two := store.Forge{Name: "two", URL: "https://two.example"}
	moved := store.Forge{Name: "one", URL: "https://new.example", Default: true}
	first := two
	first.Default = true
	file := setting{GiteaSettings: configs.GiteaSettings{URL: "https://file.example"}}
	env := setting{GiteaSettings: configs.GiteaSettings{URL: "https://env.example"}, urlOver: true}
	for _, c := range []struct {
		what          string
		s             setting
		before, after []store.Forge
		want          string
	}{
		{"the first one", setting{}, nil, saved(nil, one), ""},
		{"a second one", setting{}, []store.Forge{one}, saved([]store.Forge{one}, two), ""},
		{"another default", setting{}, []store.Forge{one, two}, saved([]store.Forge{one, two}, first), "https://one.example"},
		{"a new address", setting{}, []store.Forge{one, two}, saved([]store.Forge{one, two}, moved), ""},
		{"the default goes", setting{}, []store.Forge{one, two}, removed([]store.Forge{one, two}, "one"), "https://one.example"},
		{"another one goes", setting{}, []store.Forge{one, two}, removed([]store.Forge{one, two}, "two"), ""},
		{"the last one goes", setting{}, []store.Forge{one}, removed([]store.Forge{one}, "one"), "https://one.example"},
		{"one comes before the file's", file, nil, saved(nil, one), "https://file.example"},
		{"the environment's stays first", env, []store.Forge{one, two}, saved([]store.Forge{one, two}, first), ""},
	} {
		address, moves := leaves(merge(c.s, c.before), merge(c.s, c.after))
		if moves != (c.want != "") || moves && address != c.want {
			t.Errorf("%s: %v %s, want %q", c.what, moves, address, c.want)
		}
	}
}
