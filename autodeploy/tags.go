package autodeploy

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"aictl/configs"
	"aictl/gitea"
	"aictl/store"
)

// allTags marks, in the place of a reference, that the tags of a service's repository were looked at before: those that were there
// the first time deploy nothing.
const allTags = "refs/tags/"

// maxTags bounds the tags of one service that are remembered one by one.
const maxTags = 2000

// catchUpTags deploys the newest of the tags whose deliveries were missed, and notes the others.
func (e *Engine) catchUpTags(ctx context.Context, repo Repository, s watched, tips gitea.Tips) error {
	if len(s.section.Tags) == 0 {
		return nil
	}
	seen, err := e.Store.Attempts(ctx, s.Name)
	if err != nil {
		return err
	}
	known := map[string]string{}
	for _, a := range seen {
		known[a.Ref] = a.SHA
	}
	fresh := newTags(s.section, tips, known)
	if known[allTags] == "" {
		for _, ref := range fresh {
			if err := e.noteTag(ctx, s.Name, ref, tips.Refs[ref], "it was there before"); err != nil {
				return err
			}
		}
		return e.noteTag(ctx, s.Name, allTags, "seen", "the tags were looked at")
	}
	if len(fresh) == 0 {
		return nil
	}
	newest, err := e.newest(ctx, repo, fresh, tips)
	if err != nil {
		return err
	}
	for _, ref := range fresh {
		if ref == newest {
			continue
		}
		if err := e.noteTag(ctx, s.Name, ref, tips.Refs[ref], "tag "+short(newest)+" is newer"); err != nil {
			return err
		}
	}
	return e.catchUp(ctx, repo, s, newest, tips)
}

func (e *Engine) noteTag(ctx context.Context, service, ref, sha, why string) error {
	return e.Store.SetAttempt(ctx, store.Attempt{Service: service, Ref: ref, SHA: sha, Outcome: why})
}

// newTags are the tags that would deploy a service and were not considered as they are now, at most maxTags, by name.
func newTags(section configs.DeploySection, tips gitea.Tips, known map[string]string) []string {
	var out []string
	for ref, sha := range tips.Refs {
		tag, ok := strings.CutPrefix(ref, allTags)
		if ok && known[ref] != sha && configs.MatchesTag(section.Tags, tag) {
			out = append(out, ref)
		}
	}
	slices.Sort(out)
	return out[:min(len(out), maxTags)]
}

// newest is the tag whose commit is the youngest.
func (e *Engine) newest(ctx context.Context, repo Repository, refs []string, tips gitea.Tips) (string, error) {
	at := make(map[string]time.Time, len(refs))
	for _, ref := range refs {
		if err := repo.Fetch(ctx, tips.Refs[ref]); err != nil {
			return "", err
		}
		c, err := repo.Describe(ctx, tips.Refs[ref])
		if err != nil {
			return "", err
		}
		at[ref] = c.At
	}
	return slices.MaxFunc(refs, func(a, b string) int { return cmp.Or(at[a].Compare(at[b]), cmp.Compare(a, b)) }), nil
}
