package threeds

// Values of messageCategory.
const (
	forPayment = "01"
	nonPayment = "02"
)

// Conditions that rules of several versions share.
var (
	browser  = when("deviceChannel", "02")
	scripted = when("browserJavascriptEnabled", "true")
	payments = when("messageCategory", forPayment)
	storing  = when("messageCategory", nonPayment)
	// An ARes does not say what it is about, its AReq does; nor does a CRes.
	paymentAsked = when("AReq.messageCategory", forPayment)
	// A CReq never came, or the payer took too long (transStatusReason 14): both are told by challengeCancel.
	timedOut = when("transStatusReason", "14")
)

// Lists of values that rules of several versions share.
var (
	yesNo = []string{"Y", "N"}
	trust = []string{"Y", "N", "E", "P", "R", "U"}
	// colorDepths that browserColorDepth may have before 2.3.1, in bits.
	colorDepths = []string{"1", "4", "8", "15", "16", "24", "32", "48"}
	errorCodes  = []string{"101-103", "201-204", "301-307", "402-405"}
	// Numbers that may be written with zeros before them.
	instalments = []string{"2-9", "02-99", "002-999"}
	frequencies = []string{"1-9", "01-99", "001-999", "0001-9999"}
)

// reserved values are given out by the directory servers.
const reserved = "80-99"
