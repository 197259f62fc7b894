// Chaossvc is a service whose temperament is set by flags and that ends on request, for runs of random faults.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// lifetime ends every copy that a test has lost sight of.
const lifetime = 15 * time.Minute

var (
	stop  = flag.Duration("stop", 0, "time between SIGTERM and the end; negative: it is ignored")
	delay = flag.Duration("delay", 0, "time before it listens")
	forks = flag.Bool("forks", false, "have three children: in the group, in a session of its own, and an orphan")
	noise = flag.Duration("noise", 0, "pause between lines of output; 0 for none")
	child = flag.Int("child", 0, "be nothing but a child of this process, and deaf to SIGTERM")
)

func main() {
	flag.Parse()
	time.AfterFunc(lifetime, func() { os.Exit(3) })
	if *child != 0 {
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
		select {}
	}
	go heed()
	if *forks {
		fork()
	}
	if *noise > 0 {
		go shout()
	}
	time.Sleep(*delay + slowness())
	serve()
}

// heed ends the process some time after SIGTERM, or not, and takes no notice of SIGHUP.
func heed() {
	signal.Ignore(syscall.SIGHUP)
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	for range asked {
		if *stop >= 0 {
			time.Sleep(*stop)
			os.Exit(0)
		}
	}
}

// slowness is how much longer this one start takes, as a file beside HOME's other files says; it counts once.
func slowness() time.Duration {
	path := filepath.Join(os.Getenv("HOME"), "slow-"+filepath.Base(filepath.Dir(os.Getenv("AICTL_INSTANCE"))))
	text, err := os.ReadFile(path)
	if err != nil || os.Remove(path) != nil {
		return 0
	}
	d, err := time.ParseDuration(string(text))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return d
}

func fork() {
	args := []string{"-child", strconv.Itoa(os.Getpid())}
	plain := exec.Command(os.Args[0], args...)
	session := exec.Command(os.Args[0], args...)
	session.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	orphan := exec.Command("setsid", append([]string{"-f", os.Args[0]}, args...)...)
	for _, c := range []*exec.Cmd{plain, session, orphan} {
		if err := c.Start(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go func() { fmt.Println("child ended:", c.Wait()) }()
	}
}

func shout() {
	for n := 1; ; n++ {
		fmt.Printf("line %d of %d\n", n, os.Getpid())
		time.Sleep(*noise)
	}
}

func serve() {
	http.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"status":"ok"}`) })
	http.HandleFunc("GET /info", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"name":"chaossvc"}`) })
	http.HandleFunc("POST /predict", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(map[string]int{"pid": os.Getpid()}); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	})
	http.HandleFunc("POST /exit", func(_ http.ResponseWriter, r *http.Request) {
		code, err := strconv.Atoi(r.URL.Query().Get("code"))
		if err != nil {
			code = 99
		}
		os.Exit(code)
	})
	http.HandleFunc("POST /eat", func(http.ResponseWriter, *http.Request) { eat() })
	addr := net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT"))
	server := http.Server{Addr: addr, ReadHeaderTimeout: time.Minute}
	fmt.Fprintln(os.Stderr, server.ListenAndServe())
	os.Exit(1)
}

// eat takes memory until the kernel ends it, at most as much as would not hurt a machine on which it does not.
func eat() {
	const most, page = 256 << 20, 4096
	block := make([]byte, most)
	for n := 0; n < len(block); n += page {
		block[n] = 1
	}
	os.Exit(9)
}
