package threeds

import (
	"fmt"
	"slices"
	"strings"

	"reprise/internal/card"
)

// serves says whether a directory server may speak for cards of a brand. Which cards are a scheme's does not follow from
// what a directory server says: else one could draw another's to itself by a narrower range, and authenticate them.
func (d Directory) serves(brand card.Brand) bool {
	return len(d.Brands) == 0 || slices.Contains(d.Brands, string(brand))
}

// strange is an error where a brand is none that we know.
func (d Directory) strange() error {
	for _, brand := range d.Brands {
		if !slices.Contains(card.Brands, card.Brand(brand)) {
			return fmt.Errorf("threeds: directory %q: we do not know brand %q, only %s", d.Name, brand, brandNames())
		}
	}
	return nil
}

func brandNames() string {
	var names []string
	for _, brand := range card.Brands {
		names = append(names, string(brand))
	}
	return strings.Join(names, ", ")
}

// iinDigits are as many as tell the brand of a card.
const iinDigits = 4

// foreign counts the ranges of a table that hold cards of a brand that the directory server does not speak for.
func (d Directory) foreign(t *rangeTable) (n int) {
	var before [10001]int // of the first digits below the place, how many are another's
	for iin := range before[1:] {
		before[iin+1] = before[iin]
		if brand := card.BrandOf(iin); brand != "" && !d.serves(brand) {
			before[iin+1]++
		}
	}
	for _, r := range t.ranges {
		scale := uint64(1)
		for range r.digits - iinDigits {
			scale *= 10
		}
		if before[min(r.hi/scale, 9999)+1] > before[min(r.lo/scale, 9999)] { // kept data may hold anything
			n++
		}
	}
	return n
}

// reportForeign logs how many ranges of those that were just loaded hold cards that are not used under them.
func (s *Server) reportForeign(d *directory, t *rangeTable) {
	if n := d.foreign(t); n > 0 {
		s.o.Log.Warn("card ranges of other brands are not used", "directory", d.Name, "ranges", n)
	}
}
