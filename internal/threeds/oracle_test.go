package threeds

import (
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// oracle reads the tables a second time, in its own way, and says what a message must be answered with. It shares
// nothing with the decoder but the rules as data, and works on whole documents as encoding/json reads them.
type oracle struct {
	version   string
	aboutKind string         // of the message that is answered: "AReq"; "" where it is not known
	about     map[string]any // its elements
	found     map[string]map[string]bool
}

// answers are the codes in the order in which one of several is chosen, written down a second time.
var answers = []string{"204", "202", "201", "203", "207"}

// judge returns the code and the names that an Erro has to have; "" is a message without fault.
func (o oracle) judge(kind string, message map[string]any) (code string, names []string) {
	o.found = map[string]map[string]bool{}
	o.object(tables[o.version][kind], message, "")
	for _, code := range answers {
		if len(o.found[code]) > 0 {
			for name := range o.found[code] {
				names = append(names, name)
			}
			slices.Sort(names)
			return code, names
		}
	}
	return "", nil
}

func (o oracle) fault(code, name string) {
	if o.found[code] == nil {
		o.found[code] = map[string]bool{}
	}
	o.found[code][name] = true
}

// nothing: absent, null, an empty text or an empty list.
func nothing(value any) bool {
	text, isText := value.(string)
	list, isList := value.([]any)
	return value == nil || isText && len(text) == 0 || isList && len(list) == 0
}

func (o oracle) object(rules []Rule, object map[string]any, path string) {
	for _, rule := range rules {
		value, present := object[rule.Field]
		if nothing(value) {
			if o.needed(rule.Need, object) {
				o.fault("201", path+rule.Field)
			} else if present {
				o.fault("203", path+rule.Field)
			}
			continue
		}
		if rule.Many == 0 {
			o.value(rule, value, object, path+rule.Field)
			continue
		}
		list, ok := value.([]any)
		text, _ := json.Marshal(list)
		if !ok || len(list) > rule.Many || rule.Total > 0 && len([]rune(string(text))) > rule.Total {
			o.fault("203", path+rule.Field)
			continue
		}
		for i, element := range list {
			if nothing(element) {
				o.fault("203", path+rule.Field)
				continue
			}
			o.value(rule, element, object, path+rule.Field)
			if extension, ok := element.(map[string]any); ok && rule.Field == "messageExtension" && extension["criticalityIndicator"] == true {
				id, _ := extension["id"].(string)
				o.fault("202", id)
			}
			for _, other := range list[:i] {
				if o.version == "2.3.1" && fmt.Sprintf("%#v", other) == fmt.Sprintf("%#v", element) {
					o.fault("204", path+rule.Field)
				}
			}
		}
	}
}

func (o oracle) value(rule Rule, value any, object map[string]any, name string) {
	switch value := value.(type) {
	case map[string]any:
		text, _ := json.Marshal(value)
		if rule.Class != Object && rule.Class != TextOrObject || rule.Max > 0 && len([]rune(string(text))) > rule.Max {
			o.fault("203", name)
			return
		}
		o.object(rule.Fields, value, name+".")
	case bool:
		if rule.Class != Boolean || rule.Enum != nil && !listed(rule.Enum, strconv.FormatBool(value)) {
			o.fault("203", name)
		}
	case string:
		o.text(rule, value, object, name)
	default:
		o.fault("203", name)
	}
}

func (o oracle) text(rule Rule, text string, object map[string]any, name string) {
	length := len([]rune(text))
	if length < rule.Min || rule.Max != 0 && length > rule.Max || !shaped(rule.Class, text) {
		o.fault("203", name)
		return
	}
	if rule.Enum != nil && !listed(rule.Enum, text) {
		n, err := strconv.Atoi(text)
		if o.version == "2.3.1" && slices.Contains(rule.Enum, "80-99") && err == nil && length == 2 && n >= 1 && n <= 79 {
			o.fault("207", name)
			return
		}
		o.fault("203", name)
		return
	}
	for _, condition := range rule.Only[text] {
		if holds, known := o.holds(condition, object); known && !holds {
			o.fault("203", name)
		}
	}
}

func (o oracle) needed(need Need, object map[string]any) bool {
	for _, line := range need {
		all := true
		for _, condition := range line {
			holds, known := o.holds(condition, object)
			all = all && known && holds
		}
		if all {
			return true
		}
	}
	return false
}

var messageType = regexp.MustCompile(`^([A-Z]Re[qs])\.(.+)$`)

func (o oracle) holds(c Condition, object map[string]any) (holds, known bool) {
	value := object[c.Field]
	if of := messageType.FindStringSubmatch(c.Field); of != nil {
		if of[1] != o.aboutKind {
			return false, false
		}
		value = o.about[of[2]]
	} else if dot := strings.Index(c.Field, "."); dot > 0 {
		inner, _ := object[c.Field[:dot]].(map[string]any)
		value = inner[c.Field[dot+1:]]
	}
	if c.In == nil {
		return nothing(value) == c.Not, true
	}
	values, ok := value.([]any)
	if !ok {
		values = []any{value}
	}
	for _, v := range values {
		if v != nil && listed(c.In, fmt.Sprint(v)) {
			return !c.Not, true
		}
	}
	return c.Not, true
}

// listed says whether a value is one of those that an Enum spells out or has in a span.
func listed(enum []string, value string) bool {
	for _, one := range enum {
		bounds := strings.Split(one, "-")
		if len(bounds) == 1 && one == value {
			return true
		}
		if len(bounds) == 2 && len(value) == len(bounds[0]) {
			n, err := strconv.Atoi(value)
			low, _ := strconv.Atoi(bounds[0])
			high, _ := strconv.Atoi(bounds[1])
			if err == nil && n >= low && n <= high && value[0] != '-' && value[0] != '+' {
				return true
			}
		}
	}
	return false
}

// shapes are the classes as expressions, written from the specification.
var shapes = map[Class]*regexp.Regexp{
	Text:      regexp.MustCompile(`^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x{9f}\x{fffd}]*[^\x00-\x20\x7f-\x{a0}\x{2000}-\x{200a}\x{3000}\x{fffd}][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x{9f}\x{fffd}]*$`),
	Name:      regexp.MustCompile(`^[\x20-\x7e]*[\x21-\x7e][\x20-\x7e]*$`),
	Digits:    regexp.MustCompile(`^[0-9]+$`),
	UUID:      regexp.MustCompile(`(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`),
	URL:       regexp.MustCompile(`^https?://[^/\s"<>]+[^\s"<>]*$`),
	Email:     regexp.MustCompile(`^[^@\s<>]+@[^@\s<>]+$`),
	Offset:    regexp.MustCompile(`^[-+]?\d{1,4}$`),
	Proof:     regexp.MustCompile(`^([A-Za-z0-9+/]{26}[AEIMQUYcgkosw048]=|[A-Za-z0-9+/]{28})$`),
	Base64URL: regexp.MustCompile(`^[-\w]+$`),
	Version:   regexp.MustCompile(`^\d{1,2}\.\d{1,2}\.\d{1,2}$`),
	Country:   regexp.MustCompile(`^\d\d\d$`),
	Currency:  regexp.MustCompile(`^\d\d\d$`),
}

func shaped(class Class, text string) bool {
	switch class {
	case TextOrObject:
		class = Text
	case IP:
		return net.ParseIP(text) != nil
	case Date, Minute, Second, YearMon:
		layout := map[Class]string{Date: "20060102", Minute: "200601021504", Second: "20060102150405", YearMon: "0601"}[class]
		moment, err := time.Parse(layout, text)
		return err == nil && moment.Format(layout) == text
	case Object, Boolean:
		return false
	}
	return shapes[class].MatchString(text)
}
