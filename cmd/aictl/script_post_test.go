package main

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdPost is `post STATUS URL NAME:VALUE…`: an empty JSON object is sent with these headers, and answered with that status.
func cmdPost(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: post STATUS URL NAME:VALUE…")
	}
	req, err := http.NewRequest(http.MethodPost, args[1], strings.NewReader("{}"))
	ts.Check(err)
	req.Header.Set("Content-Type", "application/json")
	for _, h := range args[2:] {
		name, value, _ := strings.Cut(h, ":")
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	ts.Check(res.Body.Close())
	if strconv.Itoa(res.StatusCode) != args[0] {
		ts.Fatalf("%s answers %d, not %s", args[1], res.StatusCode, args[0])
	}
}
