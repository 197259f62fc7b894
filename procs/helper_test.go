package procs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// helper is what the test binary does as a service, a daemon or a keeper.
func helper(mode string, args []string) int {
	modes := map[string]func([]string) int{
		"wait": helperWait, "exit": helperExit, "stubborn": helperStubborn, "lines": helperLines,
		"forks": helperForks, "leaf": helperLeaf, "daemon": helperDaemon, "keeper": helperKeeper,
		"activated": helperActivated,
		"prefork":   helperPrefork, "prefork-worker": helperPreforkWorker,
		"bytes": helperBytes, "long": helperLong, "goodbye": helperGoodbye, "leaves": helperLeaves,
	}
	run, ok := modes[mode]
	if !ok {
		fmt.Fprintln(os.Stderr, "unknown mode", mode)
		return 99
	}
	return run(args)
}

func forever() {
	for {
		time.Sleep(time.Hour)
	}
}

// helperWait is a well-behaved service.
func helperWait([]string) int {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM, syscall.SIGHUP)
	fmt.Println("ready pid", os.Getpid())
	for sig := range term {
		fmt.Println("got", sig)
		if sig == syscall.SIGTERM {
			return 0
		}
	}
	return 0
}

// helperExit exits at once with the code given.
func helperExit(args []string) int {
	fmt.Print("ready and gone, no newline")
	code, err := strconv.Atoi(args[0])
	if err != nil {
		return 98
	}
	return code
}

// helperStubborn ignores SIGTERM.
func helperStubborn([]string) int {
	signal.Ignore(syscall.SIGTERM)
	fmt.Println("ready")
	forever()
	return 0
}

// helperGoodbye writes after SIGTERM and right before its end.
func helperGoodbye([]string) int {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	fmt.Println("ready")
	<-term
	for n := range 2000 {
		fmt.Println("goodbye", n)
	}
	fmt.Fprint(os.Stderr, "the last words")
	return 3
}

// helperLines writes numbered lines to both streams, then waits.
func helperLines(args []string) int {
	count, err := strconv.Atoi(args[0])
	if err != nil {
		return 98
	}
	out := bufio.NewWriterSize(os.Stdout, 64<<10)
	for n := range count {
		fmt.Fprintf(out, "line %d\n", n)
	}
	fmt.Fprintln(out, "ready")
	if err := out.Flush(); err != nil {
		return 97
	}
	forever()
	return 0
}

// helperBytes writes as many MiB as it is told in 64 KiB writes and exits.
func helperBytes(args []string) int {
	count, err := strconv.Atoi(args[0])
	if err != nil {
		return 98
	}
	block := []byte(strings.Repeat(strings.Repeat("x", 127)+"\n", 512))
	for range count * (1 << 20) / len(block) {
		if _, err := os.Stdout.Write(block); err != nil {
			return 97
		}
	}
	return 0
}

// helperLong writes one line of ten megabytes with bytes that are no UTF-8, then a short one.
func helperLong([]string) int {
	fmt.Print(strings.Repeat("\xff\xfe long", 10_000_000/7))
	fmt.Println("\nready")
	forever()
	return 0
}

// helperForks leaves children everywhere: in the group, in a session of their own, double-forked.
func helperForks([]string) int {
	startLeaf(&syscall.SysProcAttr{}, "leaf", "in the group")
	startLeaf(&syscall.SysProcAttr{Setsid: true}, "leaf", "setsid")
	startLeaf(&syscall.SysProcAttr{Setsid: true}, "leaves", "double fork")
	fmt.Println("ready")
	forever()
	return 0
}

// helperLeaves starts a child in a session of its own and exits: the second half of a double fork.
func helperLeaves([]string) int {
	startLeaf(&syscall.SysProcAttr{Setsid: true}, "leaf", "double-forked")
	return 0
}

func startLeaf(attr *syscall.SysProcAttr, mode, name string) {
	if mode != "leaf" && mode != "leaves" {
		panic("only leaves are forked: anything else could fork without end")
	}
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	if err := os.Setenv(modeVariable, mode); err != nil { // the first of two equal names would win: never append
		panic(err)
	}
	_, err = syscall.ForkExec(exe, []string{exe, name}, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: attr})
	if err != nil {
		panic(err)
	}
}

// helperLeaf ignores every polite signal.
func helperLeaf(args []string) int {
	signal.Ignore(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
	fmt.Println(args[0], "pid", os.Getpid())
	forever()
	return 0
}

// helperDaemon accepts on its inherited listener and says who it is.
func helperDaemon(args []string) int {
	listeners, err := InheritedListeners()
	if err != nil || listeners["api"] == nil {
		fmt.Fprintln(os.Stderr, "no listener:", err)
		return 1
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM, syscall.SIGUSR2)
	if !StandsBy() {
		go serveHello(listeners["api"])
	}
	if len(args) > 0 { // the keeper's socket
		client, err := Dial(context.Background(), args[0])
		if err == nil && StandsBy() {
			if err = errors.Join(client.Standby(context.Background()), TakeOutput()); err == nil {
				go serveHello(listeners["api"])
			}
		}
		if err == nil {
			err = errors.Join(client.Ready(context.Background()), client.Close())
		}
		if err != nil && !errors.Is(err, net.ErrClosed) {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if sig := <-term; sig == syscall.SIGUSR2 { // another daemon takes over
		client, err := Dial(context.Background(), args[0])
		if err = errors.Join(err, listeners["api"].Close()); err == nil {
			err = client.Released(context.Background())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return 0
}

func serveHello(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		fmt.Fprintf(conn, "daemon pid %d\n", os.Getpid())
		conn.Close()
	}
}

// helperKeeper is a keeper on the directory given, as the real program runs one.
func helperKeeper(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	keeper, err := NewKeeper(KeeperConfig{
		RunDir: args[0], Subreaper: true, Cgroups: args[1] == "true",
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err == nil {
		err = keeper.Run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// helperActivated accepts on what a service manager passes and says what it is called.
func helperActivated([]string) int {
	passed, err := ActivatedListeners(os.Getenv, os.Getpid())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, p := range passed {
		conn, err := p.Accept()
		if err != nil {
			return 1
		}
		fmt.Fprintln(conn, p.Name)
		conn.Close()
	}
	return 0
}
