package app

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// proxies are the networks of those who stand between browsers and the gateway and are believed.
type proxies []netip.Prefix

// clientIP is where a request came from: who connected, or, if that is a proxy of ours, whom the proxy names.
// Each proxy writes behind what it was handed in X-Forwarded-For, so the list is read from its end, and the
// first address that is none of ours is the one that a proxy of ours has seen itself. What stands before that is
// for whoever connected there to invent.
func (p proxies) clientIP(r *http.Request) string {
	peer, ok := parsePeer(r.RemoteAddr)
	if !ok {
		return ""
	}
	if !p.hold(peer) {
		return peer.String()
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		address, ok := parsePeer(strings.TrimSpace(hop))
		if !ok {
			break // whoever wrote this was no proxy that we can read: the last one that we could counts
		}
		if peer = address; !p.hold(address) {
			break
		}
	}
	return peer.String()
}

func (p proxies) hold(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(a) })
}

// parsePeer reads an address, with a port or without.
func parsePeer(text string) (netip.Addr, bool) {
	address, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		var withPort netip.AddrPort
		withPort, err = netip.ParseAddrPort(text)
		address = withPort.Addr()
	}
	return address.Unmap().WithZone(""), err == nil
}

// only has plain HTTP answered to the proxies alone. Whoever reaches the gateway past them would send keys and
// card numbers in the clear. Whether it is well may be asked by anybody: probes come from the machine that the
// gateway runs on.
func (p proxies) only(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, ok := parsePeer(r.RemoteAddr)
		if ok && p.hold(peer) || r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(map[string]string{
			"error_code": "REQUEST_FORBIDDEN_ERROR", "message": "Plain HTTP is taken from the proxy of this gateway alone. Please use its public URL.",
		})
	})
}
