package bench

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

type object = map[string]any

// text reads a member, or a member of a member, that is a string.
func text(o object, path ...string) string {
	for _, name := range path[:len(path)-1] {
		o, _ = o[name].(object)
	}
	s, _ := o[path[len(path)-1]].(string)
	return s
}

// client is the merchants' servers and the payers' browsers. It asks once: whatever is not answered as it should be is an
// error, and an error fails the run.
type client struct {
	base   string // where the gateway is asked
	public string // how the gateway is known to the world; pages post there
	http   *http.Client
}

// idle is how many connections wait to be used again: more than anybody uses at once, or the time would go into making
// new ones.
const idle = 4096

func newClient(base, public string, roots *x509.CertPool) *client {
	dialer := net.Dialer{Timeout: 10 * time.Second}
	return &client{base: base, public: public, http: &http.Client{
		Timeout: 40 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConns: idle, MaxIdleConnsPerHost: idle, DisableCompression: true,
			// Names under localhost are this machine (RFC 6761 section 6.3), as browsers know.
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, "localhost") {
					address = net.JoinHostPort("127.0.0.1", port)
				}
				return dialer.DialContext(ctx, network, address)
			},
		},
	}}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// turnedAway is how a gateway begins that has more to do than it can. Other answers with that status mean that something is
// wrong.
const turnedAway = "There is more to do than can be done"

// ask sends a request and returns the answer, which must be good.
func (c *client) ask(ctx context.Context, method, path, key string, body any) (object, error) {
	var reader io.Reader
	if body != nil {
		sent, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(sent)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		request.SetBasicAuth(key, "")
	}
	request.Header.Set("Accept", "*/*")
	request.Header.Set("User-Agent", "Mozilla/5.0 (reprise bench)")
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	came, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	var answer object
	if err := json.Unmarshal(came, &answer); err != nil || response.StatusCode >= 300 {
		err := fmt.Errorf("%s %s: %s %s %s", method, path, response.Status, text(answer, "error_code"), text(answer, "message"))
		if response.StatusCode == http.StatusServiceUnavailable && strings.HasPrefix(text(answer, "message"), turnedAway) {
			err = fmt.Errorf("%w: %w", errTooMuch, err)
		}
		return nil, err
	}
	return answer, nil
}

// post posts a form, as a page that posts itself, and returns the page that comes.
func (c *client) post(ctx context.Context, to string, fields url.Values) (string, error) {
	if rest, ours := strings.CutPrefix(to, c.public); ours {
		to = c.base + rest // a proxy stands between browsers and the gateway, which takes plain HTTP from it
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(fields.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("User-Agent", "Mozilla/5.0 (reprise bench)")
	response, err := c.http.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		at, _, _ := strings.Cut(to, "?")
		err = fmt.Errorf("%s: %s", at, response.Status)
	}
	return string(page), err
}
