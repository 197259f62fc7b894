package deploy

import "aictl/configs"

// facts are what decides the steps of a deploy. What is not known yet is zero.
type facts struct {
	Kind     string
	Strategy configs.Strategy
	Live     bool // another release is live
	Hook     bool
}

// planned is a step to take, or to skip with a reason.
type planned struct {
	Name string
	Skip string
}

// plan decides the steps of a deploy. The steps up to and with the manifest are the same whatever the manifest says,
// so that the rest can be planned once it is read.
func plan(f facts) []planned {
	var out []planned
	add := func(name, skip string) { out = append(out, planned{name, skip}) }
	if f.Kind != KindRollback {
		add(StepFetch, "")
		add(StepCheckout, "")
		add(StepManifest, "")
		add(StepEnvironment, "")
		add(StepHook, unless(f.Hook, "no release hook"))
	}
	if f.Strategy == configs.Recreate {
		add(StepDrain, unless(f.Live, "nothing is live"))
	}
	add(StepStart, "")
	add(StepHealth, "")
	add(StepInterface, unless(f.Kind != KindRollback, "checked when it was deployed"))
	add(StepSwitch, "")
	if f.Strategy != configs.Recreate {
		add(StepDrain, unless(f.Live, "nothing was live"))
	}
	return out
}

func unless(ok bool, reason string) string {
	if ok {
		return ""
	}
	return reason
}
