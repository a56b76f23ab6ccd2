package api

import (
	"net/http"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

// Routes is the whole surface of this door. Each pattern is an operation of gate/openapi.yaml.
func (a *API) Routes(mux *http.ServeMux, g *gate.Gate) {
	for pattern, handler := range map[string]gate.Handler{
		"POST /sessions":                     a.createSession,
		"GET /sessions/{session_id}":         a.getSession,
		"POST /sessions/{session_id}/cancel": a.cancelSession,

		"GET /v3/payment_requests":                                a.listPaymentRequests,
		"GET /v3/payment_requests/{payment_request_id}":           a.getPaymentRequest,
		"PATCH /v3/payment_requests/{payment_request_id}":         a.amendPaymentRequest,
		"POST /v3/payment_requests/{payment_request_id}/cancel":   a.cancelPaymentRequest,
		"POST /v3/payment_requests/{payment_request_id}/simulate": a.simulatePayment,

		"GET /v3/payments/{payment_id}":          a.getPayment,
		"POST /v3/payments/{payment_id}/capture": a.capturePayment,
		"POST /v3/payments/{payment_id}/cancel":  a.cancelPayment,

		"GET /v3/payment_tokens/{payment_token_id}":         a.getPaymentToken,
		"PATCH /v3/payment_tokens/{payment_token_id}":       a.amendPaymentToken,
		"POST /v3/payment_tokens/{payment_token_id}/cancel": a.cancelPaymentToken,

		"POST /refunds":                    a.createRefund,
		"GET /refunds":                     a.listRefunds,
		"GET /refunds/{refund_id}":         a.getRefund,
		"POST /refunds/{refund_id}/cancel": a.cancelRefund,

		"POST /customers":       a.createCustomer,
		"GET /customers":        a.listCustomers,
		"GET /customers/{id}":   a.getCustomer,
		"PATCH /customers/{id}": a.patchCustomer,

		"POST /webhook_endpoints":                       a.addEndpoint,
		"GET /webhook_endpoints":                        a.listEndpoints,
		"GET /webhook_endpoints/{endpoint_id}":          a.getEndpoint,
		"DELETE /webhook_endpoints/{endpoint_id}":       a.removeEndpoint,
		"GET /webhook_endpoints/{endpoint_id}/secret":   a.getEndpointSecret,
		"POST /webhook_endpoints/{endpoint_id}/enable":  a.enableEndpoint,
		"POST /webhook_endpoints/{endpoint_id}/test":    a.testEndpoint,
		"GET /webhook_deliveries":                       a.listDeliveries,
		"POST /webhook_deliveries/{delivery_id}/resend": a.resendDelivery,
		"POST /webhook_deliveries/resend":               a.resendDeliveries,
	} {
		mux.Handle(pattern, g.Handle(pattern, payment.Secret, handler))
	}
	// What may come with card numbers.
	for pattern, handler := range map[string]cardHandler{
		"POST /v3/payment_requests": a.createPaymentRequest,
		"POST /v3/payment_tokens":   a.createPaymentToken,
	} {
		mux.Handle(pattern, g.HandleCut(pattern, payment.Secret, cutCards, withCards(handler)))
	}
}
