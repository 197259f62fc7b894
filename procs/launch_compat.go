package procs

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"

	"aictl/procs/internal/kernel"
)

// launchSince is the version of the protocol whose keepers know Spec.Launch. An older one passes over it.
const launchSince = 3

// tooNew says that an older keeper must not get the spec: it would run as root what is meant to run as somebody else. That it
// holds no resource limits is no change from what it did before.
func (s *Spec) tooNew() bool { return s.Launch.User != "" || s.Launch.Group != "" }

// old says that specs cannot be applied as they are, for the keeper is older than something in them.
func (c *Client) old(specs []Spec) bool {
	return c.hello.Protocol < launchSince && slices.ContainsFunc(specs, func(s Spec) bool { return s.tooNew() })
}

// applyToOld applies what an older keeper understands and refuses the rest.
func (c *Client) applyToOld(ctx context.Context, specs []Spec, opt ApplyOptions) ([]Result, error) {
	results := make([]Result, len(specs))
	for k, spec := range specs {
		if spec.tooNew() {
			results[k] = Result{ID: spec.ID, Err: fmt.Errorf(
				"%w for services of another user: this keeper (%s) is too old; bring it up to date with `aictl upgrade`, or stop and start aictl once", ErrVersion, c.hello.Version)}
			continue
		}
		one, err := c.ApplyAll(ctx, []Spec{spec}, opt)
		if err != nil {
			return results[:k], err
		}
		results[k] = one[0]
	}
	return results, nil
}

// launchOf is whom a running process runs as, when that is not who this one is: started again, it must not get more rights
// than it had.
func launchOf(pid int) (Launch, error) {
	uid, gid, err := kernel.Owner(pid)
	if err != nil || uid == os.Geteuid() && gid == os.Getegid() {
		return Launch{}, err
	}
	return Launch{User: strconv.Itoa(uid), Group: strconv.Itoa(gid)}, nil
}
