// Command redeploy measures what callers notice of deploys: a service is deployed again and again, in each of the ways in which a release can
// take over, while clients ask it through the gateway as fast as they get answers. It tells how many requests failed (none may), how long a
// deploy took, and how long a rollback took beyond the service's own start.
//
//	go run ./bench/redeploy -aictl bin/aictl
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

// ways are what a manifest says of how a release takes over.
var ways = []struct{ name, manifest string }{
	{"blue-green", ""},
	{"rolling", "strategy: rolling\n"},
	{"canary", "strategy: canary\ncanary: {steps: [10, 50], every: 100ms, min_requests: 20, max_latency: 1000x}\n"},
	{"rollback", ""},
}

func main() {
	var program string
	var deploys, clients int
	var serve bool
	flag.StringVar(&program, "aictl", "bin/aictl", "the program to measure")
	flag.IntVar(&deploys, "deploys", 20, "deploys of each kind")
	flag.IntVar(&clients, "clients", 8, "clients that ask meanwhile")
	flag.BoolVar(&serve, "serve", false, "be the service")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var err error
	if serve {
		err = beService(ctx)
	} else {
		err = measure(ctx, program, deploys, clients)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "redeploy:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, program string, deploys, clients int) (err error) {
	dir, err := os.MkdirTemp("", "aictl-redeploy-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d, err := rig.Start(program, dir, "22201-22299")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Stop()) }()
	own, err := ownStart(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("the service's own start, by hand: %s\n\n", own.Round(time.Millisecond))
	fmt.Printf("| takes over by | deploys | requests | failed | median of a deploy | slowest |\n| --- | --- | --- | --- | --- | --- |\n")
	failed := int64(0)
	for _, way := range ways {
		times, asked, err := repeat(ctx, d, filepath.Join(dir, way.name), way.name, way.manifest, deploys, clients)
		if err != nil {
			return err
		}
		slices.Sort(times)
		fmt.Printf("| %s | %d | %d | %d | %s | %s |\n", way.name, len(times), asked.ok.Load()+asked.failed.Load(), asked.failed.Load(),
			times[len(times)/2].Round(time.Millisecond), times[len(times)-1].Round(time.Millisecond))
		if f := asked.failed.Load(); f > 0 {
			failed += f
			fmt.Printf("  the last failure: %v\n", asked.last.Load())
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d requests failed", failed)
	}
	return nil
}

// repeat deploys a service in one way under load.
func repeat(ctx context.Context, d *rig.Daemon, src, way, manifest string, deploys, clients int) (times []time.Duration, asked *load, err error) {
	name := "redeploy-" + way
	if err := source(src, name, manifest, 0); err != nil {
		return nil, nil, err
	}
	if _, err := d.Command("deploy", src); err != nil {
		return nil, nil, err
	}
	if way == "rollback" { // back and forth needs two
		if err := errors.Join(source(src, name, manifest, 1), deploy(d, src)); err != nil {
			return nil, nil, err
		}
	}
	asked = start(ctx, "http://"+d.Gateway+"/ai/"+name+"/predict", clients)
	defer asked.stop()
	for n := range deploys {
		args := []string{"rollback", name}
		if way != "rollback" {
			args = []string{"deploy", src}
			if err := source(src, name, manifest, n+1); err != nil {
				return nil, nil, err
			}
		}
		begun := time.Now()
		if _, err := d.Command(args...); err != nil {
			return nil, nil, err
		}
		times = append(times, time.Since(begun))
	}
	asked.stop()
	_, err = d.Command("remove", name, "--yes")
	return times, asked, err
}

func deploy(d *rig.Daemon, src string) error {
	_, err := d.Command("deploy", src)
	return err
}
