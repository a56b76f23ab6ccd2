package threeds

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"mime"
	"net/http"

	"reprise/internal/payment"
)

// ResultsTLS is the server's side of the line on which directory servers bring results. They must show a certificate
// that one of their roots has issued. certificate is asked for ours. Both are those of the moment at which a connection is
// made; none is taken up again from a ticket, which would be from an earlier one.
func (s *Server) ResultsTLS(certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			var roots []*x509.Certificate
			for _, d := range s.directories {
				roots = append(roots, d.ResultRoots()...)
			}
			return &tls.Config{
				MinVersion:             tls.VersionTLS12,
				GetCertificate:         certificate,
				ClientAuth:             tls.RequireAndVerifyClientCert,
				ClientCAs:              poolOf(roots),
				SessionTicketsDisabled: true,
				Time:                   s.o.Now,
			}, nil
		},
	}
}

// Results answers RReq messages with RRes (EMV 3DS 2.2 §3.3.3, tables B.8 and B.9). It is served on a
// listener of its own, with ResultsTLS. What is wrong with a message is answered by an Erro with status
// 200; who is no directory server of ours, or speaks no 3DS, gets a status alone.
func (s *Server) Results() http.Handler { return http.HandlerFunc(s.serveResult) }

func (s *Server) serveResult(w http.ResponseWriter, r *http.Request) {
	directory, known := s.caller(r.TLS)
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case !known:
		s.o.Log.Warn("result refused: the certificate is not of a directory server that we know", "address", r.RemoteAddr)
		w.WriteHeader(http.StatusForbidden)
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case mediaType != "application/json":
		w.WriteHeader(http.StatusUnsupportedMediaType)
		return
	}
	m, violation, err := decode(r.Body, expected{types: []string{"RReq"}})
	switch {
	case errors.Is(err, errTooLarge):
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
		return
	case m.Type == "Erro": // must not be answered (EMV 3DS 2.2 §5.9)
		s.o.Log.Warn("error message received", "directory", directory, "code", received(m).Code)
		w.WriteHeader(http.StatusNoContent)
		return
	case violation == nil:
		violation = s.conclude(r.Context(), directory, m)
	}
	answer := m.rres()
	if violation != nil {
		s.o.Log.Warn("result refused", "directory", directory, "transaction", violation.ServerTransID,
			"code", violation.Code, "detail", violation.Detail)
		answer = violation.message()
	}
	body, err := answer.encode()
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Write(body)
}

// conclude hands the result in. It says what to answer when that did not work.
func (s *Server) conclude(ctx context.Context, directory string, m Message) *Erro {
	category := m.text("messageCategory")
	if category != forPayment && category != nonPayment { // of the directory server's own kind: we never ask so
		return refuse(invalidData, "messageCategory", m)
	}
	ctx, done := s.o.Within(ctx, resultTimeout)
	defer done()
	err := s.o.Result(ctx, payment.Result{
		Directory:     directory,
		Version:       m.Version,
		ServerTransID: payment.ServerTransID(m.text("threeDSServerTransID")),
		DSTransID:     m.text("dsTransID"),
		ACSTransID:    m.text("acsTransID"),
		NonPayment:    category == nonPayment,
		TransStatus:   m.text("transStatus"),
		Reason:        m.text("transStatusReason"),
		Cancel:        m.text("challengeCancel"),
		ECI:           m.text("eci"),
		Value:         s.proof(directory, m),
		Cardholder:    m.cardholderInfo(),
	})
	other, differs := errors.AsType[*payment.OtherError](err)
	switch {
	case err == nil:
		return nil
	case differs:
		return refuse(unknownID, list(other.Elements), m)
	case errors.Is(err, payment.ErrNotFound):
		return refuse(unknownID, "threeDSServerTransID", m)
	case errors.Is(err, payment.ErrOtherVersion):
		return refuse(invalidFormat, "messageVersion", m)
	}
	s.o.Log.Error("result not kept", "directory", directory, "transaction", m.text("threeDSServerTransID"), "error", err)
	return refuse(transientFailure, "the result could not be kept", m)
}

// rres is the answer to an RReq that was taken.
func (m Message) rres() Message {
	status := "01" // received for further processing
	if m.text("challengeCancel") == "05" {
		status = "02" // no CReq reached the ACS
	}
	return newMessage("RRes", m.Version, map[string]any{
		"threeDSServerTransID": m.text("threeDSServerTransID"),
		"dsTransID":            m.text("dsTransID"),
		"acsTransID":           m.text("acsTransID"),
		"resultsStatus":        status,
	})
}

// caller names the directory server that a connection comes from: its certificate has a name of that one's and was
// issued by roots of that one's, however many others are trusted on this line.
func (s *Server) caller(state *tls.ConnectionState) (string, bool) {
	if state == nil || len(state.VerifiedChains) == 0 {
		return "", false
	}
	leaf := state.PeerCertificates[0]
	for _, name := range append(leaf.DNSNames[:len(leaf.DNSNames):len(leaf.DNSNames)], leaf.Subject.CommonName) {
		d := s.named(name)
		if d == nil {
			continue
		}
		_, err := leaf.Verify(x509.VerifyOptions{
			Roots: poolOf(d.ResultRoots()), Intermediates: poolOf(state.PeerCertificates[1:]), CurrentTime: s.o.Now(),
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		})
		if err == nil {
			return d.Name, true
		}
	}
	return "", false
}
