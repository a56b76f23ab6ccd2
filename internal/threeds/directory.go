package threeds

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"reprise/internal/payment"
)

// directory is the line to one directory server, with the card ranges that it told us.
type directory struct {
	Directory
	client   *http.Client
	ranges   atomic.Pointer[rangeTable] // nil until they were loaded once
	failures atomic.Int64               // to load them
	gone     int64                      // the set that was last found to hold without a piece; keepRanges alone has to do with it
}

// spoken lists the versions in which we may ask, the newest first.
func (d Directory) spoken() []string {
	if len(d.Versions) == 0 {
		return spoken
	}
	return slices.DeleteFunc(slices.Clone(spoken), func(v string) bool { return !slices.Contains(d.Versions, v) })
}

// contentType of every message (EMV 3DS 2.2 §5.1.1).
const contentType = "application/json; charset=utf-8"

func (s *Server) newDirectory(d Directory) *directory {
	d.Refresh, d.Rest = cmp.Or(d.Refresh, refreshEvery), cmp.Or(d.Rest, restAtLeast)
	line := &directory{Directory: d}
	line.client = &http.Client{
		Transport: &http.Transport{
			DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				return s.connect(ctx, line, network, address)
			},
			// A directory server closes a line that is idle; we would rather be first than lose an AReq.
			IdleConnTimeout:        15 * time.Second,
			MaxResponseHeaderBytes: 16 << 10,
			DisableCompression:     true, // a small answer must not unfold into a large one
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return line
}

// connect makes a connection with mutual TLS, under the roots and with the certificate of this moment. It outlives the
// exchange that it was begun for: others may use it. It must end some time.
func (s *Server) connect(ctx context.Context, d *directory, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ctx, done := s.o.Within(ctx, requestTimeout)
	defer done()
	plain, err := s.o.Dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(plain, &tls.Config{
		MinVersion:           tls.VersionTLS12,
		ServerName:           host,
		RootCAs:              poolOf(d.Roots()),
		GetClientCertificate: d.Certificate,
		Time:                 s.o.Now,
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = plain.Close()
		return nil, err
	}
	return conn, nil
}

func poolOf(list []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range list {
		pool.AddCert(c)
	}
	return pool
}

// exchange sends one of our messages and reads the answer of the type wanted, about the same transaction.
// An Erro in its place is returned as an error of type *Erro; an answer that breaks the rules is too, and
// the directory server is told of it. payment.ErrUnanswered is among the errors where nothing of ours is at fault.
func (s *Server) exchange(ctx context.Context, d *directory, request Message, want expected, limit time.Duration) (Message, error) {
	if err := request.ours(); err != nil {
		return Message{}, err
	}
	want.version, want.about = request.Version, request
	waited, done := s.o.Within(ctx, limit)
	defer done()
	answer, violation, err := d.ask(waited, request, want)
	if err != nil {
		switch {
		case ctx.Err() != nil: // whoever asked waits no more, which says nothing of the directory server
			err = context.Canceled
		case waited.Err() != nil:
			err = ErrTimeout
		}
		return Message{}, fmt.Errorf("threeds: %s to directory %s: %w", request.Type, d.Name, silent(err))
	}
	if answer.Type == "Erro" {
		return answer, fmt.Errorf("threeds: directory %s refused the %s: %w", d.Name, request.Type, silent(received(answer)))
	}
	if violation == nil && answer.text("threeDSServerTransID") != request.text("threeDSServerTransID") {
		violation = refuse(unknownID, "threeDSServerTransID", answer)
	}
	if violation != nil {
		return answer, s.object(ctx, d, request, violation)
	}
	return answer, nil
}

// object tells the directory server what is wrong with its answer (EMV 3DS 2.2 §5.9), and returns that as an error. Nobody
// waits for it, and what it says to that is not read: an Erro is not answered.
func (s *Server) object(ctx context.Context, d *directory, request Message, violation *Erro) error {
	if violation.ServerTransID == "" {
		violation.ServerTransID = request.text("threeDSServerTransID")
	}
	violation.Version = request.Version // the answer's own may be none
	ctx = context.WithoutCancel(ctx)
	s.o.Go(func() {
		ctx, done := s.o.Within(ctx, requestTimeout)
		defer done()
		response, err := d.post(ctx, violation.message())
		if err != nil {
			s.o.Log.Warn("3DS error message not delivered", "directory", d.Name, "code", violation.Code)
			return
		}
		response.Body.Close()
	})
	return fmt.Errorf("threeds: answer of directory %s to the %s: %w", d.Name, request.Type, violation)
}

// ask posts a message and decodes the answer.
func (d *directory) ask(ctx context.Context, request Message, want expected) (Message, *Erro, error) {
	response, err := d.post(ctx, request)
	if err != nil {
		return Message{}, nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return Message{}, nil, statusError(response.StatusCode)
	}
	return decode(response.Body, want)
}

func (d *directory) post(ctx context.Context, m Message) (*http.Response, error) {
	body, err := m.encode()
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Accept", "application/json")
	response, err := d.client.Do(request)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // it would say method and URL again
	}
	return response, err
}

// statusError is an HTTP status in the place of an answer.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("HTTP status %d", int(e)) }

// ours holds a message of ours against the rules before it goes out: what is wrong with it is a setting or
// a merchant's data, and is better said here than by a directory server.
func (m Message) ours() error {
	rules := tables[m.Version][m.Type]
	found := faults{strict: tables[m.Version].strict(), ours: true}
	found.check(rules, m.fields, Message{}, "")
	var strange []string
	for name := range m.fields {
		known := slices.ContainsFunc(rules, func(r Rule) bool { return r.Field == name })
		if !known && name != "messageType" && name != "messageVersion" {
			strange = append(strange, name)
		}
	}
	for _, name := range slices.Sorted(slices.Values(strange)) {
		found.add(invalidFormat, name)
	}
	if violation := found.violation(m); violation != nil {
		return fmt.Errorf("threeds: our own message: %w", violation)
	}
	return nil
}

// newTransaction draws a threeDSServerTransID.
func (s *Server) newTransaction() (string, error) {
	var random [16]byte
	if _, err := io.ReadFull(s.o.Rand, random[:]); err != nil {
		return "", fmt.Errorf("threeds: transaction id: %w", err)
	}
	return payment.UUID4(random), nil
}
