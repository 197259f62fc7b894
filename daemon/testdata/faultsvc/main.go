// Faultsvc is a service that can be bad in every way the daemon's tests need.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// lifetime ends every copy that a test has lost sight of.
const lifetime = 5 * time.Minute

var (
	mode    = flag.String("mode", "", "deaf, elsewhere, exit, exit-after-health, sick, stubborn, forks, count or sleeper")
	version = flag.String("version", "v1", "what /predict tells")
	fails   = flag.Bool("fails", false, "/predict answers 500")
	delay   = flag.Duration("delay", 0, "time before it listens")
	code    = flag.Int("code", 1, "exit code of the modes that exit")
	hold    = flag.String("hold", "", "it does not listen while this file exists")
	linger  = flag.String("linger", "", "after SIGTERM it lives on while this file exists")
)

func main() {
	flag.Parse()
	time.AfterFunc(lifetime, func() { os.Exit(3) })
	addr := net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT"))
	switch *mode {
	case "sleeper":
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
		select {}
	case "deaf":
		fmt.Println("never going to listen")
		select {}
	case "exit":
		fmt.Fprintln(os.Stderr, "no model file")
		os.Exit(*code)
	case "elsewhere":
		addr = net.JoinHostPort(os.Getenv("HOST"), os.Getenv("OTHER_PORT"))
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
	case "forks":
		fork()
	case "count":
		go count()
	}
	if *linger != "" {
		go lingerOn()
	}
	time.Sleep(*delay)
	await(*hold)
	serve(addr)
}

// await returns once a file is not there.
func await(path string) {
	for path != "" {
		if _, err := os.Stat(path); err != nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func lingerOn() {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	<-term
	await(*linger)
	os.Exit(0)
}

// fork leaves three processes beside this one: in its group, in a session of its own, and an orphan in one of its own.
func fork() {
	plain := exec.Command(os.Args[0], "-mode", "sleeper")
	session := exec.Command(os.Args[0], "-mode", "sleeper")
	session.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	orphan := exec.Command("setsid", "-f", os.Args[0], "-mode", "sleeper")
	for _, c := range []*exec.Cmd{plain, session, orphan} {
		if err := c.Start(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if err := orphan.Wait(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// count writes numbered lines, so that a lost one is seen.
func count() {
	for n := 1; ; n++ {
		fmt.Printf("line %d of %d\n", n, os.Getpid())
		time.Sleep(time.Millisecond)
	}
}

func serve(addr string) {
	var asked atomic.Int64
	http.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		if *mode == "sick" {
			http.Error(w, "model not loaded: weights.bin is damaged", http.StatusInternalServerError)
			return
		}
		if *mode == "exit-after-health" && asked.Add(1) == 1 {
			time.AfterFunc(20*time.Millisecond, func() {
				fmt.Fprintln(os.Stderr, "out of memory on the device")
				os.Exit(*code)
			})
		}
		io.WriteString(w, `{"status":"ok"}`)
	})
	http.HandleFunc("GET /info", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"name":"faultsvc"}`) })
	http.HandleFunc("POST /predict", func(w http.ResponseWriter, r *http.Request) {
		if *fails {
			http.Error(w, "out of tensors", http.StatusInternalServerError)
			return
		}
		predict(w, r)
	})
	http.HandleFunc("POST /sleep", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Duration(number(r, "ms")) * time.Millisecond)
		fmt.Fprintf(w, `{"version":%q}`, *version)
	})
	http.HandleFunc("POST /write", write)
	http.HandleFunc("POST /print", func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(os.Stdout, r.Body); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	})
	server := http.Server{Addr: addr, ReadHeaderTimeout: time.Minute}
	fmt.Fprintln(os.Stderr, server.ListenAndServe())
	os.Exit(1)
}

func predict(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	answer := map[string]any{"version": *version, "pid": os.Getpid(), "bytes": len(body)}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// write puts bytes of numbered lines on standard output and answers how many milliseconds it took.
func write(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	line := append(bytes.Repeat([]byte("x"), 99), '\n')
	block := bytes.Repeat(line, 655) // about 64 KB
	for left := number(r, "bytes"); left > 0; left -= len(block) {
		if _, err := os.Stdout.Write(block[:min(left, len(block))]); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	fmt.Fprintf(w, `{"ms":%d}`, time.Since(begun).Milliseconds())
}

func number(r *http.Request, key string) int {
	n, err := strconv.Atoi(r.URL.Query().Get(key))
	if err != nil {
		return 0
	}
	return n
}
