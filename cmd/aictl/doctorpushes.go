package main

import (
	"context"

	"aictl/doctor"
)

// askPushes is how doctor finds out what keeps pushes from arriving.
func (a *app) askPushes(ctx context.Context) (doctor.Pushes, error) {
	ctx, cancel := context.WithTimeout(ctx, giteaPatience)
	defer cancel()
	client, err := a.connect()
	if err != nil {
		return doctor.Pushes{}, err
	}
	list, err := client.Deliveries(ctx, "", 0, 100)
	if err != nil {
		return doctor.Pushes{}, err
	}
	p := doctor.Pushes{Refused: len(list.Refused)}
	if p.Refused > 0 {
		p.Last = list.Refused[0].Why
	}
	for _, u := range list.Unreachable {
		p.Unreachable = append(p.Unreachable, u.Repository+": "+u.Error)
	}
	return p, nil
}
