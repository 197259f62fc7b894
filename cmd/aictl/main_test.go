package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes the test binary the program itself when it is called aictl, and a small service when it is called
// tinysvc: scripts run both by name, and the daemon runs them as its own processes.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"aictl":   func() { os.Exit(run()) },
		"tinysvc": tinysvc,
	})
}
