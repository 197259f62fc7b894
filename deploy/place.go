package deploy

import (
	"context"
	"strings"

	"aictl/gitea"
	"aictl/store"
)

// placer is a Sources that knows where owner/repo leads.
type placer interface {
	// Place is the address of a repository, the same however it is spelled, "" for what is at none.
	Place(ctx context.Context, src store.Source) string
}

var _ placer = (*Origins)(nil)

// same reports whether two sources are one but for the ref, also when one is owner/repo and the other its address.
func (d *Deployer) same(ctx context.Context, a, b store.Source) bool {
	if sameSource(a, b) {
		return true
	}
	p, ok := d.Sources.(placer)
	if !ok || clean(a.Subdir) != clean(b.Subdir) || lastName(a.URL) != lastName(b.URL) { // names first: a place takes a query
		return false
	}
	at := p.Place(ctx, a)
	return at != "" && at == p.Place(ctx, b)
}

// lastName is what a repository is called, without its owner.
func lastName(url string) string {
	name := strings.TrimSuffix(strings.ToLower(strings.TrimRight(url, "/")), ".git")
	return name[strings.LastIndexAny(name, "/:")+1:]
}

// Place implements placer. Gitea does not tell capitals of owners and names apart.
func (o *Origins) Place(ctx context.Context, src store.Source) string {
	at := src.URL
	switch src.Kind {
	case SourceGit:
	case SourceGitea:
		if o.Forges == nil {
			return ""
		}
		forges, err := o.Forges(ctx)
		if err != nil || len(forges) == 0 {
			return "" // opening it tells
		}
		at = forges[0].Client.URL() + "/" + src.URL
	default:
		return ""
	}
	if !strings.HasPrefix(at, "http://") && !strings.HasPrefix(at, "https://") {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(gitea.Address(at), ".git"))
}
