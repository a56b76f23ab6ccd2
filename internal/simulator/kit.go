package simulator

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Kit is everything that a sandbox gateway needs to reach this world: addresses, and the
// certificates that a scheme would have issued to it. Keys and certificates are PEM.
type Kit struct {
	// Acquirer is the host:port of the ISO 8583 line.
	Acquirer string `json:"acquirer"`
	// AcquirerTLS says that this line wants mutual TLS, with ClientCert.
	AcquirerTLS bool `json:"acquirer_tls,omitempty"`
	// DirectoryURL takes AReq and PReq by POST, over mutual TLS.
	DirectoryURL string `json:"directory_url"`
	// DirectoryIdentity is the DNS name (and CN) in the certificate with which the DS sends RReq.
	DirectoryIdentity string `json:"directory_identity"`
	// ACSOrigin is the origin of the bank's pages, for the gateway's Content-Security-Policy.
	ACSOrigin string `json:"acs_origin"`
	// CA signed all certificates of this world, the gateway's included.
	CA string `json:"ca_pem"`
	// ClientCert and ClientKey identify the gateway to the DS, and to the acquirer host where that asks.
	ClientCert string `json:"client_cert_pem"`
	ClientKey  string `json:"client_key_pem"`
	// ServerCert and ServerKey are for the gateway's RReq listener (127.0.0.1, localhost).
	ServerCert string `json:"server_cert_pem"`
	ServerKey  string `json:"server_key_pem"`
}

// kit holds the certificates; the addresses are known when the world listens.
func (p *papers) kit() Kit {
	return Kit{
		DirectoryIdentity: directoryIdentity,
		CA:                string(p.rootPEM),
		ClientCert:        string(p.gatewayClient.certPEM),
		ClientKey:         string(p.gatewayClient.keyPEM),
		ServerCert:        string(p.gatewayServer.certPEM),
		ServerKey:         string(p.gatewayServer.keyPEM),
	}
}

// FetchKit reads the kit from the control port of a world in another process. The url is the
// control port's origin, for example http://127.0.0.1:4299.
func FetchKit(ctx context.Context, client *http.Client, url string) (Kit, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "/")+"/kit", nil)
	if err != nil {
		return Kit{}, fmt.Errorf("simulator kit: %w", err)
	}
	res, err := client.Do(req)
	if err != nil {
		return Kit{}, fmt.Errorf("simulator kit: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return Kit{}, fmt.Errorf("simulator kit: status %d", res.StatusCode)
	}
	var kit Kit
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&kit); err != nil {
		return Kit{}, fmt.Errorf("simulator kit: %w", err)
	}
	if kit.Acquirer == "" || kit.DirectoryURL == "" || kit.CA == "" {
		return Kit{}, fmt.Errorf("simulator kit: incomplete")
	}
	return kit, nil
}
