package gitea

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestEndlessListing: a server that never stops telling of branches does not fill the memory.
func TestEndlessListing(t *testing.T) {
	t.Parallel()
	sent := make(chan int64, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		line := func(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }
		head := line("# service=git-upload-pack\n") + "0000" + line("1111111111111111111111111111111111111111 refs/heads/a\x00ofs-delta\n")
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		n, err := w.Write([]byte(head))
		total := int64(n)
		one := []byte(line("1111111111111111111111111111111111111111 refs/heads/" + string(bytes.Repeat([]byte("b"), 60000)) + "\n"))
		for err == nil && total < 4*maxListing {
			n, err = w.Write(one)
			total += int64(n)
		}
		sent <- total
	}))
	t.Cleanup(server.Close)
	m := mirrorOf(t, server.URL+"/a/b.git", Auth{})
	if tips, err := m.Tips(t.Context()); err == nil {
		t.Errorf("it was taken: %d references", len(tips.Refs))
	}
	if n := <-sent; n > 2*maxListing {
		t.Errorf("%d bytes were read", n)
	}
}
