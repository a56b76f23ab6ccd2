package simulator

import (
	"encoding/csv"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// settlementColumns head the settlement file; docs/settlement-file.md says what is in them. The first names the
// version of the format, so that a reader knows from the first line what it has before it.
var settlementColumns = []string{
	"settlement_v1", "booked_at", "settlement_date", "kind", "state", "amount", "currency",
	"de32", "de41", "de42", "de37", "de11", "de7", "de38", "card",
}

// Settlement writes what the issuer has booked as the file that an acquirer sends its merchants (RFC 4180): a row
// for each movement of money, oldest first, and nothing that is not in the ledger. A verification moves none.
func (w *World) Settlement(to io.Writer) error {
	rows := csv.NewWriter(to)
	rows.UseCRLF = true
	if err := rows.Write(settlementColumns); err != nil {
		return err
	}
	entries := w.Ledger()
	for _, e := range entries {
		if e.Kind == "verification" {
			continue
		}
		approval := e.ApprovalCode
		if e.Original != 0 {
			approval = entries[e.Original-1].ApprovalCode
		}
		if err := rows.Write([]string{
			strconv.Itoa(e.ID), e.At.UTC().Format(time.RFC3339Nano), e.At.UTC().Format(time.DateOnly), e.Kind, e.State,
			strconv.FormatInt(e.Amount, 10), currencies[e.Currency].alpha,
			e.DE32, strings.TrimRight(e.DE41, " "), strings.TrimRight(e.DE42, " "), e.RRN, e.STAN, e.DE7, approval, e.Card,
		}); err != nil {
			return err
		}
	}
	rows.Flush()
	return rows.Error()
}

// getSettlement serves the file.
func (w *World) getSettlement(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	rw.Header().Set("Cache-Control", "no-store")
	if err := w.Settlement(rw); err != nil {
		w.opts.Log.Debug("settlement file not sent", "error", err) // whoever asked has left
	}
}
