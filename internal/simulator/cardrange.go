package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

func preqRules(version string) []rule {
	rules := []rule{
		{"messageType", always, oneOf("PReq")},
		{"messageVersion", always, oneOf(versions...)},
		{"threeDSServerRefNumber", always, ascii(1, 32)},
		{"threeDSServerOperatorID", nil, ascii(1, 32)},
		{"threeDSServerTransID", always, shaped(uuidShape)},
		{"threeDSRequestorURL", nil, address(2048, "https", "http")},
		{"serialNum", nil, ascii(1, 20)},
		{"messageExtension", nil, extensions},
	}
	if version == newest { // a file of card ranges is not offered here, so whoever wants one gets them as they are
		rules = append(rules, rule{"cardRangeDataDownloadInd", nil, oneOf("Y")})
	}
	return rules
}

// ranges answers a PReq: with all card ranges, or with what changed since the serial number that the gateway names.
func (d *directory) ranges(o object) (object, error) {
	version, ok := o["messageVersion"].(string)
	if ok && !slices.Contains(versions, version) {
		return nil, &erro{"102", "message version not supported", "messageVersion"}
	}
	if fault := judge(o, preqRules(version)); fault != nil {
		return nil, fault
	}
	if fault := critical(o); fault != nil {
		return nil, fault
	}
	serial, rows := d.edition()
	answer := object{
		"messageType": "PRes", "messageVersion": version,
		"threeDSServerTransID": o.text("threeDSServerTransID"), "dsTransID": d.stage.random.uuid(),
		"serialNum": serial,
	}
	if version == newest {
		answer["dsProtocolVersions"], answer["readOrder"] = versions, "01" // the first row first
	} else {
		answer["dsStartProtocolVersion"], answer["dsEndProtocolVersion"] = versions[0], versions[len(versions)-1]
	}
	var told []object
	if _, given := o["serialNum"]; given {
		d.mu.Lock()
		before, known := d.editions[o.text("serialNum")]
		d.mu.Unlock()
		if !known {
			return nil, &erro{"307", "serial number not valid", "serialNum"}
		}
		for _, r := range before {
			if !slices.ContainsFunc(rows, r.sameSpan) {
				told = append(told, d.row(r, "D", version))
			}
		}
		for _, r := range rows {
			if !slices.ContainsFunc(before, r.sameSpan) {
				told = append(told, d.row(r, "A", version))
			}
		}
	} else {
		for _, r := range rows {
			told = append(told, d.row(r, "A", version))
		}
	}
	if told != nil {
		answer["cardRangeData"] = told
	}
	return answer, nil
}

func (r enrolled) sameSpan(other enrolled) bool { return r.low == other.low && r.end == other.end }

// edition is what the directory knows just now, and the serial number that names it. What an edition was is kept, to
// tell later what changed.
func (d *directory) edition() (serial string, rows []enrolled) {
	gone := d.stage.knobs.now().Unenrolled
	sum := sha256.New()
	fmt.Fprintln(sum, d.acs.origin)
	for _, r := range enrolledRanges() {
		if !slices.Contains(gone, r.scheme) {
			rows = append(rows, r)
			fmt.Fprintln(sum, r)
		}
	}
	serial = hex.EncodeToString(sum.Sum(nil)[:8])
	d.mu.Lock()
	defer d.mu.Unlock()
	d.editions[serial] = rows
	return serial, rows
}

// row is one element of cardRangeData. Until 2.2.0 it had a first and a last version and one 3DS Method for all; 2.3.1
// lists the versions, each with a 3DS Method of its own (EMV 3DS 2.2 and 2.3.1, table A.6).
func (d *directory) row(r enrolled, action, version string) object {
	span := object{"startRange": r.low, "endRange": r.end}
	var method string
	if r.method != "" {
		method = d.acs.origin + r.method
	}
	if version != newest {
		span["actionInd"], span["acsInfoInd"] = action, []string{"01"}
		span["acsStartProtocolVersion"], span["acsEndProtocolVersion"] = r.says[0], r.says[len(r.says)-1]
		span["dsStartProtocolVersion"], span["dsEndProtocolVersion"] = versions[0], versions[len(versions)-1]
		if method != "" {
			span["threeDSMethodURL"] = method
		}
		return span
	}
	var spoken []object
	for _, v := range r.says {
		entry := object{"version": v, "acsInfoInd": []string{"01"}}
		if method != "" {
			entry["threeDSMethodURL"] = method
		}
		spoken = append(spoken, entry)
	}
	return object{
		"ranges": []object{{"start": r.low, "end": r.end}}, "actionInd": action, "acsProtocolVersions": spoken, "dsProtocolVersions": versions,
	}
}
