package giteatest

import (
	"bufio"
	"embed"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
)

//go:embed testdata/deliveries.txt
var files embed.FS

// RecordedSecret is that of the hook whose deliveries were recorded.
const RecordedSecret = "aictl-hook-secret"

// Recorded is a delivery of a real Gitea 1.22.
type Recorded struct {
	Name   string // such as "push, two commits (the main sample)"
	Header http.Header
	Body   []byte // the bytes that were signed
}

// Recordings are the deliveries that were recorded.
func Recordings(t testing.TB) []Recorded {
	t.Helper()
	data, err := files.ReadFile("testdata/deliveries.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []Recorded
	for _, block := range strings.Split(string(data), "##### SAMPLE ")[1:] {
		title, rest, _ := strings.Cut(block, "\n")
		_, name, _ := strings.Cut(title, " ")
		_, rest, _ = strings.Cut(rest, "\n") // the request line
		head, rest, _ := strings.Cut(rest, "--- raw body")
		_, body, _ := strings.Cut(rest, "\n")
		header, err := textproto.NewReader(bufio.NewReader(strings.NewReader(head + "\r\n"))).ReadMIMEHeader()
		if err != nil {
			t.Fatalf("headers of %q: %v", name, err)
		}
		all = append(all, Recorded{name, http.Header(header), []byte(strings.TrimRight(body, "\n"))})
	}
	return all
}
