package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// client is whoever calls the gateway by its public address: a merchant's server or a payer's browser.
type client struct {
	base    string
	http    *http.Client
	repeats *atomic.Int64 // requests that were sent again
	broken  *atomic.Int64 // answers of 500: a gateway that was not made for what it met
}

func newClient(base string, trusts papers) *client {
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: trusts.pool}, MaxIdleConnsPerHost: 64, IdleConnTimeout: 20 * time.Second,
		DialContext: dialLocalhost,
	}
	return &client{base: base, repeats: &atomic.Int64{}, broken: &atomic.Int64{}, http: &http.Client{Transport: transport, Timeout: 40 * time.Second}}
}

type object = map[string]any

// answer is what the gateway said.
type answer struct {
	status int
	header http.Header
	body   object
}

func (a answer) good() bool { return a.status >= 200 && a.status < 300 }

// code is the error_code of a refusal.
func (a answer) code() string { return text(a.body, "error_code") }

func (a answer) String() string {
	if a.good() {
		return strconv.Itoa(a.status)
	}
	return fmt.Sprint(a.status, " ", a.code())
}

// text reads a member, or a member of a member, that is a string.
func text(o object, path ...string) string {
	for _, name := range path[:len(path)-1] {
		o, _ = o[name].(object)
	}
	s, _ := o[path[len(path)-1]].(string)
	return s
}

// send sends a request once. key is an API key or nothing; again is its idempotency-key or nothing.
func (c *client) send(ctx context.Context, method, path, key, again string, body any) (answer, error) {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.SetBasicAuth(key, "")
	}
	if again != "" {
		request.Header.Set("Idempotency-Key", again)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: response.StatusCode, header: response.Header}
	if err := json.Unmarshal(text, &a.body); err != nil && a.status != http.StatusNoContent {
		return a, fmt.Errorf("%s %s: %d, and not JSON", method, path, a.status)
	}
	return a, nil
}

// insist sends a request until it is answered for good, as a careful client does: what was not answered, and
// what was answered that it may be tried again, is sent again as it was, with the same idempotency-key.
func (c *client) insist(ctx context.Context, method, path, key, again string, body any) (answer, error) {
	for wait := 200 * time.Millisecond; ; wait = min(2*wait, 3*time.Second) {
		a, err := c.send(ctx, method, path, key, again, body)
		if err == nil && a.status < 500 && a.status != http.StatusTooManyRequests && a.code() != "IDEMPOTENCY_ERROR" {
			return a, nil
		}
		if a.status == http.StatusInternalServerError {
			c.broken.Add(1)
		}
		if seconds, bad := strconv.Atoi(a.header.Get("Retry-After")); bad == nil {
			wait = min(time.Duration(seconds)*time.Second, 5*time.Second)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			if err == nil {
				err = fmt.Errorf("%s %s: %s to the last", method, path, a)
			}
			return a, err
		}
		c.repeats.Add(1)
	}
}

// post posts a form and returns the page that comes.
func (c *client) post(ctx context.Context, to string, fields url.Values) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(fields.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := c.http.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", to, response.Status)
	}
	return string(page), err
}
