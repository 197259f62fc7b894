package procs

import (
	"os"

	"aictl/procs/internal/cgroups"
)

// Enforcement says of one limit on all processes of an instance together whether this machine can enforce it.
type Enforcement struct {
	Limit string // memory, cpus, pids
	How   string // "cgroup v2", "cgroup v1"; "" when it cannot be enforced
	Why   error  // why not
}

// Enforceable looks, and changes nothing. It is true of this process and of keepers that stand where it does. Limits on
// single processes (Launch) need no machinery: Launch.Probe tells.
func Enforceable() []Enforcement {
	how, faults := cgroups.Survey()
	var all []Enforcement
	for _, limit := range []struct{ name, controller string }{{"memory", "memory"}, {"cpus", "cpu"}, {"pids", "pids"}} {
		all = append(all, Enforcement{Limit: limit.name, How: how[limit.controller], Why: faults[limit.controller]})
	}
	return all
}

// Unenforced are those of the wanted limits that this machine cannot enforce.
func (l Limits) Unenforced() []Enforcement {
	wanted := map[string]bool{"memory": l.Memory > 0, "cpus": l.CPUs > 0, "pids": l.Pids > 0}
	var missing []Enforcement
	for _, e := range Enforceable() {
		if wanted[e.Limit] && e.How == "" {
			missing = append(missing, e)
		}
	}
	return missing
}

// MayChangeUser says that this process may start services as other users.
func MayChangeUser() bool { return os.Geteuid() == 0 }
