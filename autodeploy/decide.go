package autodeploy

import (
	"fmt"
	"slices"
	"strings"

	"aictl/configs"
)

// Target is a service as far as a decision about it needs.
type Target struct {
	Service string
	Ref     string // the service's own: a branch, a tag or a SHA; "" is the default branch
	Section configs.DeploySection
	Paused  string // why no change deploys it for now, "" when changes do
}

// Verdict says whether a change deploys a service.
type Verdict struct {
	Deploy bool
	Why    string // for people: why, or why not
	// Considered is set when the commit was looked at and shall not be looked at again, though it deploys nothing.
	Considered bool
	// Files is set when the files of the change decide: see ByFiles.
	Files bool
}

// skipMarks in the message of the newest commit keep a push from deploying.
var skipMarks = []string{"[skip deploy]", "[deploy skip]", "[skip ci]", "[ci skip]"}

// Decide says whether a change of a service's repository deploys the service.
func Decide(c Change, t Target) Verdict {
	no := func(format string, args ...any) Verdict { return Verdict{Why: fmt.Sprintf(format, args...)} }
	switch {
	case c.Kind == KindDelete || zero(c.After) && c.Kind != KindCreate:
		return no("%s was deleted; the service stays as it is", short(c.Ref))
	case c.Kind == KindCreate:
		return no("its push tells the same")
	case c.Kind == KindPush && c.Before == c.After && c.Trigger != TriggerReconcile:
		return no("nothing changed: a test delivery")
	case !t.Section.Auto:
		return no("deploy.auto is off")
	}
	v := Verdict{Deploy: true}
	if tag, ok := c.tag(); ok {
		if !configs.MatchesTag(t.Section.Tags, tag) {
			return no("no pattern of deploy.tags matches %s", tag)
		}
		v.Why = "tag " + tag
	} else if branch, ok := c.branch(); ok {
		if want, none := t.branch(c.DefaultBranch); branch != want {
			return no("%s", none)
		}
		v.Why = "push to " + branch
		v.Files = len(t.Section.Paths)+len(t.Section.Ignore) > 0
	} else {
		return no("%s is no branch and no tag", c.Ref)
	}
	if t.Paused != "" {
		return no("deploys are paused: %s", t.Paused)
	}
	message := strings.ToLower(c.Message)
	for _, mark := range skipMarks {
		if strings.Contains(message, mark) {
			return Verdict{Considered: true, Why: "its message says " + mark}
		}
	}
	return v
}

// ByFiles is the verdict once the changed files are known.
func (v Verdict) ByFiles(section configs.DeploySection, files []string) Verdict {
	v.Files = false
	if len(files) == 0 {
		return Verdict{Considered: true, Why: "no file differs"}
	}
	counts := func(file string) bool {
		about := func(pattern string) bool { return configs.MatchPath(pattern, file) }
		return (len(section.Paths) == 0 || slices.ContainsFunc(section.Paths, about)) && !slices.ContainsFunc(section.Ignore, about)
	}
	if !slices.ContainsFunc(files, counts) {
		return Verdict{Considered: true, Why: fmt.Sprintf("none of its files counts by deploy.paths and deploy.ignore (%s)", sample(files))}
	}
	return v
}

// sample names the first files, for people.
func sample(files []string) string {
	const few = 3
	if len(files) <= few {
		return strings.Join(files, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(files[:few], ", "), len(files)-few)
}

// branch is the one whose pushes deploy the service; why says what to tell when another was pushed.
func (t Target) branch(defaultBranch string) (name, why string) {
	name = t.Section.Branch
	switch {
	case name != "":
	case len(t.Section.Tags) > 0:
		return "", "only tags deploy it"
	case t.Ref != "" && t.Ref != "HEAD":
		name = strings.TrimPrefix(t.Ref, "refs/heads/")
	default:
		name = defaultBranch
	}
	if name == "" {
		return "", "the repository's default branch is not known"
	}
	return name, "it is deployed from " + name
}

// short is a reference as people call it.
func short(ref string) string {
	for _, prefix := range []string{"refs/heads/", "refs/tags/", "refs/"} {
		if name, ok := strings.CutPrefix(ref, prefix); ok {
			return name
		}
	}
	return ref
}
