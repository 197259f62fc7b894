// Package autodeploy decides which services a change of a repository deploys, and deploys them: it takes webhooks, pushes to
// hosted repositories and what reconciling finds, and nobody else submits automatic deploys.
package autodeploy

import "strings"

// Kind says what a change is about.
type Kind string

// The kinds of a change.
const (
	KindPush   Kind = "push"   // a branch has another tip, a new branch included
	KindTag    Kind = "tag"    // a tag was made or moved
	KindCreate Kind = "create" // a branch or tag was made; the push or tag of it comes besides
	KindDelete Kind = "delete" // a branch or tag is gone
	KindPull   Kind = "pull"   // something happened to a pull request: see Change.Pull
)

// The triggers of the deploys that this package submits.
const (
	TriggerWebhook   = "webhook"
	TriggerPush      = "push" // to a hosted repository
	TriggerReconcile = "reconcile"
)

// Change is what happened to one reference of a repository, or to one of its pull requests.
type Change struct {
	Kind Kind `json:"kind"`
	// Trigger says how it was learnt; "" is TriggerWebhook.
	Trigger string `json:"trigger,omitempty"`
	// Forge names the connection it comes from; "" is none, such as a hosted repository.
	Forge string `json:"forge,omitempty"`
	// Repository names it: owner/repo on a forge, the bare name of a hosted one.
	Repository string `json:"repository"`
	// Addresses are all that a service may have been deployed from: clone URLs by HTTP and SSH, the page's URL, a folder.
	Addresses []string `json:"addresses,omitempty"`
	// Hosted is set for a repository that the daemon hosts itself.
	Hosted bool `json:"hosted,omitempty"`
	// DefaultBranch is the repository's, when it is known.
	DefaultBranch string `json:"default_branch,omitempty"`
	Ref           string `json:"ref,omitempty"`      // full: refs/heads/main, refs/tags/v1
	Before        string `json:"before,omitempty"`   // full SHA the reference had, "" or zeros for none
	After         string `json:"after,omitempty"`    // full SHA it has, "" or zeros for none; of a tag, the tag object's or the commit's
	Commit        string `json:"commit,omitempty"`   // full SHA to deploy: After, and of an annotated tag the commit it is of; "" takes After
	Message       string `json:"message,omitempty"`  // of that commit; may be empty
	Actor         string `json:"actor,omitempty"`    // who pushed
	Origin        string `json:"origin,omitempty"`   // from where it was learnt: an address
	Delivery      string `json:"delivery,omitempty"` // id of the delivery, "" when there was none
	// Doubtful says that it may be old, such as a delivery that came before: the repository itself is asked what it has.
	Doubtful bool  `json:"doubtful,omitempty"`
	Pull     *Pull `json:"pull,omitempty"`
}

// Pull is a pull request as an event tells of it.
type Pull struct {
	Number  int64  `json:"number"`
	Action  string `json:"action"` // opened, synchronized, closed …, as the forge says it
	Closed  bool   `json:"closed,omitempty"`
	Title   string `json:"title,omitempty"`
	Author  string `json:"author,omitempty"`
	Base    string `json:"base"`     // branch it is for
	HeadRef string `json:"head_ref"` // branch it is from
	Head    string `json:"head"`     // full SHA
	// HeadRepository and HeadAddress are where it comes from; another repository than the change's for a fork.
	HeadRepository string `json:"head_repository,omitempty"`
	HeadAddress    string `json:"head_address,omitempty"`
}

// branch is the name of the branch the change is of; ok is false when it is of no branch.
func (c Change) branch() (name string, ok bool) { return strings.CutPrefix(c.Ref, "refs/heads/") }

// tag is the name of the tag the change is of; ok is false when it is of no tag.
func (c Change) tag() (name string, ok bool) { return strings.CutPrefix(c.Ref, "refs/tags/") }

// commit is the full SHA to deploy.
func (c Change) commit() string {
	if zero(c.Commit) {
		return c.After
	}
	return c.Commit
}

// zero reports whether a SHA names nothing: forges write zeros where there is no commit.
func zero(sha string) bool { return strings.Trim(sha, "0") == "" }
