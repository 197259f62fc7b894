package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdToken is `token`: REMOTE becomes the API's address with its token as password, as a user's git takes it.
func cmdToken(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: token")
	}
	token, err := os.ReadFile(filepath.Join(ts.Getenv("AICTL_DATA_DIR"), "api.token"))
	ts.Check(err)
	ts.Setenv("REMOTE", strings.Replace(ts.Getenv("API"), "://", "://ann:"+strings.TrimSpace(string(token))+"@", 1))
}
