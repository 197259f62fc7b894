package configs

import (
	"fmt"
	"net/netip"
)

// TrustedProxies reads the setting trusted_proxies: addresses and networks.
func TrustedProxies(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range list {
		if a, err := netip.ParseAddr(text); err == nil {
			a = a.Unmap()
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a network", clip(text))
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
