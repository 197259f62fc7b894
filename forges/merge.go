package forges

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"aictl/configs"
	"aictl/gitea"
	"aictl/store"
)

// setting is what the settings say about a Gitea, and which of it came from a variable or a flag.
type setting struct {
	configs.GiteaSettings
	urlOver, tokenOver bool
}

func given(s configs.Settings) setting {
	return setting{GiteaSettings: s.Gitea, urlOver: s.Overrides("gitea.url"), tokenOver: s.Overrides("gitea.token") || s.Overrides("gitea.token_file")}
}

// wanted is a connection before its client is made.
type wanted struct {
	store.Forge
	from      string
	tokenFile string
}

// merge says which connections there are, the default one first: an address from the environment before the stored ones, those before
// the one of the settings file. A token from the environment goes with the address that the settings give, else with the default.
func merge(s setting, stored []store.Forge) []wanted {
	var list []wanted
	for _, f := range stored {
		list = append(list, wanted{Forge: f, from: gitea.FromStore})
	}
	if s.URL == "" {
		if s.tokenOver && len(list) > 0 {
			list[0].Token, list[0].tokenFile, list[0].Login = s.Token, s.TokenFile, ""
		}
		return list
	}
	at := slices.IndexFunc(list, func(w wanted) bool { return gitea.Address(w.URL) == gitea.Address(s.URL) })
	switch {
	case at < 0:
		own := wanted{Forge: s.forge(nameFor(s.URL, stored)), from: gitea.FromFile, tokenFile: s.TokenFile}
		if s.urlOver {
			own.from = gitea.FromEnvironment
			return append([]wanted{own}, list...)
		}
		return append(list, own)
	case s.urlOver:
		one := list[at]
		list = slices.Delete(list, at, at+1)
		if s.Owner != "" {
			one.Owner = s.Owner
		}
		one.from = gitea.FromEnvironment
		list = append([]wanted{one}, list...)
		at = 0
	}
	if s.Token != "" && (s.tokenOver || s.urlOver) || s.TokenFile != "" && (s.tokenOver || s.urlOver) {
		list[at].Token, list[at].tokenFile, list[at].Login = s.Token, s.TokenFile, ""
	}
	return list
}

func (s setting) forge(name string) store.Forge {
	return store.Forge{Name: name, URL: gitea.Address(s.URL), Owner: s.Owner, Token: s.Token}
}

// nameFor makes a name for the Gitea at an address: its host, with a number when that is taken.
func nameFor(address string, taken []store.Forge) string {
	const most = 50 // which leaves room for a number
	base := ""
	if u, err := url.Parse(address); err == nil {
		base = strings.Map(plainRune, u.Host)
		base = strings.Trim(base[:min(len(base), most)], "-.")
	}
	if base == "" {
		base = "gitea"
	}
	name := base
	for i := 2; slices.ContainsFunc(taken, func(f store.Forge) bool { return f.Name == name }); i++ {
		name = base + "-" + strconv.Itoa(i)
	}
	return name
}

// plainRune keeps what may be in a name.
func plainRune(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-':
		return r
	case r >= 'A' && r <= 'Z':
		return r + 'a' - 'A'
	}
	return '-'
}
