package payment

import (
	"encoding/json"
	"time"
)

// Customer is a person a merchant sells to.
type Customer struct {
	ID          CustomerID
	Business    BusinessID
	ReferenceID string          // the merchant's own name for the customer, unique per business
	Profile     json.RawMessage // as the merchant sent it: type, email, mobile_number, individual_detail
	Created     time.Time
}
