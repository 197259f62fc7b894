package main

import (
	"context"
	"fmt"

	"aictl/api"
)

// previewDeploy shows what a deploy would change; nothing is done.
func (a *app) previewDeploy(ctx context.Context, client *api.Client, req api.DeployRequest) error {
	doc, err := client.PreviewDeploy(ctx, req)
	if err != nil {
		return err
	}
	return a.document(doc, func() error {
		for _, w := range doc.Warnings {
			a.say("%s %s", a.err.paint(yellow, a.t("warning:")), printable(w))
		}
		for _, line := range a.previewHead(doc) {
			if _, err := fmt.Fprintln(a.out, line); err != nil {
				return err
			}
		}
		if len(doc.Changes) == 0 {
			return nil
		}
		t := newTable(column{title: a.t("KEY")}, column{title: a.t("LIVE"), flex: true}, column{title: a.t("DEPLOY"), flex: true}, column{title: a.t("EFFECT")})
		for _, c := range doc.Changes {
			t.row(c.Key, orDash(c.Old), orDash(c.New), a.previewEffect(c.Effect))
		}
		return t.render(a.out, a.wide())
	})
}

// previewHead says what becomes of the release, the environment and the instances.
func (a *app) previewHead(doc api.PreviewDocument) []string {
	name := a.out.paint(bold, doc.Service)
	head := []string{a.t("%s would be deployed for the first time, from commit %s", name, shortCommit(doc.Commit))}
	switch {
	case doc.Live.ID == "":
	case len(doc.Changes) == 0:
		head[0] = a.t("nothing of %s would change: release %s is live from the same commit; a deploy would replace it by an equal one", name, doc.Live.ID)
	default:
		head[0] = a.t("a deploy would replace release %s of %s", doc.Live.ID, name)
	}
	env := a.t("environment: is built (%s)", printable(doc.Environment.Detail))
	switch {
	case doc.Environment.Key == "":
		env = a.t("environment: none needed")
	case doc.Environment.State == "same":
		env = a.t("environment: stays as it is")
	case doc.Environment.State == "ready":
		env = a.t("environment: another one, which is there already")
	}
	scale := a.t("instances: %d are started", doc.Instances.After)
	if doc.Instances.Before > 0 {
		scale = a.t("instances: %d are replaced by %d (%s)", doc.Instances.Before, doc.Instances.After, doc.Instances.Strategy)
	}
	return append(head, "  "+env, "  "+scale)
}

func (a *app) previewEffect(effect string) string {
	switch effect {
	case "environment":
		return a.t("the environment is another")
	case "policy":
		return a.t("a policy; no reason for new processes")
	case "scale":
		return a.t("the number of instances; `aictl scale` touches only the difference")
	case "deploy":
		return a.t("how the deploy is done")
	}
	return a.t("new processes")
}
