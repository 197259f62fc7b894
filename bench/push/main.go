// Command push measures how long a push takes until the new version answers: into a repository that aictl hosts, and, when AICTL_GITEA_URL and
// AICTL_GITEA_TOKEN name one, into a Gitea that sends a webhook. The environment stays the same from push to push. The service's own start is
// measured by starting it by hand, so that what aictl adds is the difference.
//
//	go run ./bench/push -aictl bin/aictl
//	scripts/gitea.sh 1.25.2 go run ./bench/push -aictl bin/aictl
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"aictl/bench/rig"
)

func main() {
	var program string
	var rounds int
	flag.StringVar(&program, "aictl", "bin/aictl", "the program to measure")
	flag.IntVar(&rounds, "rounds", 11, "pushes of each kind")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx, program, rounds); err != nil {
		fmt.Fprintln(os.Stderr, "push:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, program string, rounds int) (err error) {
	dir, err := os.MkdirTemp("", "aictl-push-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d, err := rig.Start(program, dir, "22101-22199")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Stop()) }()

	own, err := startByHand(ctx, filepath.Join(dir, "by-hand"), rounds)
	if err != nil {
		return err
	}
	fmt.Printf("the service's own start, by hand: %s\n", spread(own))
	places := []place{{name: "hosted", label: "push to a hosted repository", make: hosted}}
	if os.Getenv("AICTL_GITEA_URL") != "" {
		places = append(places, place{name: "pushed", label: "push to a Gitea", make: onGitea})
	}
	for _, p := range places {
		times, arrived, err := p.measure(ctx, d, filepath.Join(dir, p.name), rounds)
		if err != nil {
			return fmt.Errorf("%s: %w", p.label, err)
		}
		fmt.Printf("%s, from its return to the first answer of the new version: %s\n", p.label, spread(times))
		fmt.Printf("  beyond the service's own start: %s\n", (median(times) - median(own)).Round(time.Millisecond))
		if len(arrived) > 0 {
			fmt.Printf("  from the arrival of the webhook's delivery: %s, %s beyond the service's own start\n", spread(arrived), (median(arrived) - median(own)).Round(time.Millisecond))
		}
		steps, err := lastSteps(d, p.name)
		if err != nil {
			return err
		}
		fmt.Print(steps)
	}
	return nil
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}

func spread(times []time.Duration) string {
	round := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
	return fmt.Sprintf("median %s (%s to %s, of %d)", round(median(times)), round(slices.Min(times)), round(slices.Max(times)), len(times))
}
