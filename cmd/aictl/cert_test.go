package main

import (
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"aictl/internal/servers"
)

// cmdCert is `cert NAME`: NAME.pem, a certificate of its own for this machine that is good for an hour, and NAME.key.
func cmdCert(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: cert NAME")
	}
	now := time.Now()
	c, err := servers.NewCertificate(now.Add(-time.Hour), now.Add(time.Hour), args[0], "127.0.0.1")
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pem"), c.PEM, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".key"), c.Key, 0o600))
}
