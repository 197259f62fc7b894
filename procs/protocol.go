package procs

import "time"

// The verbs of the protocol.
const (
	verbHello    = "hello"    // helloRequest → Hello; must be the first
	verbApply    = "apply"    // applyRequest → []result
	verbStart    = "start"    // idsRequest → []result
	verbStop     = "stop"     // idsRequest → []result
	verbRestart  = "restart"  // idsRequest → []result
	verbRemove   = "remove"   // idsRequest → []result, each when nothing is left
	verbSignal   = "signal"   // signalRequest → nothing
	verbVerdict  = "verdict"  // Verdict → nothing
	verbList     = "list"     // listRequest → listAnswer
	verbWatch    = "watch"    // watchRequest → nothing, then events
	verbShutdown = "shutdown" // nothing → nothing
	verbVersion  = "version"  // nothing → Hello

	verbReady = "ready" // nothing → nothing; the daemon says that it serves

	verbUpgrade       = "upgrade"        // upgradeRequest → UpgradeStatus, once the program has passed its trial
	verbUpgradeStatus = "upgrade_status" // nothing → UpgradeStatus
	verbStandby       = "standby"        // nothing → nothing; a candidate waits for its turn
	verbReleased      = "released"       // nothing → nothing; the old daemon has let go
)

// since is the version of the protocol a verb came with, for those that are younger than the first.
var since = map[string]int{verbReady: 2, verbUpgrade: 3, verbUpgradeStatus: 3, verbStandby: 3, verbReleased: 3}

// The events of a watch. After eventResync all statuses follow as eventStatus, then eventSynced: what was not
// among them is gone.
const (
	eventStatus = "status" // Status
	eventResync = "resync" // changes were missed
	eventSynced = "synced"
)

type helloRequest struct {
	Min    int    `json:"min"`
	Max    int    `json:"max"`
	Client string `json:"client,omitempty"`
}

// Hello is what a keeper says about itself.
type Hello struct {
	Protocol  int       `json:"protocol"` // the version agreed on
	Version   string    `json:"version"`  // of the keeper's program
	PID       int       `json:"pid"`
	BootID    string    `json:"boot_id"`
	StartedAt time.Time `json:"started_at"`
	Cgroups   bool      `json:"cgroups"` // instances are in cgroups of their own
}

type applyRequest struct {
	Specs   []Spec       `json:"specs"`
	Options ApplyOptions `json:"options"`
}

type idsRequest struct {
	IDs       []string `json:"ids"`
	Wait      bool     `json:"wait,omitempty"` // answer when the old process is gone
	Reason    string   `json:"reason,omitempty"`
	Unhealthy bool     `json:"unhealthy,omitempty"`
}

// result is what came of one instance of a request about many.
type result struct {
	ID     string       `json:"id"`
	Status *Status      `json:"status,omitempty"`
	Error  *RemoteError `json:"error,omitempty"`
}

type signalRequest struct {
	ID     string `json:"id"`
	Signal string `json:"signal"`
	Group  bool   `json:"group,omitempty"` // to the whole process group, not the leader alone
}

type listRequest struct {
	After string `json:"after,omitempty"` // the last id of the page before
}

type listAnswer struct {
	Statuses []Status `json:"statuses"`
	More     bool     `json:"more,omitempty"`
	Seq      uint64   `json:"seq"` // watching from here misses nothing
}

type watchRequest struct {
	From uint64 `json:"from"` // 0 sends every status first
}

// pageSize keeps a page of statuses well below a frame.
const pageSize = 500
