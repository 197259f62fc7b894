package deploy

import (
	"strings"
	"testing"

	"aictl/configs"
)

func TestPlan(t *testing.T) {
	for name, c := range map[string]struct {
		facts facts
		want  string
	}{
		"first deploy":       {facts{Kind: KindDeploy}, "fetch checkout manifest environment -hook start health interface switch -drain"},
		"with a hook":        {facts{Kind: KindDeploy, Hook: true, Live: true}, "fetch checkout manifest environment hook start health interface switch drain"},
		"recreate":           {facts{Kind: KindDeploy, Strategy: configs.Recreate, Live: true}, "fetch checkout manifest environment -hook drain start health interface switch"},
		"recreate, first":    {facts{Kind: KindDeploy, Strategy: configs.Recreate}, "fetch checkout manifest environment -hook -drain start health interface switch"},
		"oneshot":            {facts{Kind: KindDeploy, Job: configs.KindOneshot, Runs: true, Live: true}, "fetch checkout manifest environment -hook start health -interface switch drain"},
		"oneshot, recreate":  {facts{Kind: KindDeploy, Strategy: configs.Recreate, Job: configs.KindOneshot, Runs: true, Live: true}, "fetch checkout manifest environment -hook start health -interface switch drain"},
		"cron":               {facts{Kind: KindDeploy, Job: configs.KindCron}, "fetch checkout manifest environment -hook start -health -interface switch -drain"},
		"cron, run first":    {facts{Kind: KindDeploy, Job: configs.KindCron, Runs: true}, "fetch checkout manifest environment -hook start health -interface switch -drain"},
		"rollback of a cron": {facts{Kind: KindRollback, Job: configs.KindCron, Live: true}, "start -health -interface switch drain"},
		"verified":           {facts{Kind: KindDeploy, Live: true, Verify: true}, "fetch checkout manifest environment -hook start health interface verify switch drain"},
		"verified, recreate": {facts{Kind: KindDeploy, Strategy: configs.Recreate, Live: true, Verify: true}, "fetch checkout manifest environment -hook drain start health interface verify switch"},
		"verified oneshot":   {facts{Kind: KindDeploy, Job: configs.KindOneshot, Runs: true, Verify: true}, "fetch checkout manifest environment -hook start health -interface -verify switch -drain"},
		"canary":             {facts{Kind: KindDeploy, Live: true, Canary: true, Verify: true}, "fetch checkout manifest environment -hook start health interface verify canary"},
		"rolling":            {facts{Kind: KindDeploy, Strategy: configs.Rolling, Live: true, Serves: true, Replicas: 3}, "fetch checkout manifest environment -hook start health interface rolling switch drain"},
		"rolling, first":     {facts{Kind: KindDeploy, Strategy: configs.Rolling, Replicas: 3}, "fetch checkout manifest environment -hook start health interface -rolling switch -drain"},
		"rolling, alone":     {facts{Kind: KindDeploy, Strategy: configs.Rolling, Live: true, Serves: true, Replicas: 1}, "fetch checkout manifest environment -hook start health interface -rolling switch drain"},
		"rolling, stopped":   {facts{Kind: KindDeploy, Strategy: configs.Rolling, Live: true, Replicas: 3}, "fetch checkout manifest environment -hook start health interface -rolling switch drain"},
		"rolling, resumed":   {facts{Kind: KindDeploy, Strategy: configs.Rolling, Live: true, Serves: true, Replicas: 3, Resumed: true, Verify: true}, "start health -interface -verify rolling switch drain"},
		"rolling oneshot":    {facts{Kind: KindDeploy, Strategy: configs.Rolling, Job: configs.KindOneshot, Runs: true, Live: true, Serves: true, Replicas: 3}, "fetch checkout manifest environment -hook start health -interface switch drain"},
		"by canary":          {facts{Kind: KindDeploy, Strategy: configs.CanaryDeploy, Live: true, Serves: true, Replicas: 3, Verify: true}, "fetch checkout manifest environment -hook start health interface verify canary switch drain"},
		"by canary, first":   {facts{Kind: KindDeploy, Strategy: configs.CanaryDeploy, Replicas: 3}, "fetch checkout manifest environment -hook start health interface -canary switch -drain"},
		"by canary, resumed": {facts{Kind: KindDeploy, Strategy: configs.CanaryDeploy, Live: true, Serves: true, Resumed: true}, "start health -interface canary switch drain"},
		"by canary, by hand": {facts{Kind: KindDeploy, Strategy: configs.CanaryDeploy, Live: true, Serves: true, Canary: true}, "fetch checkout manifest environment -hook start health interface canary"},
		"back by canary":     {facts{Kind: KindRollback, Strategy: configs.CanaryDeploy, Live: true, Serves: true}, "start health -interface switch drain"},
		"rolling back":       {facts{Kind: KindRollback, Strategy: configs.Rolling, Live: true, Serves: true, Replicas: 2}, "start health -interface rolling switch drain"},
		"rollback":           {facts{Kind: KindRollback, Live: true, Hook: true}, "start health -interface switch drain"},
		"rollback, recreate": {facts{Kind: KindRollback, Strategy: configs.Recreate, Live: true}, "drain start health -interface switch"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, p := range plan(c.facts) {
				if p.Skip != "" {
					p.Name = "-" + p.Name
				}
				got = append(got, p.Name)
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("got  %s\nwant %s", s, c.want)
			}
		})
	}
}

// The runner takes the first steps before it knows the manifest.
func TestPlanBeginsTheSame(t *testing.T) {
	first := plan(facts{Kind: KindDeploy})[:3]
	for _, f := range []facts{{Live: true}, {Hook: true}, {Strategy: configs.Recreate, Live: true}} {
		for i, p := range plan(f)[:3] {
			if p != first[i] {
				t.Errorf("%+v: step %d is %v; want %v", f, i, p, first[i])
			}
		}
	}
}
