package webhook

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// ErrForbidden refuses an address that webhooks do not go to. A URL of the merchant's makes our machine a
// client: without this, it could be sent into the operator's own network.
var ErrForbidden = errors.New("webhook: forbidden address")

// Networks says where webhooks may go.
type Networks struct {
	// Allowed are networks beside the public internet.
	Allowed []netip.Prefix
	// HTTP allows plain http too, to this machine and to addresses in Allowed.
	HTTP bool
}

// special are the IPv6 networks within 2000::/3, the only global unicast there is (RFC 4291 section 2.4), and
// the IPv4 networks, that are not the public internet (IANA's registries of special-purpose addresses).
// Among them are those in which an IPv4 address can hide: a gateway on the way would take it out.
func special() []netip.Prefix {
	var list []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
		"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"224.0.0.0/4", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	} {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// allow says whether a webhook may go to an address. An IPv4 address written as IPv6 (::ffff:0:0/96) never is
// allowed as such.
func (n Networks) allow(a netip.Addr) bool {
	switch {
	case n.listed(a):
		return true
	case a.Is6() && !netip.MustParsePrefix("2000::/3").Contains(a):
		return false
	}
	return !within(special(), a)
}

// listed says whether an address is in Allowed.
func (n Networks) listed(a netip.Addr) bool { return within(n.Allowed, a) }

func within(list []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a.WithZone("")) })
}

// Check refuses a URL that no webhook could be sent to, as far as the URL alone tells: a name is only resolved
// when something is sent to it, and each time.
func (n Networks) Check(where string) error {
	u, err := url.Parse(where)
	if err != nil || u.Hostname() == "" || u.User != nil || number(u) == 0 {
		return ErrForbidden
	}
	a, err := netip.ParseAddr(u.Hostname())
	literal := err == nil
	switch {
	case literal && !n.allow(a):
		return ErrForbidden
	case u.Scheme == "https", u.Scheme == "http" && n.HTTP && (here(u.Hostname()) || literal && n.listed(a)):
		return nil
	}
	return ErrForbidden
}

// number is that of a URL's port; 0: there is none of it. Ports have 16 bits (RFC 9293 section 3.1), but a URL may name any
// number, with zeros before it, or leave it out after the colon (RFC 3986 section 3.2.3).
func number(u *url.URL) uint64 {
	switch {
	case u.Port() == "" && u.Scheme == "http":
		return 80
	case u.Port() == "":
		return 443
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return 0
	}
	return n
}

// here says whether a name is of this machine, whoever asks (RFC 6761 section 6.3).
func here(host string) bool { return host == "localhost" || strings.HasSuffix(host, ".localhost") }

// Same says whether two URLs that Check lets pass are one place: however its host and its port are written, with its
// scheme's own port or without (RFC 3986 section 6.2.3). A fragment is never sent.
func Same(one, other string) bool { return place(one) == place(other) }

func place(where string) string {
	u, err := url.Parse(where)
	if err != nil {
		return where
	}
	u.Host = net.JoinHostPort(strings.ToLower(u.Hostname()), strconv.FormatUint(number(u), 10))
	if u.Path == "" {
		u.Path = "/"
	}
	u.Fragment, u.RawFragment = "", ""
	return u.String()
}

// dial connects to what a host resolves to now, and to nothing that is not allowed: so it does not help to
// have the name mean one thing when the endpoint is added and another later. A name of this machine leads nowhere
// else, whatever a resolver says: it may be told in the clear.
func (s *Sender) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	list, err := s.Resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	err = ErrForbidden
	for _, a := range list {
		if !s.Networks.allow(a) || here(host) && !a.IsLoopback() {
			continue
		}
		var conn net.Conn
		if conn, err = s.Dial(ctx, network, net.JoinHostPort(a.String(), port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}
