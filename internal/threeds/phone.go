package threeds

import "strings"

// shortCodes are the country codes of one and two digits (ITU-T E.164 list of assigned codes); all others have
// three.
const shortCodes = " 1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66" +
	" 81 82 84 86 90 91 92 93 94 95 98 "

// splitPhone takes a number of E.164 ("+6281234567890") apart into country code and subscriber. ok is false for
// what is no such number.
func splitPhone(number string) (code, subscriber string, ok bool) {
	all, international := strings.CutPrefix(number, "+")
	if !international || !digits(all) || all[0] == '0' || len(all) < 7 || len(all) > 15 {
		return "", "", false
	}
	length := 3
	for n := 2; n > 0; n-- {
		if strings.Contains(shortCodes, " "+all[:n]+" ") {
			length = n
		}
	}
	return all[:length], all[length:], true
}
