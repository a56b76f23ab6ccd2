package app

import (
	"fmt"
	"strings"
)

// Banner is what a newcomer needs.
func (b *Sandbox) Banner() string {
	var t strings.Builder
	fmt.Fprintf(&t, `
  Reprise sandbox: one-click payment with a fresh CVN, on this machine only

  Shop            %s
  API base        %s
  API reference   %s/docs
  Secret key      %s
  Public key      %s
  Callback token  %s

  A session, as a merchant's server opens it:

curl -s -u %s: %s/sessions -H 'content-type: application/json' -d '{
  "reference_id": "order-1", "session_type": "PAY", "mode": "CARDS_SESSION_JS",
  "amount": 100000, "currency": "IDR", "country": "ID",
  "customer": {"reference_id": "jaap", "type": "INDIVIDUAL", "individual_detail": {"given_names": "Jaap"}},
  "cards_session_js": {
    "card_payment_token_id": "%s",
    "success_return_url": "%s/", "failure_return_url": "%s/"}}'

  Stop with Ctrl-C; started again, the gateway has everything it had.

`, b.ShopURL, b.PublicURL, b.PublicURL, SandboxSecretKey, SandboxPublicKey, SandboxCallbackToken,
		SandboxSecretKey, b.PublicURL, StoredCards()[0].Token, b.ShopURL, b.ShopURL)
	if len(b.endpoints) > 1 { // the first is the shop's
		t.WriteString("  Webhooks go to, signed with (Standard Webhooks):\n\n")
		for _, e := range b.endpoints[1:] {
			fmt.Fprintf(&t, "  %s  %s\n", e.URL, b.desk.EndpointSecret(e.ID))
		}
		t.WriteString("\n")
	}
	return t.String()
}
