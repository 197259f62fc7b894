package autodeploy

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
)

// The forges whose deliveries are understood, which are the last elements of the hooks' addresses.
const (
	ForgeGitea  = "gitea"
	ForgeGitHub = "github"
	ForgeGitLab = "gitlab"
)

// Secret is one that deliveries may be signed with.
type Secret struct {
	Forge string // name of the connection; of a forge that is not connected, what kind it is
	URL   string // of the forge, without a trailing slash; "" when it is not known
	Value string
}

// dialect is how one kind of forge writes its deliveries.
type dialect struct {
	event    string   // header
	delivery []string // headers, the first that is there counts
	parse    func(event string, body []byte) (told, error)
	// signature returns what shows that a delivery is genuine; "" is nothing.
	signature func(h http.Header) string
	// genuine compares a signature in constant time.
	genuine func(signature, secret string, body []byte) bool
}

var dialects = map[string]dialect{
	ForgeGitea: {
		event: "X-Gitea-Event", delivery: []string{"X-Gitea-Delivery"}, parse: parseHub, genuine: signed,
		signature: func(h http.Header) string {
			return first(h.Get("X-Gitea-Signature"), strings.TrimPrefix(h.Get("X-Hub-Signature-256"), "sha256="))
		},
	},
	ForgeGitHub: {
		event: "X-GitHub-Event", delivery: []string{"X-GitHub-Delivery"}, parse: parseHub, genuine: signed,
		signature: func(h http.Header) string {
			sum, ok := strings.CutPrefix(h.Get("X-Hub-Signature-256"), "sha256=")
			if !ok {
				return ""
			}
			return sum
		},
	},
	ForgeGitLab: {
		event: "X-Gitlab-Event", delivery: []string{"Idempotency-Key", "X-Gitlab-Event-UUID"}, parse: parseLab,
		signature: func(h http.Header) string { return h.Get("X-Gitlab-Token") },
		genuine:   func(token, secret string, _ []byte) bool { return same(token, secret) },
	},
}

// signed reports whether signature is the hexadecimal HMAC-SHA256 of a body, byte for byte. An empty secret signs nothing.
func signed(signature, secret string, body []byte) bool {
	given, err := hex.DecodeString(signature)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hmac.Equal(mac.Sum(nil), given) && err == nil && secret != ""
}

// same compares two texts in a time that tells nothing of them. Empty ones are never the same.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1 && a != "" && b != ""
}

// signer is the secret that a delivery was signed with. All are tried, whichever fits.
func (d dialect) signer(signature string, secrets []Secret, body []byte) (Secret, bool) {
	var found Secret
	ok := false
	for _, s := range secrets {
		if d.genuine(signature, s.Value, body) && s.Value != "" && !ok {
			found, ok = s, true
		}
	}
	return found, ok
}
