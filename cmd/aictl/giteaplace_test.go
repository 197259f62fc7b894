package main

import (
	"testing"

	"aictl/api"
)

// owner/name alone means the default Gitea, so the advice for another one has to give its address.
func TestSourceAt(t *testing.T) {
	t.Parallel()
	forges := []api.Forge{{Name: "main", URL: "https://git.example.com", Default: true}, {Name: "lab", URL: "https://lab.example.com/git/"}}
	for gitea, want := range map[string]string{"main": "ai/ocr", "lab": "https://lab.example.com/git/ai/ocr.git", "": "ai/ocr"} {
		if got := sourceAt(forges, gitea, "ai/ocr"); got != want {
			t.Errorf("at %q: %q, want %q", gitea, got, want)
		}
	}
}
