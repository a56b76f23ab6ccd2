package card

import (
	"errors"
	"strings"
	"testing"
)

func TestParsePAN(t *testing.T) {
	for _, test := range []struct {
		digits string
		want   error
		masked string
		brand  Brand
	}{
		{"4000000000001091", nil, "400000XXXXXX1091", Visa},
		{"4000000000001000", nil, "400000XXXXXX1000", Visa},
		{"5200000000002151", nil, "520000XXXXXX2151", Mastercard},
		{"5105105105105100", nil, "510510XXXXXX5100", Mastercard},
		{"5599990000000000", ErrPANCheck, "", ""},
		{"2221000000000009", nil, "222100XXXXXX0009", Mastercard},
		{"2720990000000007", nil, "272099XXXXXX0007", Mastercard},
		{"2220990000000002", nil, "222099XXXXXX0002", ""},
		{"2721000000000004", nil, "272100XXXXXX0004", ""},
		{"340000000002708", nil, "340000XXXXX2708", Amex},
		{"378282246310005", nil, "378282XXXXX0005", Amex},
		{"360000000000004", nil, "360000XXXXX0004", ""},
		{"3528000000000007", nil, "352800XXXXXX0007", JCB},
		{"3589990000000005", nil, "358999XXXXXX0005", JCB},
		{"3337000000200004", nil, "333700XXXXXX0004", JCB},
		{"3590000000000000", nil, "359000XXXXXX0000", ""},
		{"4222222222222", nil, "4222XXXXX2222", Visa},
		{"400000000002", nil, "400XXXXX0002", Visa},
		{"4000000000000000006", nil, "400000XXXXXXXXX0006", Visa},
		{"", ErrPANLength, "", ""},
		{"40000000000", ErrPANLength, "", ""},
		{"40000000000000000000", ErrPANLength, "", ""},
		{"4000000000001092", ErrPANCheck, "", ""},
		{"4000 0000 0000 1091", ErrPANDigits, "", ""},
		{"4000-0000-0000-1091", ErrPANDigits, "", ""},
		{"٤٠٠٠٠٠٠٠٠٠٠٠١٠٩١", ErrPANDigits, "", ""},
		{"4000000000001091\n", ErrPANDigits, "", ""},
	} {
		pan, err := ParsePAN(test.digits)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: error %v, want %v", test.digits, err, test.want)
			continue
		}
		if err != nil {
			if !pan.IsZero() {
				t.Errorf("%s: refused and returned", test.digits)
			}
			continue
		}
		if pan.Reveal() != test.digits || pan.Masked() != test.masked || pan.Brand() != test.brand || pan.Last4() != test.digits[len(test.digits)-4:] {
			t.Errorf("%s: reveals %s, masked %s, brand %q, last four %s", test.digits, pan.Reveal(), pan.Masked(), pan.Brand(), pan.Last4())
		}
	}
}

// Luhn finds every single wrong digit and every swap of neighbours but 09 and 90.
func TestLuhnFindsTypos(t *testing.T) {
	const good = "4539578763621486"
	if _, err := ParsePAN(good); err != nil {
		t.Fatal(err)
	}
	for i := range good {
		for d := byte('0'); d <= '9'; d++ {
			if d == good[i] {
				continue
			}
			if _, err := ParsePAN(good[:i] + string(d) + good[i+1:]); !errors.Is(err, ErrPANCheck) {
				t.Errorf("digit %d as %c: %v", i, d, err)
			}
		}
		if i > 0 && good[i] != good[i-1] {
			if _, err := ParsePAN(good[:i-1] + string(good[i]) + string(good[i-1]) + good[i+1:]); !errors.Is(err, ErrPANCheck) {
				t.Errorf("digits %d and %d swapped: %v", i-1, i, err)
			}
		}
	}
}

func TestZeroPAN(t *testing.T) {
	var pan PAN
	if !pan.IsZero() || pan.Reveal() != "" || pan.Masked() != "" || pan.Last4() != "" || pan.Brand() != "" {
		t.Error("the zero PAN is not empty")
	}
	some, _ := ParsePAN("4000000000001091")
	same, _ := ParsePAN("4000000000001091")
	if some.Equal(pan) || !some.Equal(same) {
		t.Error("Equal does not compare digits")
	}
}

func TestCVN(t *testing.T) {
	for _, test := range []struct {
		digits string
		want   int
		err    error
	}{
		{"123", 3, nil},
		{"000", 3, nil},
		{"1234", 4, nil},
		{"", 3, ErrCVNMissing},
		{"", 4, ErrCVNMissing},
		{"12", 3, ErrCVN3},
		{"1234", 3, ErrCVN3},
		{"123", 4, ErrCVN4},
		{"12345", 4, ErrCVN4},
		{"12a", 3, ErrCVN3},
		{"12a4", 4, ErrCVN4},
		{" 123", 3, ErrCVN3},
		{"１２３", 3, ErrCVN3},
		{strings.Repeat("1", 100000), 3, ErrCVN3},
	} {
		typed := []byte(test.digits)
		cvn, err := ParseCVN(typed, test.want)
		if !errors.Is(err, test.err) {
			t.Errorf("%.10q of %d: error %v, want %v", test.digits, test.want, err, test.err)
		}
		Wipe(typed)
		if err == nil && string(cvn.Reveal()) != test.digits {
			t.Errorf("%q: does not reveal what was typed after the input is wiped", test.digits)
		}
		if err != nil && !cvn.IsZero() {
			t.Errorf("%q: refused and returned", test.digits)
		}
	}
}

func TestWipedCVN(t *testing.T) {
	cvn, err := ParseCVN([]byte("987"), 3)
	if err != nil {
		t.Fatal(err)
	}
	other, buffer := cvn, cvn.Reveal()
	other.Wipe()
	if string(buffer) != "\x00\x00\x00" {
		t.Error("Wipe leaves the digits in memory")
	}
	if !cvn.IsZero() || cvn.Reveal() != nil {
		t.Error("Wipe leaves a copy of the value alive")
	}
	cvn.Wipe()
	CVN{}.Wipe()
}

func TestExpiry(t *testing.T) {
	for _, test := range []struct {
		month, year string
		want        error
		yymm        string
	}{
		{"01", "2030", nil, "3001"},
		{"12", "2099", nil, "9912"},
		{"09", "2005", nil, "0509"},
		{"00", "2030", ErrMonth, ""},
		{"13", "2030", ErrMonth, ""},
		{"1", "2030", ErrMonth, ""},
		{"+1", "2030", ErrMonth, ""},
		{"", "2030", ErrMonth, ""},
		{"12", "30", ErrYear, ""},
		{"12", "1999", ErrYear, ""},
		{"12", "2100", ErrYear, ""},
		{"12", "+203", ErrYear, ""},
		{"12", "", ErrYear, ""},
	} {
		expiry, err := ParseExpiry(test.month, test.year)
		if !errors.Is(err, test.want) {
			t.Errorf("%s/%s: error %v, want %v", test.month, test.year, err, test.want)
		}
		if err == nil && expiry.YYMM() != test.yymm {
			t.Errorf("%s/%s: YYMM %s, want %s", test.month, test.year, expiry.YYMM(), test.yymm)
		}
	}
}
