package payment

import (
	"slices"
	"time"
)

// Endpoint is a URL of the merchant's server that receives webhooks.
type Endpoint struct {
	ID     EndpointID
	URL    string
	Events []NoticeKind // what it wants to be told of; none: of everything

	Disabled time.Time // since when it is told nothing; zero: it is told
	Reason   string    // why it is disabled, in words for the merchant

	Created time.Time
}

// EndpointsMax bounds the endpoints of a business: each costs every payment a delivery.
const EndpointsMax = 20

// Wants says whether the endpoint is to be told of a kind of notice.
func (e Endpoint) Wants(kind NoticeKind) bool {
	return len(e.Events) == 0 || slices.Contains(e.Events, kind)
}

// Meets says whether there is an event that both endpoints want.
func (e Endpoint) Meets(other Endpoint) bool {
	return len(e.Events) == 0 || len(other.Events) == 0 || slices.ContainsFunc(e.Events, other.Wants)
}
