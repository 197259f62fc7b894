// Command soak loads a real daemon's gateway for minutes and watches that nothing grows: memory, descriptors, goroutines and SQLite's write-ahead
// logs are sampled, and the run fails when their last third is beyond their second, when an answer is wrong, or when an exchange is unaccounted for.
//
//	go run ./bench/soak -aictl bin/aictl -time 20m
//
// The service is this program itself. Whatever is started is stopped, and what was written removed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "instance" {
		exit(serve())
	}
	var program, out string
	var length, every time.Duration
	var connections, most int
	flag.StringVar(&program, "aictl", "bin/aictl", "the program to load")
	flag.StringVar(&out, "out", "", "where the samples go, in JSON; nowhere when empty")
	flag.DurationVar(&length, "time", 20*time.Minute, "how long")
	flag.DurationVar(&every, "every", 5*time.Second, "between two samples")
	flag.IntVar(&connections, "connections", 32, "that are kept busy")
	flag.IntVar(&most, "rate", 0, "requests per second at the most; 0: as many as there can be")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	exit(soak(ctx, program, out, &load{connections: connections, rate: most}, length, every))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// soak starts a daemon in a directory of its own, loads it, and judges the samples.
func soak(ctx context.Context, program, out string, l *load, length, every time.Duration) (err error) {
	dir, err := os.MkdirTemp("", "aictl-soak-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d, err := start(program, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Stop()) }()
	if err := d.deploy(); err != nil {
		return err
	}
	l.gateway = d.Gateway
	samples, err := d.watch(ctx, l, length, every)
	if err != nil {
		return err
	}
	if err := write(out, samples); err != nil {
		return err
	}
	fmt.Printf("%d requests in %v (%.0f/s), of them %d streams, %d uploads, %d aborted; %d failed\n", l.done.Load(), length,
		float64(l.done.Load())/length.Seconds(), l.streams.Load(), l.uploads.Load(), l.aborts.Load(), l.failed.Load())
	return errors.Join(l.err(), d.settled(), judge(samples))
}

func write(out string, samples []sample) error {
	if out == "" {
		return nil
	}
	data, err := json.MarshalIndent(samples, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(out, append(data, '\n'), 0o644)
}
