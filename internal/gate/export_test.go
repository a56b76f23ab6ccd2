package gate

import (
	"fmt"
	"net/http"
)

// CheckResponse checks an answer against the contract: whether the operation, named by its pattern, knows
// the status, and whether content type and body are as it says. The error names places and keywords.
func (g *Gate) CheckResponse(pattern string, status int, header http.Header, body []byte) error {
	op := g.contract.operations[pattern]
	if op == nil {
		return fmt.Errorf("%s is not in the contract", pattern)
	}
	return g.contract.checkResponse(op, status, header, body)
}

// Specification is the contract as it is embedded.
var Specification = specification
