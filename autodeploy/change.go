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
)

// The triggers of the deploys that this package submits.
const (
	TriggerWebhook   = "webhook"
	TriggerPush      = "push" // to a hosted repository
	TriggerReconcile = "reconcile"
)

// Change is what happened to one reference of a repository.
type Change struct {
	Kind Kind
	// Trigger says how it was learnt; "" is TriggerWebhook.
	Trigger string
	// Forge is the id of the connected forge it comes from; "" is none, such as a hosted repository or a forge that is not connected.
	Forge string
	// Repository names it: owner/repo on a forge, the bare name of a hosted one.
	Repository string
	// Addresses are all that a service may have been deployed from: clone URLs by HTTP and SSH, the page's URL, a folder.
	Addresses []string
	// Hosted is set for a repository that the daemon hosts itself.
	Hosted bool
	// DefaultBranch is the repository's, when it is known.
	DefaultBranch string
	Ref           string // full: refs/heads/main, refs/tags/v1
	Before        string // full SHA the reference had, "" or zeros for none
	After         string // full SHA it has, "" or zeros for none; of a tag, the tag object's or the commit's
	Commit        string // full SHA to deploy: After, and of an annotated tag the commit it is of; "" takes After
	Message       string // of that commit; may be empty
	Actor         string // who pushed
	Origin        string // from where it was learnt: an address
	Delivery      string // id of the delivery, "" when there was none
}

// branch is the name of the branch the change is of; ok is false when it is of no branch.
func (c Change) branch() (name string, ok bool) { return strings.CutPrefix(c.Ref, "refs/heads/") }

// tag is the name of the tag the change is of; ok is false when it is of no tag.
func (c Change) tag() (name string, ok bool) { return strings.CutPrefix(c.Ref, "refs/tags/") }

// zero reports whether a SHA names nothing: forges write zeros where there is no commit.
func zero(sha string) bool { return strings.Trim(sha, "0") == "" }
