package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// tinysvc is a service for scripts: /health, /info, /predict (echo), /status/N, /openapi.json, and the ways a service can be bad.
func tinysvc() {
	version := flag.String("version", "v1", "what /info and /predict tell")
	health := flag.Int("health", 200, "what /health answers")
	exit := flag.Int("exit", -1, "exit at once with this code")
	deaf := flag.Bool("deaf", false, "never listen")
	stubborn := flag.Bool("stubborn", false, "ignore SIGTERM")
	noise := flag.Bool("noise", false, "answer with a time and a random number")
	openapi := flag.String("openapi", "", "file with what /openapi.json answers")
	flag.Parse()
	fmt.Println("starting", *version, os.Getenv("GREETING"))
	if *exit >= 0 {
		fmt.Fprintln(os.Stderr, "giving up")
		os.Exit(*exit)
	}
	if *stubborn {
		signal.Ignore(syscall.SIGTERM)
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	go func() {
		for range hup {
			fmt.Println("settings read again")
		}
	}()
	if *deaf {
		select {}
	}
	http.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(*health)
		fmt.Fprintf(w, `{"status":"ok","version":%q}`, *version)
	})
	http.HandleFunc("GET /info", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"name":"tiny","version":%q}`, *version)
	})
	if *openapi != "" {
		http.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, *openapi) })
	}
	http.HandleFunc("POST /predict", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		fmt.Println("predicting", len(body), "bytes")
		w.Header().Set("Content-Type", "application/json")
		var input any = string(body)
		if json.Valid(body) {
			input = json.RawMessage(body)
		}
		fields := map[string]any{"version": *version, "input": input}
		if *noise {
			fields["at"], fields["nonce"] = time.Now(), rand.Uint64()
		}
		answer, err := json.Marshal(fields)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
		w.Write(answer)
	})
	http.HandleFunc("/status/{code}", func(w http.ResponseWriter, r *http.Request) {
		code, err := strconv.Atoi(r.PathValue("code"))
		if err != nil {
			code = http.StatusBadRequest
		}
		fmt.Fprintln(os.Stderr, "asked for", code)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		io.WriteString(w, `{"detail":"as asked"}`)
	})
	server := http.Server{Addr: net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")), ReadHeaderTimeout: time.Minute}
	if err := server.ListenAndServe(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
