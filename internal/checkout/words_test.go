package checkout

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

func languagesForTest(t *testing.T) map[string]words {
	t.Helper()
	languages, err := readWords()
	if err != nil {
		t.Fatal(err)
	}
	return languages
}

var placeholder = regexp.MustCompile(`\{\w+\}`)

// TestLanguages: what is said in one language is said in all, with the same placeholders.
func TestLanguages(t *testing.T) {
	languages := languagesForTest(t)
	if got := slices.Sorted(maps.Keys(languages)); !slices.Equal(got, []string{"en", "id", "th", "vi"}) {
		t.Fatalf("languages %v", got)
	}
	holders := func(w words) map[string][]string {
		found := map[string][]string{}
		for key, text := range w.texts {
			if strings.TrimSpace(text) == "" || strings.TrimSpace(text) != text {
				t.Errorf("%s in %s: %q", key, w.Language, text)
			}
			found[key] = slices.Sorted(slices.Values(placeholder.FindAllString(text, -1)))
		}
		return found
	}
	want := holders(languages[fallback])
	for _, w := range languages {
		if diff := cmp.Diff(want, holders(w)); diff != "" {
			t.Errorf("%s (-%s +%s):\n%s", w.Language, fallback, w.Language, diff)
		}
		for key, text := range w.texts {
			if w.Language != fallback && text == languages[fallback].texts[key] && !sameInAll(key) {
				t.Errorf("%s is not translated into %s", key, w.Language)
			}
		}
	}
}

// sameInAll tells of keys whose text is no language.
func sameInAll(key string) bool { return strings.HasSuffix(key, "_form") }

var (
	textKey    = regexp.MustCompile(`["']((?:page|pay|cvn|card|link|refused|lost|return)\.\w+)["']`)
	scriptsFor = regexp.MustCompile(`\.Words\.For ([^}]*)\}`)
)

// TestEveryTextIsUsed: pages and scripts say nothing that is not there, nothing is there that they do not
// say, and a page hands its script the texts that it says.
func TestEveryTextIsUsed(t *testing.T) {
	texts := languagesForTest(t)[fallback].texts
	keysIn := func(pattern string) map[string][]string {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		found := map[string][]string{}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name, _, _ := strings.Cut(filepath.Base(file), ".")
			for _, key := range textKey.FindAllStringSubmatch(string(text), -1) {
				found[name] = append(found[name], key[1])
			}
		}
		return found
	}
	said := map[string]bool{}
	pages, scripts := keysIn("web/*.html"), keysIn("web/src/*.ts")
	for _, found := range []map[string][]string{pages, scripts} {
		for name, keys := range found {
			for _, key := range keys {
				if _, ok := texts[key]; !ok {
					t.Errorf("%s says %s, which is no text", name, key)
				}
				said[key] = true
			}
		}
	}
	for key := range texts {
		if !said[key] && !strings.HasPrefix(key, "refused.") { // these are said by the gateway's codes
			t.Errorf("nobody says %s", key)
		}
	}
	for name, keys := range scripts {
		page, err := os.ReadFile("web/" + name + ".html")
		if err != nil {
			continue // a part of other scripts
		}
		handed := scriptsFor.FindSubmatch(page)
		for _, key := range keys {
			prefix, _, _ := strings.Cut(key, ".")
			if handed == nil || !strings.Contains(string(handed[1]), `"`+prefix+`"`) {
				t.Errorf("%s.html does not hand %s to its script", name, key)
			}
		}
	}
}

func TestSay(t *testing.T) {
	w := languagesForTest(t)["en"]
	if got, err := w.Say("page.code_length", "digits", 4); err != nil || got != "Please type the 4 digits of the security code." {
		t.Errorf("%q %v", got, err)
	}
	if _, err := w.Say("page.nothing"); err == nil {
		t.Error("a text that is not there was said")
	}
}

func TestSpeak(t *testing.T) {
	c := &Checkout{languages: languagesForTest(t)}
	for locale, want := range map[string]string{
		"en": "en", "id": "id", "th": "th", "vi": "vi", "id-ID": "id", "vi_VN": "vi", "TH": "th",
		"": "en", "fr": "en", "idx": "en", "*": "en",
		"th-TH,th;q=0.9,en;q=0.8": "th", "fr-FR,fr;q=0.9, vi;q=0.8": "vi", "de,fr;q=0.5": "en",
	} {
		if got := c.speak(locale).Language; got != want {
			t.Errorf("%q is answered in %s, want %s", locale, got, want)
		}
	}
}

func TestAmounts(t *testing.T) {
	languages := languagesForTest(t)
	for _, test := range []struct{ language, number, currency, want string }{
		{"en", "1250000", "IDR", "IDR 1,250,000"}, {"id", "1250000", "IDR", "Rp 1.250.000"},
		{"th", "1250.5", "THB", "฿1,250.50"}, {"th", "20", "THB", "฿20"},
		{"vi", "405400", "VND", "405.400 ₫"}, {"en", "10.05", "USD", "$10.05"}, {"vi", "-10.5", "USD", "-10,50 US$"},
		{"en", "1e", "USD", "USD 1e"},
	} {
		got := strings.ReplaceAll(languages[test.language].Price(test.number, test.currency), "\u00a0", " ")
		if got != test.want {
			t.Errorf("%s %s in %s: %q, want %q", test.currency, test.number, test.language, got, test.want)
		}
	}
	if got := languages["en"].Amount(payment.Money{Minor: 1000000, Currency: "IDR"}); got != "IDR\u00a010,000" {
		t.Errorf("%q", got)
	}
}
