package threeds

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"reprise/internal/payment"
)

// Erro is the error message of EMV 3DS (2.2 table B.10): what we answer to a message that breaks a rule,
// and what a counterparty answers to us. It carries names of elements, never their values.
type Erro struct {
	Code        string
	Component   string // who found it: S is us, D the directory server, A the ACS, C the SDK
	Description string
	Detail      string // names of the elements at fault
	MessageType string // errorMessageType: of the message at fault, where known
	Version     string

	// Ids of the transaction, where known.
	ServerTransID, DSTransID, ACSTransID string
}

// Error codes (EMV 3DS 2.2 table A.4).
const (
	invalidMessage   = "101"
	unspokenVersion  = "102"
	missingElement   = "201"
	criticalUnknown  = "202"
	invalidFormat    = "203"
	duplicateElement = "204"
	overlappingRange = "205" // since 2.3.1, as the next two
	impossibleAction = "206"
	reservedValue    = "207"
	unknownID        = "301"
	invalidData      = "305"
	invalidSerial    = "307"
	transientFailure = "403"
)

// descriptions say in our words what a code means.
var descriptions = map[string]string{
	invalidMessage:   "The message is not a valid message of a type expected here",
	unspokenVersion:  "The protocol version is not supported",
	missingElement:   "A required data element is missing",
	criticalUnknown:  "A critical message extension is not recognised",
	invalidFormat:    "A data element does not have the format that is specified",
	duplicateElement: "A data element is there twice",
	overlappingRange: "Two card ranges overlap",
	impossibleAction: "A card range cannot be added, as it is there, or changed or deleted, as it is not",
	reservedValue:    "A data element has a value that is reserved and not known here",
	unknownID:        "The transaction is not known",
	invalidData:      "The data of the transaction are not valid",
	transientFailure: "The system failed and may work again soon",
}

// Error names the code and the elements. Nothing in it is secret.
func (e *Erro) Error() string {
	s := "3DS error " + cmp.Or(e.Code, "without a code")
	if e.Component != "S" && e.Component != "" {
		s += " from component " + e.Component
	}
	if e.MessageType != "" {
		s += " about " + e.MessageType
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// refuse makes the Erro that answers a message.
func refuse(code, detail string, m Message) *Erro {
	if detail == "" { // an element whose name cannot be repeated
		detail = "message"
	}
	version := m.Version
	if _, ok := tables[version]; !ok {
		version = spoken[0]
	}
	return &Erro{
		Code: code, Component: "S", Description: descriptions[code], Detail: detail,
		MessageType: m.Type, Version: version,
		ServerTransID: m.id("threeDSServerTransID"), DSTransID: m.id("dsTransID"), ACSTransID: m.id("acsTransID"),
	}
}

// received reads the Erro of a counterparty, which may break the rules itself. Its free texts are not taken
// over, since they may repeat what was sent, a card number among it, in any form: only a code, and of the
// detail the names of elements that we know (PCI DSS 3.4.1).
func received(m Message) *Erro {
	e := &Erro{Component: m.text("errorComponent"), MessageType: m.text("errorMessageType")}
	if code := m.text("errorCode"); codeForm.MatchString(code) {
		e.Code = code
	}
	if len(e.Component) != 1 || !strings.Contains("CSDA", e.Component) {
		e.Component = ""
	}
	if !slices.Contains(kinds, e.MessageType) {
		e.MessageType = ""
	}
	e.Detail = strings.Join(known(m.text("errorDetail")), ",")
	return e
}

// unspoken says whether a counterparty refused a message of ours for its version.
func unspoken(err error) bool {
	e, ok := errors.AsType[*Erro](err)
	return ok && e.Code == unspokenVersion && e.Component != "S" // what we find ourselves is another matter
}

// silence is an error by which nobody has said anything of our message.
type silence struct{ error }

func (s silence) Is(target error) bool { return target == payment.ErrUnanswered }
func (s silence) Unwrap() error        { return s.error }

// silent marks an error by which a counterparty is not there, or its system fails. One that finds a fault with our message
// is there, whatever it says; so is one that answers too much. Who stopped waiting was not left without an answer.
func silent(err error) error {
	said, answered := errors.AsType[*Erro](err)
	status, stated := errors.AsType[statusError](err)
	switch {
	case answered && !strings.HasPrefix(said.Code, "4"), stated && status < 500,
		errors.Is(err, errTooLarge), errors.Is(err, context.Canceled):
		return err
	}
	return silence{err}
}

// known keeps of a list of elements the names that messages of ours have, at whatever depth, with their path where it is
// one: "messageVersion", "cardRangeData.startRange".
func known(detail string) (names []string) {
	keep := func(name string) bool {
		ok := isElement(strings.Split(name, "."))
		if ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
		return ok
	}
	for path := range strings.FieldsFuncSeq(detail, func(r rune) bool { return r == ',' || r == ' ' }) {
		if path = strings.Trim(path, "."); keep(path) {
			continue
		}
		for name := range strings.SplitSeq(path, ".") {
			keep(name)
		}
	}
	return names
}

// isElement says whether a message that we speak has an element of this path, or an object within one has.
func isElement(path []string) bool {
	if len(path) == 1 && slices.Contains([]string{"messageType", "messageVersion"}, path[0]) { // in no table: all have them
		return true
	}
	for _, table := range tables {
		for _, rules := range table {
			if leads(rules, path) {
				return true
			}
		}
	}
	return false
}

// leads says whether rules, or those of an object that they are about, have an element of this path.
func leads(rules []Rule, path []string) bool {
	return slices.ContainsFunc(rules, func(r Rule) bool {
		return r.Field == path[0] && (len(path) == 1 || leads(r.Fields, path[1:])) || leads(r.Fields, path)
	})
}

// message is the Erro as it is sent. Elements that are not known are left out.
func (e *Erro) message() Message {
	fields := map[string]any{}
	put(fields, "errorCode", e.Code)
	put(fields, "errorComponent", e.Component)
	put(fields, "errorDescription", e.Description)
	put(fields, "errorDetail", e.Detail)
	put(fields, "errorMessageType", e.MessageType)
	put(fields, "threeDSServerTransID", e.ServerTransID)
	put(fields, "dsTransID", e.DSTransID)
	put(fields, "acsTransID", e.ACSTransID)
	return newMessage("Erro", e.Version, fields)
}

// put sets an element that has a value: an empty one must be left out (EMV 3DS 2.2 §A.4).
func put(fields map[string]any, name, value string) {
	if value != "" {
		fields[name] = value
	}
}
