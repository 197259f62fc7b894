package gateway

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"aictl/configs"
)

// KeyPrefix begins every API key, so that one is known for what it is wherever it turns up.
const KeyPrefix = "aictl_"

// HeaderKey is where clients may send an API key that do not use Authorization.
const HeaderKey = "X-Api-Key"

// Key is an API key as the gateway knows it: never the key itself.
type Key struct {
	Name    string
	Service string // "" for all
	Hash    [sha256.Size]byte
	Expires time.Time // zero: never
	Rate    configs.Rate
}

// NewKey makes a key of 256 random bits.
func NewKey() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return KeyPrefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// HashKey is the digest that stands for a key. One round is enough: a key is 256 random bits, which nobody finds by trying, unlike the
// passwords that slow digests are for; and every request pays for it.
func HashKey(key string) [sha256.Size]byte { return sha256.Sum256([]byte(key)) }

// heldKey is a Key with what was counted for it.
type heldKey struct {
	Key
	rate *limiter // nil: none of its own
}

// SetKeys replaces the API keys. It holds for all requests that arrive from now on.
func (g *Gateway) SetKeys(keys []Key) {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.keys.Load()
	next := make(map[[sha256.Size]byte]*heldKey, len(keys))
	for _, k := range keys {
		h := &heldKey{Key: k}
		if before != nil && (*before)[k.Hash] != nil && (*before)[k.Hash].Rate == k.Rate {
			h.rate = (*before)[k.Hash].rate
		} else if k.Rate.Given() {
			h.rate = newLimiter(k.Rate)
		}
		next[k.Hash] = h
	}
	g.keys.Store(&next)
}

// findKey looks a sent key up, nil when it is not known.
func (g *Gateway) findKey(sent string) *heldKey {
	keys := g.keys.Load()
	if keys == nil {
		return nil
	}
	hash := HashKey(sent)
	k := (*keys)[hash]
	// The map's look-up may stop at the first byte that differs, but of a digest, which tells nothing about the key. The decision is made here.
	if k == nil || subtle.ConstantTimeCompare(k.Hash[:], hash[:]) != 1 {
		return nil
	}
	return k
}

// keyCheck is what came of a request's API key.
type keyCheck int

const (
	keyNone keyCheck = iota // none was sent
	keyUnknown
	keyExpired
	keyElsewhere // it is for another service
	keyGood
)

// takeKey finds the request's API key and takes it off the request: neither the instance nor the record sees it. A header with
// something else in it, or a key that is not known, stays, unless it looks like one of ours.
func (g *Gateway) takeKey(r *http.Request, service string, now time.Time) (*heldKey, keyCheck) {
	check := keyNone
	for _, name := range []string{HeaderKey, "Authorization"} {
		sent := r.Header[name]
		if len(sent) != 1 {
			continue
		}
		text := sent[0]
		if name == "Authorization" {
			scheme, token, _ := strings.Cut(text, " ")
			if !strings.EqualFold(scheme, "bearer") {
				continue
			}
			text = strings.TrimSpace(token)
		}
		k := g.findKey(text)
		if k != nil || strings.HasPrefix(text, KeyPrefix) {
			delete(r.Header, name)
		}
		switch got := k.check(service, now); {
		case got == keyGood:
			return k, keyGood
		case got > check:
			check = got
		}
	}
	return nil, check
}

func (k *heldKey) check(service string, now time.Time) keyCheck {
	switch {
	case k == nil:
		return keyUnknown
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		return keyExpired
	case k.Service != "" && k.Service != service:
		return keyElsewhere
	}
	return keyGood
}

// keyed reports whether the exchange may go on with the key that it came with. If it may not, it has been answered.
func (x *exchange) keyed() bool {
	switch {
	case x.key != nil:
		x.tag("key", x.key.Name)
		return true
	case x.keyCheck == keyNone && x.route.Gateway.Keys == configs.KeysOptional:
		return true
	case x.keyCheck == keyElsewhere:
		x.decline(refusedKeyService, Problem{Status: http.StatusForbidden, Code: "key_not_allowed",
			Reason: "the API key is for another service than " + x.route.Service}, false)
		return false
	}
	p, why := Problem{Status: http.StatusUnauthorized, Code: "key_required", Reason: x.route.Service + " needs an API key"}, refusedNoKey
	p.Detail = "send it as Authorization: Bearer KEY or as " + HeaderKey
	challenge := `Bearer realm="` + x.route.Service + `"`
	switch x.keyCheck {
	case keyUnknown:
		p.Code, p.Reason, why = "key_unknown", "the API key is not known: it was revoked or never given out", refusedKey
		challenge += `, error="invalid_token"`
	case keyExpired:
		p.Code, p.Reason, why = "key_expired", "the API key has expired", refusedKey
		challenge += `, error="invalid_token", error_description="expired"`
	}
	x.w.Header().Set("WWW-Authenticate", challenge)
	x.decline(why, p, false)
	return false
}
