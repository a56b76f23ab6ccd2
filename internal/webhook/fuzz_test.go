package webhook

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"reprise/internal/payment"
)

// public says whether an address is anybody's on the internet. It is written down a second time, by what the
// standard library knows and by what it does not.
func public(a netip.Addr) bool {
	ip := net.IP(a.AsSlice())
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() {
		return false
	}
	if four := ip.To4(); four != nil {
		return a.Is4() && four[0] != 0 && four[0] < 224 && four[0] != 127 && !(four[0] == 100 && four[1]&0xc0 == 64) &&
			!(four[0] == 198 && four[1]&0xfe == 18) && !(four[0] == 192 && four[1] == 0 && four[2] == 0)
	}
	embeds := ip[0] == 0x20 && (ip[1] == 0x02 || ip[1] == 0x01 && ip[2]|ip[3] == 0) // 6to4 and Teredo have an IPv4 address in them
	return ip[0]&0xe0 == 0x20 && !embeds && a.Zone() == ""
}

// lenient reads a host as old resolvers do, which take 0177.1, 0x7f000001 and 2130706433 for 127.0.0.1
// (POSIX inet_addr).
func lenient(host string) (netip.Addr, bool) {
	parts := strings.Split(strings.TrimSuffix(host, "."), ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	whole := uint64(0)
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 0, 32)
		last := i == len(parts)-1
		if err != nil || strings.Contains(part, "_") || !last && n > 255 || last && n >= 1<<(8*(5-len(parts))) {
			return netip.Addr{}, false
		}
		if last {
			whole |= n
		} else {
			whole |= n << (8 * (3 - i))
		}
	}
	return netip.AddrFrom4([4]byte{byte(whole >> 24), byte(whole >> 16), byte(whole >> 8), byte(whole)}), true
}

// someone is a server that is asked once: it keeps the request and answers.
type someone struct {
	asked *http.Request
	body  []byte
	more  bool // than one request came
}

// serve answers on one end of a connection, in the clear.
func (s *someone) serve(c net.Conn) {
	defer c.Close()
	reader := bufio.NewReader(c)
	r, err := http.ReadRequest(reader)
	if err != nil {
		return
	}
	s.asked = r
	s.body, _ = io.ReadAll(r.Body)
	_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	s.more = reader.Buffered() > 0
}

// FuzzSend: wherever a merchant has its webhooks sent, and whatever the names in it lead to, nobody is dialled but who
// is public or allowed; and who is reached is sent one request, with the headers of ours alone, and a signature
// that holds.
func FuzzSend(f *testing.F) {
	four := func(list ...byte) []byte { return list }
	for _, where := range []string{
		"https://shop.example/hook", "https://0177.0.0.1/", "https://0x7f.1/", "https://2130706433/", "https://[::ffff:10.0.0.1]:8443/",
		"https://①②⑦.⓪.⓪.①/", "https://localhost.:443/", "http://127.0.0.1:80/?a=b\r\nX-Callback-Token: c", "https://shop.example@10.0.0.1/",
		"https://[fe80::1%25eth0]/", "http://shop.localhost:8080/%0d%0aa", "https://127.0.0.1。/", "http://[::1]/", "HTTPS://10.1/#a", "https://a:b:c/", "https://shop.example:0706433/", "https://shop.example:0/",
	} {
		f.Add(where, four(127, 0, 0, 1, 8, 8, 8, 8), true)
		f.Add(where, four(10, 0, 0, 1, 169, 254, 169, 254), false)
	}
	f.Fuzz(func(t *testing.T, where string, leads []byte, sandbox bool) {
		var list []netip.Addr
		for i := 0; i+4 <= len(leads) && len(list) < 4; i += 4 {
			list = append(list, netip.AddrFrom4([4]byte(leads[i:i+4])))
		}
		if len(leads) > 16 {
			list = append(list, netip.AddrFrom16([16]byte(leads[:16])), netip.AddrFrom16([16]byte(leads[:16])).Unmap())
		}
		reached := &someone{}
		served := make(chan struct{})
		close(served)
		networks := Networks{HTTP: sandbox}
		if sandbox {
			networks.Allowed = []netip.Prefix{netip.PrefixFrom(loopback, 8)}
		}
		s := New(Options{
			CallbackToken: func(payment.BusinessID) string { return "token" }, Secret: func(payment.EndpointID) []byte { return []byte("secret") },
			Networks: networks, Now: func() time.Time { return start }, Log: slog.New(slog.DiscardHandler),
			Within: func(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
				return context.WithCancel(ctx)
			},
			Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
				if a, ok := lenient(host); ok {
					return []netip.Addr{a}, nil
				}
				if a, err := netip.ParseAddr(host); err == nil {
					return []netip.Addr{a, a.Unmap()}, nil
				}
				return list, nil
			},
			Dial: func(_ context.Context, _, address string) (net.Conn, error) {
				to, err := netip.ParseAddrPort(address)
				if err != nil {
					t.Errorf("%q is dialled", address)
					return nil, err
				}
				if !public(to.Addr()) && !(sandbox && to.Addr().Is4() && to.Addr().IsLoopback()) {
					t.Errorf("%s is dialled for %q", to, where)
				}
				if !strings.HasPrefix(strings.ToLower(where), "http://") {
					return nil, errors.New("nobody there")
				}
				if to.Addr().Is4() && !to.Addr().IsLoopback() {
					t.Errorf("%s is told in the clear", to)
				}
				ours, theirs := net.Pipe()
				served = make(chan struct{})
				go func() { defer close(served); reached.serve(theirs) }()
				return ours, nil
			},
		})
		data, _ := json.Marshal(map[string]string{"of": where})
		n := payment.Notice{ID: "0198a3f2-5c11-7e1f-a0c9-5a1b2c3d4e5f", Business: "62440e322008e87fb29c1fd0", Kind: payment.NoticeCapture, Object: "py-1", Sequence: 7, Data: data}
		attempt := s.Test(t.Context(), n, payment.Endpoint{ID: "ep-1", URL: where})
		s.Close()
		<-served
		if attempt.Status == http.StatusOK && reached.asked == nil {
			t.Fatal("taken by nobody")
		}
		if reached.asked == nil {
			return
		}
		for name := range reached.asked.Header {
			if !slices.Contains([]string{
				"Accept-Encoding", "Content-Length", "Content-Type", "User-Agent", "X-Callback-Token", "Webhook-Id", "Webhook-Timestamp",
				"Webhook-Signature", "Webhook-Object", "Webhook-Sequence",
			}, name) {
				t.Errorf("%q has the header %s sent", where, name)
			}
		}
		u, err := url.Parse(where)
		if err != nil || reached.more || reached.asked.Method != http.MethodPost || len(reached.asked.Header["Webhook-Signature"]) != 1 {
			t.Fatalf("%q leads to %s %s, and more: %t", where, reached.asked.Method, reached.asked.URL, reached.more)
		}
		if u.Path != "" && reached.asked.URL.Path != u.Path {
			t.Errorf("%q leads to the path %q", where, reached.asked.URL.Path)
		}
		verifier, err := standardwebhooks.NewWebhookRaw([]byte("secret"))
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.VerifyIgnoringTimestamp(reached.body, reached.asked.Header); err != nil {
			t.Errorf("the signature of what was sent: %v", err)
		}
		var told struct{ Data map[string]string }
		if err := json.Unmarshal(reached.body, &told); err != nil || utf8.ValidString(where) && told.Data["of"] != where {
			t.Errorf("told %q: %v", reached.body, err)
		}
	})
}
