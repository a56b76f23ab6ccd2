package shop

// problem is what a payer is told: what happened, and what to do now.
type problem struct {
	Title  string `json:"title"`
	Advice string `json:"advice"`
}

// explain says a failure_code in words for the payer.
//
// A refused CVN and a refusal of the bank for its own reasons are told in the same words: whoever
// tries stolen cards must not learn here which of the two it was.
func explain(code string) *problem {
	switch code {
	case "AUTHENTICATION_FAILED", "INVALID_OTP", "OTP_ATTEMPT_COUNTS_EXCEEDED", "USER_DID_NOT_AUTHORIZE":
		return &problem{"Your bank could not confirm that it was you",
			"The bank’s one-time code was not right, or the confirmation was cancelled. You have not been charged. Enter your security code to try again."}
	case "USER_DECLINED_PAYMENT":
		return &problem{"You cancelled the payment",
			"You have not been charged. Your basket is still here; enter your security code to pay after all."}
	case "TIMEOUT_ERROR", "EXPIRED_OTP", "PAYMENT_REQUEST_EXPIRED":
		return &problem{"Your bank’s confirmation was not finished in time",
			"You have not been charged. Enter your security code to try again."}
	case "INSUFFICIENT_BALANCE", "PAYMENT_AMOUNT_LIMITS_EXCEEDED":
		return &problem{"There is not enough on this card for the payment",
			"The balance or a limit of the card was exceeded. You have not been charged. Please use another card, or try again after topping up."}
	case "EXPIRED_CARD", "INACTIVE_OR_UNAUTHORIZED_CARD", "INVALID_TOKEN", "ACCOUNT_NOT_ACTIVATED":
		return &problem{"This card cannot be used for this payment",
			"It may have expired, or may not be enabled for online payments. You have not been charged. Please use another card."}
	case "PAYMENT_ATTEMPT_COUNTS_EXCEEDED":
		return &problem{"There were too many attempts with this card",
			"You have not been charged. Please use another card, or try again tomorrow."}
	case "ISSUER_UNAVAILABLE", "CHANNEL_UNAVAILABLE", "PARTNER_TIMEOUT_ERROR", "PROCESSOR_ERROR", "SERVER_ERROR",
		"INVALID_MERCHANT_SETTINGS", "INVALID_MERCHANT_CREDENTIALS":
		return &problem{"The payment could not be processed just now",
			"The fault is not yours or your card’s. You have not been charged. Please try again in a few minutes."}
	case "INVALID_CVV", "CARD_DECLINED", "DECLINED_BY_ISSUER", "DECLINED_BY_PROCESSOR", "STOLEN_CARD", "SUSPECTED_FRAUDULENT":
		return &problem{"Your bank did not approve the payment",
			"You have not been charged. Please check the security code and try again, use another card, or ask your bank."}
	default:
		return &problem{"The payment did not go through",
			"You have not been charged. Please check the security code and try again, or use another card."}
	}
}

func expired() *problem {
	return &problem{"The time to pay ran out", "You have not been charged. Your basket is still here; enter your security code to pay now."}
}
