package simulator

import (
	"encoding/csv"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestSettlement: the file has the ledger's movements and nothing else, each with what finds its message.
func TestSettlement(t *testing.T) {
	w := startWorld(t, nil)
	g := signedOn(t, w)
	read := func() (rows []map[string]string) {
		t.Helper()
		var text strings.Builder
		if err := w.Settlement(&text); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text.String(), visaCard) {
			t.Error("a card number is in it")
		}
		if strings.Count(text.String(), "\r\n") != strings.Count(text.String(), "\n") {
			t.Error("lines do not end as RFC 4180 has it")
		}
		all, err := csv.NewReader(strings.NewReader(text.String())).ReadAll()
		if err != nil || len(all) == 0 || all[0][0] != "settlement_v1" {
			t.Fatalf("%v %v", all, err)
		}
		for _, row := range all[1:] {
			named := map[string]string{}
			for i, name := range all[0] {
				named[name] = row[i]
			}
			rows = append(rows, named)
		}
		return rows
	}
	if rows := read(); len(rows) != 0 {
		t.Errorf("nothing is booked: %v", rows)
	}
	g.says(w, "verification", g.verify(visaCard, nil), "85", 0, 0)
	bought := g.buy(visaCard, nil)
	g.says(w, "purchase", bought, "00", hundred, 0)
	g.says(w, "its reversal", g.undo(bought, nil), "00", 0, 0)
	held := g.hold(visaCard, nil)
	answer := g.says(w, "hold", held, "00", 0, hundred)
	g.says(w, "capture", g.take(held, answer, 4000000), "00", 4000000, 6000000)
	g.says(w, "release", g.lower(held, 4000000), "00", 4000000, 0)
	g.says(w, "refund", g.giveBack(held, answer, 1000000), "00", 3000000, 0)

	rows := read()
	var said []string
	for i, row := range rows {
		said = append(said, row["kind"]+" "+row["state"]+" "+row["amount"]+" "+row["currency"])
		e := w.Ledger()[i+1] // behind the verification
		at, err := time.Parse(time.RFC3339, row["booked_at"])
		if err != nil || !at.Equal(e.At) || row["settlement_date"] != e.At.Format(time.DateOnly) {
			t.Errorf("booked %s, settled %s, want %s", row["booked_at"], row["settlement_date"], e.At)
		}
		if row["settlement_v1"] != strconv.Itoa(e.ID) || row["de37"] != e.RRN || row["de11"] != e.STAN || row["de7"] != e.DE7 ||
			row["de32"] != e.DE32 || row["de41"] != strings.TrimRight(e.DE41, " ") || row["de42"] != strings.TrimRight(e.DE42, " ") || row["card"] != e.Card {
			t.Errorf("%v is not %+v", row, e)
		}
	}
	want := "purchase reversed 10000000 IDR|reversal kept 10000000 IDR|hold captured 10000000 IDR|" +
		"capture kept 4000000 IDR|release kept 6000000 IDR|refund kept 1000000 IDR"
	if got := strings.Join(said, "|"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, row := range rows[2:] {
		if row["de38"] != answer.fields[38] {
			t.Errorf("%s has DE38 %s, want its original's", row["kind"], row["de38"])
		}
	}
}
