package gateway

import (
	"net/http"
	"net/netip"
	"strings"
)

// Trust says which addresses are of servers in front of the gateway that are believed when they say who the client is. It holds for
// all requests that arrive from now on. From anybody else such headers are dropped.
func (g *Gateway) Trust(fronts []netip.Prefix) {
	if len(fronts) == 0 {
		g.fronts.Store(nil)
		return
	}
	g.fronts.Store(&fronts)
}

// believe puts the client's address in place of that of a trusted server in front, and reports whether the client came over TLS. Of the
// addresses in X-Forwarded-For the last one counts that no trusted server has: what stands before it anybody may have written.
func (g *Gateway) believe(r *http.Request) (secure bool) {
	secure = r.TLS != nil
	fronts := g.fronts.Load()
	if fronts == nil {
		return secure
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !trusts(*fronts, peer.Addr()) {
		return secure
	}
	if client, ok := forwardedFor(*fronts, r.Header["X-Forwarded-For"]); ok {
		r.RemoteAddr = netip.AddrPortFrom(client, 0).String()
	}
	if said := r.Header["X-Forwarded-Proto"]; len(said) == 1 {
		secure = strings.EqualFold(said[0], "https")
	}
	return secure
}

func trusts(fronts []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range fronts {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// forwardedFor returns the address nearest to us that is not a trusted server's; that of the outermost one when all are.
func forwardedFor(fronts []netip.Prefix, lists []string) (client netip.Addr, ok bool) {
	for i := len(lists) - 1; i >= 0; i-- {
		list := lists[i]
		for list != "" {
			at := strings.LastIndexByte(list, ',')
			a, err := netip.ParseAddr(strings.TrimSpace(list[at+1:]))
			if err != nil {
				return client, ok
			}
			client, ok = a.Unmap().WithZone(""), true
			if !trusts(fronts, client) {
				return client, true
			}
			list = list[:max(at, 0)]
		}
	}
	return client, ok
}
