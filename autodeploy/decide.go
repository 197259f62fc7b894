package autodeploy

import (
	"strings"

	"aictl/configs"
)

// Target is a service as far as a decision about it needs.
type Target struct {
	Service string
	Ref     string // the service's own: a branch, a tag or a SHA; "" is the default branch
	Section configs.DeploySection
}

// Verdict says whether a change deploys a service.
type Verdict struct {
	Deploy bool
	Commit string // full SHA to deploy
	Why    string // for people: why, or why not
	// Files says that the change's files decide: see ByFiles.
	Files bool
}

// skipMarks in the message of the newest commit keep a push from deploying.
var skipMarks = []string{"[skip deploy]", "[deploy skip]", "[skip ci]", "[ci skip]"}

// Decide says whether a change of a service's repository deploys the service.
func Decide(c Change, t Target) Verdict {
	no := func(why string) Verdict { return Verdict{Why: why} }
	switch {
	case c.Kind == KindDelete || zero(c.After):
		return no("it was deleted; the service stays as it is")
	case c.Kind == KindCreate:
		return no("its push tells the same")
	case !t.Section.Auto:
		return no("deploy.auto is off")
	}
	commit := c.Commit
	if zero(commit) {
		commit = c.After
	}
	var why string
	if tag, ok := c.tag(); ok {
		if !configs.MatchesTag(t.Section.Tags, tag) {
			return no("no pattern of deploy.tags matches " + tag)
		}
		why = "tag " + tag
	} else if branch, ok := c.branch(); ok {
		want, none := t.branch(c.DefaultBranch)
		if branch != want {
			return no(none)
		}
		why = "push to " + branch
	} else {
		return no(c.Ref + " is no branch and no tag")
	}
	message := strings.ToLower(c.Message)
	for _, mark := range skipMarks {
		if strings.Contains(message, mark) {
			return no("its message says " + mark)
		}
	}
	_, isBranch := c.branch()
	return Verdict{
		Deploy: true, Commit: commit, Why: why,
		Files: isBranch && len(t.Section.Paths)+len(t.Section.Ignore) > 0,
	}
}

// branch is the one whose pushes deploy the service; why says what to tell when another was pushed.
func (t Target) branch(defaultBranch string) (name, why string) {
	name = t.Section.Branch
	switch {
	case name != "":
	case len(t.Section.Tags) > 0:
		return "", "only tags deploy it"
	case t.Ref != "":
		name = strings.TrimPrefix(t.Ref, "refs/heads/")
	default:
		name = defaultBranch
	}
	if name == "" {
		return "", "the repository's default branch is not known"
	}
	return name, "it is deployed from " + name
}
