package checkout

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/bojanz/currency"

	"reprise/internal/payment"
)

// words are what the pages of this door say, in one language: a file of web/words each. A text may have
// placeholders, such as {merchant}.
type words struct {
	Language string // as in <html lang>
	texts    map[string]string
	amounts  *currency.Formatter
}

// fallback is the language of whoever asks for one that is not spoken here.
const fallback = "en"

// readWords reads all languages.
func readWords() (map[string]words, error) {
	files, err := web.ReadDir("web/words")
	if err != nil {
		return nil, err
	}
	languages := map[string]words{}
	for _, file := range files {
		text, err := web.ReadFile("web/words/" + file.Name())
		if err != nil {
			return nil, err
		}
		w := words{Language: strings.TrimSuffix(file.Name(), path.Ext(file.Name()))}
		if err := json.Unmarshal(text, &w.texts); err != nil {
			return nil, fmt.Errorf("%s: %w", file.Name(), err)
		}
		w.amounts = currency.NewFormatter(currency.NewLocale(w.Language))
		languages[w.Language] = w
	}
	return languages, nil
}

// speak finds the words for a locale ("th", "id-ID", "vi_VN"), or for what a browser accepts ("th,en;q=0.8"),
// which is in the order of preference.
func (c *Checkout) speak(locales string) words {
	for locale := range strings.SplitSeq(locales, ",") {
		language, _, _ := strings.Cut(strings.TrimSpace(locale), ";")
		language, _, _ = strings.Cut(strings.ReplaceAll(language, "_", "-"), "-")
		if w, ok := c.languages[strings.ToLower(language)]; ok {
			return w
		}
	}
	return c.languages[fallback]
}

// Say returns a text with its placeholders filled in, which are given as pairs of name and value.
func (w words) Say(key string, pairs ...any) (string, error) {
	text, ok := w.texts[key]
	if !ok {
		return "", fmt.Errorf("checkout: nothing to say for %s in %s", key, w.Language)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		text = strings.ReplaceAll(text, fmt.Sprintf("{%s}", pairs[i]), fmt.Sprint(pairs[i+1]))
	}
	return text, nil
}

// For returns the texts of a page's script: those whose keys begin with one of the names. Placeholders are
// the script's to fill in.
func (w words) For(names ...string) map[string]string {
	texts := map[string]string{}
	for key, text := range w.texts {
		for _, name := range names {
			if strings.HasPrefix(key, name+".") {
				texts[key] = text
			}
		}
	}
	return texts
}

// Amount writes an amount as readers of the language do, without decimals where there are none.
func (w words) Amount(m payment.Money) string {
	return w.Price(m.Number(), m.Currency)
}

// Line is what a number of units cost together.
func (w words) Line(number, code, quantity string) string {
	if unit, err := currency.NewAmount(number, code); err == nil {
		if line, err := unit.Mul(quantity); err == nil {
			number = line.Number()
		}
	}
	return w.Price(number, code)
}

// Price is Amount for a number as the API writes it. What is no plain number stays as it is.
func (w words) Price(number, code string) string {
	amount, err := currency.NewAmount(number, code)
	if err != nil {
		return code + " " + number
	}
	f := *w.amounts
	if f.MinDigits = 0; strings.Contains(number, ".") {
		f.MinDigits = currency.DefaultDigits
	}
	return f.Format(amount)
}
