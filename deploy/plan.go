package deploy

import "aictl/configs"

// facts are what decides the steps of a deploy. What is not known yet is zero.
type facts struct {
	Kind     string
	Strategy configs.Strategy
	Live     bool // another release is live
	Hook     bool
	Job      configs.Kind // oneshot or cron, "" for a service that runs all the time
	Runs     bool         // of a job: the deploy runs it
	Verify   bool         // the gate is asked for
	Canary   bool         // it becomes the canary, not the live release
	Resumed  bool         // the release was built, and a part of it serves, since before the daemon ended
	Replicas int          // that are wanted
	Serves   bool         // the live release runs
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
	if f.Kind != KindRollback && !f.Resumed {
		add(StepFetch, "")
		add(StepCheckout, "")
		add(StepManifest, "")
		add(StepEnvironment, "")
		add(StepHook, unless(f.Hook, "no release hook"))
	}
	inPlace := f.Strategy == configs.Recreate && f.Job == "" // a job's old release stays until the new one has succeeded
	if inPlace {
		add(StepDrain, unless(f.Live, "nothing is live"))
	}
	add(StepStart, "")
	add(StepHealth, unless(f.Job == "" || f.Runs, "it runs by its schedule"))
	noInterface := unless(f.Kind != KindRollback, "checked when it was deployed")
	if f.Resumed {
		noInterface = doneBefore
	}
	if f.Job != "" {
		noInterface = "it serves no requests"
	}
	add(StepInterface, noInterface)
	switch {
	case f.Verify && f.Resumed:
		add(StepVerify, doneBefore)
	case f.Verify:
		add(StepVerify, unless(f.Job == "", "it serves no requests"))
	}
	if f.Canary {
		add(StepCanary, "")
		return out
	}
	if f.tries() {
		add(StepCanary, unless(f.Serves, "nothing is live that runs"))
	}
	if f.Strategy == configs.Rolling && f.Job == "" {
		add(StepRolling, f.notRolling())
	}
	add(StepSwitch, "")
	if !inPlace {
		add(StepDrain, unless(f.Live, "nothing was live"))
	}
	return out
}

// doneBefore is why a deploy that goes on after the daemon's end skips a step.
const doneBefore = "done before aictl was started anew"

// notRolling says why there is nothing to replace one by one.
func (f facts) notRolling() string {
	switch {
	case !f.Serves:
		return "nothing is live that runs"
	case f.Replicas < 2:
		return "there is one replica"
	}
	return ""
}

func unless(ok bool, reason string) string {
	if ok {
		return ""
	}
	return reason
}
