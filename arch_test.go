// Package reprise_test keeps the rules of the house: the floor plan, the words, the documents.
// The root holds no other Go code.
package reprise_test

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// module is the first element of every import path of ours.
const module = "reprise"

// room is one package of the floor plan.
type room struct {
	// may lists the rooms that any file here may import.
	may []string
	// also lists, by file name, what one file may import besides: exceptions are made for a file,
	// never for a room, so that the next file has to argue again.
	also map[string][]string
	// pure rooms do no I/O and know neither the time nor chance: same input, same output.
	pure bool
	// modules, when not nil, are the only modules of others that may be imported.
	modules []string
	// outside marks rooms that build or run the seams and therefore may touch the real clock,
	// the network, randomness, goroutines and the environment.
	outside bool
	// why is printed with every import that is refused.
	why string
}

// plan is the floor plan: who may import what. A folder that is not here does not exist.
// ARCHITECTURE.md tells it in prose; when the two differ, this one is right.
var plan = map[string]room{
	"internal/payment": {
		pure: true, modules: []string{"github.com/bojanz/currency"},
		why: "payment says what may happen and must not know who asks",
	},
	"internal/card": {
		modules: []string{"github.com/bojanz/currency"},
		why:     "card holds PAN and CVN: nothing that it imports can leak them",
	},
	"internal/flow": {
		may: []string{"internal/payment", "internal/card"},
		why: "flow sees its counterparties only as interfaces",
	},
	"internal/gate": {
		may: []string{"internal/payment"},
		why: "card fields are cut out before gate sees a body",
	},
	"internal/api": {
		may:  []string{"internal/payment", "internal/flow", "internal/gate"},
		also: map[string][]string{"card_details.go": {"internal/card"}},
		why:  "no card data at the merchant's door, but in card_details.go",
	},
	"internal/checkout": {
		may: []string{"internal/payment", "internal/flow", "internal/gate", "internal/card"},
		why: "the payer's door hands on to flow and knows no line and no store",
	},
	"internal/dashboard": {
		may: []string{"internal/payment", "internal/flow", "internal/gate"},
		why: "no card data at the operator's door",
	},
	"internal/threeds": {
		may: []string{"internal/payment", "internal/card"},
		why: "a line knows no other line and no store",
	},
	"internal/acquirer": {
		may: []string{"internal/payment", "internal/card"},
		why: "a line knows no other line and no store",
	},
	"internal/webhook": {
		may: []string{"internal/payment"},
		why: "no card data on the merchant's line",
	},
	"internal/vault": {
		may: []string{"internal/card", "internal/payment"},
		why: "the vault seals and opens what package payment binds, and never sees why",
	},
	"internal/store": {
		may: []string{"internal/payment"},
		why: "no card data: the store holds sealed bytes",
	},
	"internal/simulator": {
		why: "what shares no code with us cannot share our mistakes",
	},
	"internal/app": {
		may: []string{
			"internal/payment", "internal/flow", "internal/gate", "internal/api", "internal/checkout",
			"internal/dashboard", "internal/threeds", "internal/acquirer", "internal/webhook",
			"internal/vault", "internal/store", "internal/simulator", "examples/shop",
		},
		also:    map[string][]string{"sandbox.go": {"internal/card"}},
		outside: true,
		why:     "app wires the rooms; only the sandbox, which seeds stored cards, needs to know what a card is",
	},
	"internal/soak": {
		may: []string{"internal/app", "internal/simulator", "internal/payment"}, outside: true,
		why: "proof, not product: it opens whole houses in a world of its own, and reads their books",
	},
	"internal/cluster": {
		outside: true,
		why:     "who holds the gateway against its promises from outside shares nothing with it",
	},
	"internal/bench": {
		outside: true,
		why:     "who measures shares nothing with what is measured",
	},
	"cmd/reprise": {
		may: []string{"internal/app"}, outside: true,
		also: map[string][]string{"bench.go": {"internal/bench"}},
		why:  "main types commands, the house is built in app",
	},
	"examples/shop": {
		why: "a merchant has the public API and the SDK, and nothing else of ours",
	},
	// Official clients of the API we are compatible with, each a module of its own with nothing but tests.
	"conformance/xendit-go": {outside: true, why: "a client of others knows the address of a gateway and nothing else of ours"},
	// The SDK is TypeScript. Its build program runs on a developer's machine, never in the gateway.
	"sdk": {outside: true, why: "the SDK's build knows nothing of the gateway"},
}

// subfolders are the folders that a room may have: they hold files, not packages.
var subfolders = []string{"testdata", "web", "migrations"}

// roomOf returns the room in which a file lies. The empty string with ok is the root and what
// else holds no Go code; not ok is a folder that is missing from the plan.
func roomOf(file string) (name string, ok bool) {
	for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
		if _, ok := plan[dir]; !ok {
			continue
		}
		below := strings.TrimPrefix(path.Dir(file), dir)
		if below == "" || dir == "sdk" {
			return dir, true
		}
		first, _, _ := strings.Cut(strings.TrimPrefix(below, "/"), "/")
		if first == "migrations" {
			return dir, dir == "internal/store"
		}
		return dir, slices.Contains(subfolders, first)
	}
	top, _, _ := strings.Cut(file, "/")
	planned := slices.Contains([]string{"internal", "cmd", "examples", "conformance"}, top) // only rooms inside
	isGo := path.Ext(file) == ".go"
	rootTest := path.Dir(file) == "." && strings.HasSuffix(file, "_test.go")
	return "", !planned && (!isGo || rootTest)
}

// TestFloorPlan holds every file of the repository against the plan and the rules of the house.
// Each line of a failure names file and line, the rule, and why there is one.
func TestFloorPlan(t *testing.T) {
	for _, fault := range check(readTree(t)) {
		t.Error(fault)
	}
}
