package webhook

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"testing"
)

func TestOnlyThePublicInternetIsAllowed(t *testing.T) {
	var public Networks
	for _, text := range []string{
		"8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "223.255.255.255",
		"2606:4700::1111", "2a00:1450:4001::1", "2400:cb00::1",
	} {
		if !public.allow(netip.MustParseAddr(text)) {
			t.Errorf("%s is refused", text)
		}
	}
	for _, text := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254", "169.254.169.254",
		"172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.7", "203.0.113.9",
		"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "64:ff9b:1::1", "100::1",
		"fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2001::1", "2001:db8::1", "2002:a00:1::1", "3fff::1",
	} {
		if public.allow(netip.MustParseAddr(text)) {
			t.Errorf("%s is allowed", text)
		}
	}
	some := Networks{Allowed: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8")}}
	for text, want := range map[string]bool{"10.1.2.3": true, "10.2.0.1": false, "fd00::1": true, "::ffff:10.1.2.3": false, "8.8.8.8": true} {
		if got := some.allow(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s, with some allowed: %v", text, got)
		}
	}
}

func TestURLsAreCheckedAtOnce(t *testing.T) {
	serve, sandbox := Networks{}, Networks{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, HTTP: true}
	for _, test := range []struct {
		url            string
		serve, sandbox bool
	}{
		{"https://shop.example/hook?secret=1", true, true},
		{"https://8.8.8.8:8443/", true, true},
		{"https://[2606:4700::1111]/", true, true},
		{"https://127.0.0.1/", false, true},
		{"http://127.0.0.1:8080/hook", false, true},
		{"http://localhost:8080/hook", false, true},
		{"https://localhost/hook", true, true}, // a name: what it leads to is seen when something is sent
		{"http://shop.example/hook", false, false},
		{"http://8.8.8.8/", false, false},
		{"https://10.0.0.1/", false, false},
		{"https://[::ffff:7f00:1]/", false, false},
		{"https://user:secret@shop.example/", false, false},
		{"ftp://shop.example/", false, false},
		{"https:///hook", false, false},
		{"https://shop.example:0706433/", false, false}, {"https://shop.example:0/", false, false},
		{"https://shop.example:/", true, true},
		{"shop.example", false, false},
		{"https://a b/", false, false},
		{"", false, false},
	} {
		for networks, want := range map[*Networks]bool{&serve: test.serve, &sandbox: test.sandbox} {
			if got := networks.Check(test.url) == nil; got != want {
				t.Errorf("%q, HTTP %v: %v", test.url, networks.HTTP, got)
			}
		}
	}
}

// TestNamesAreLookedAtWhenSomethingIsSent: a name that was harmless when it was added is not, when it leads
// into the operator's network now.
func TestNamesAreLookedAtWhenSomethingIsSent(t *testing.T) {
	e := newEndpoint(t)
	_, port, err := net.SplitHostPort(e.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	e.known.URL = "http://shop.localhost:" + port + "/hook"
	public, nobody := netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("127.0.0.2")
	var resolved []netip.Addr
	var failed error
	e.sender.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
		if host != "shop.localhost" {
			t.Errorf("resolved %s", host)
		}
		return resolved, failed
	}
	var dialled []string
	dial := e.sender.Dial
	e.sender.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled = append(dialled, address)
		if host, _, _ := net.SplitHostPort(address); host == nobody.String() {
			return nil, errors.New("nobody there")
		}
		return dial(ctx, network, address)
	}
	for _, test := range []struct {
		name     string
		allowed  bool
		resolved []netip.Addr
		failed   error
		problem  string
		dialled  int
	}{
		{"rebound", false, []netip.Addr{loopback}, nil, "forbidden address", 0},
		{"unknown", false, nil, errors.New("no such host"), "connection", 0},
		{"elsewhere under a name of this machine", true, []netip.Addr{public}, nil, "forbidden address", 0},
		{"allowed", true, []netip.Addr{public, nobody, loopback}, nil, "", 2},
	} {
		dialled, resolved, failed = nil, test.resolved, test.failed
		e.sender.Networks.Allowed = nil
		if test.allowed {
			e.sender.Networks.Allowed = []netip.Prefix{netip.PrefixFrom(loopback, 8)}
		}
		e.deliver(t, 0)
		if a := e.records[len(e.records)-1].Attempts[0]; a.Problem != test.problem || len(dialled) != test.dialled {
			t.Errorf("%s: problem %q, dialled %v", test.name, a.Problem, dialled)
		}
	}
	if len(e.requests) != 1 {
		t.Errorf("%d requests came", len(e.requests))
	}

	// A URL that was added under other rules is not sent to either.
	e.known.URL = "http://shop.example/hook"
	e.deliver(t, 0)
	if a := e.records[len(e.records)-1].Attempts[0]; a.Problem != "forbidden address" {
		t.Errorf("in the clear to a stranger: %+v", a)
	}
}

// FuzzCheck: what is let through is https, or http where that is allowed, and no forbidden address.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{"https://shop.example/hook", "http://127.0.0.1:80/", "https://[::ffff:10.0.0.1]/", "https://0x7f.1/", "https://a@b/", "//", ""} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, where string, sandbox bool) {
		n := Networks{HTTP: sandbox}
		if sandbox {
			n.Allowed = []netip.Prefix{netip.PrefixFrom(loopback, 8)}
		}
		if n.Check(where) != nil {
			return
		}
		u, err := url.Parse(where)
		if err != nil || u.User != nil || u.Hostname() == "" || u.Scheme != "https" && !(sandbox && u.Scheme == "http") {
			t.Fatalf("%q is let through", where)
		}
		if a, err := netip.ParseAddr(u.Hostname()); err == nil && !n.allow(a) {
			t.Fatalf("%q is let through", where)
		}
	})
}

func TestSame(t *testing.T) {
	for _, row := range []struct {
		one, other string
		want       bool
	}{
		{"https://shop.example/hook", "https://shop.example/hook", true},
		{"https://shop.example", "https://SHOP.example/", true},
		{"https://shop.example:443/", "https://shop.example/#here", true},
		{"https://shop.example:/", "https://shop.example/", true},
		{"https://shop.example:0443/", "https://shop.example/", true},
		{"https://shop.example:08443/", "https://shop.example:8443/", true},
		{"https://[2606:4700::1111]:443/", "https://[2606:4700::1111]/", true},
		{"http://127.0.0.1:80/", "HTTP://127.0.0.1", true},
		{"https://shop.example/", "http://shop.example/", false},
		{"https://shop.example:80/", "https://shop.example/", false},
		{"https://shop.example/hook", "https://shop.example/Hook", false},
		{"https://shop.example/hook", "https://shop.example/hook/", false},
		{"https://shop.example/?a=1", "https://shop.example/?a=2", false},
		{"https://shop.example/", "https://shop.example.net/", false},
	} {
		if got := Same(row.one, row.other); got != row.want || Same(row.other, row.one) != got {
			t.Errorf("%s and %s: %v, want %v", row.one, row.other, got, row.want)
		}
	}
}
