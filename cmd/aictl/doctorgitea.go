package main

import (
	"context"
	"time"

	"aictl/doctor"
)

// giteaPatience bounds how long doctor waits for all connected Giteas.
const giteaPatience = 15 * time.Second

// everyday are the scopes that pushes and deploys take. The others are for new repositories, which not everybody makes this way.
var everyday = map[string]bool{"read:user": true, "read:repository": true, "write:repository": true}

// askGiteas is how doctor finds out about connected Giteas: the daemon asks them, because it is the one that has to reach them.
func (a *app) askGiteas(ctx context.Context) ([]doctor.Gitea, error) {
	ctx, cancel := context.WithTimeout(ctx, giteaPatience)
	defer cancel()
	client, err := a.connect()
	if err != nil {
		return nil, err
	}
	list, err := client.Forges(ctx)
	if err != nil {
		return nil, err
	}
	var found []doctor.Gitea
	for _, f := range list.Forges {
		g := doctor.Gitea{Name: f.Name}
		check, err := client.TestForge(ctx, f.Name)
		if err != nil {
			g.Error = err.Error()
		} else {
			g.Version, g.Error = check.Version, check.Error
			if check.Old {
				g.Old = check.OldestVersion
			}
			for _, s := range check.Scopes {
				if !s.Has && everyday[s.Scope] {
					g.Missing = append(g.Missing, s.Scope)
				}
			}
		}
		found = append(found, g)
	}
	return found, nil
}
