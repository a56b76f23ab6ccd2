package app

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrape reads /metrics: series, as they are written, to value.
func (w *town) scrape() map[string]float64 {
	w.t.Helper()
	response, err := w.http.Get(w.MetricsURL)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != 200 {
		w.t.Fatalf("metrics: %s", response.Status)
	}
	all := map[string]float64{}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		line := lines.Text()
		at := max(0, strings.LastIndex(line, " "))
		if value, err := strconv.ParseFloat(line[at+1:], 64); err == nil && !strings.HasPrefix(line, "#") {
			all[line[:at]] = value
		}
	}
	return all
}

// shows waits until series have values.
func (w *town) shows(want map[string]float64) {
	w.t.Helper()
	var got map[string]float64
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		got = w.scrape()
		missing := ""
		for series, value := range want {
			if have, there := got[series]; !there || have != value {
				missing += fmt.Sprintf("%s is %v, want %v\n", series, got[series], value)
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(end) {
			w.t.Fatal(missing + strings.Join(slices.Sorted(maps.Keys(got)), "\n"))
		}
	}
}

func watched(t *testing.T) *town {
	return bounded(t, func(s *Settings) { s.MetricsListen = "127.0.0.1:0" })
}

// TestMetrics: what happens is counted, and what is not settled can be seen as long as it is not.
func TestMetrics(t *testing.T) {
	t.Parallel()
	w := watched(t)
	session := w.newSession(visaChallenge, skipping)
	w.succeeded(session, w.submitted(session, "123"))
	w.webhook("payment_session.completed", session["payment_session_id"].(string))
	w.held10000()
	wrong := w.newSession(mastercardFrictionless, skipping)
	w.failed(wrong, w.submitted(wrong, "999"), "INVALID_CVV")
	w.call("GET", "/nowhere", "", nil)
	w.shows(map[string]float64{
		`reprise_ready{room="database"}`:                                                 1,
		`reprise_ready{room="acquirer"}`:                                                 1,
		`reprise_ready{room="directory"}`:                                                1,
		`reprise_attempts_total{failure="",state="SUCCEEDED"}`:                           1,
		`reprise_attempts_total{failure="",state="AUTHORIZED"}`:                          1,
		`reprise_attempts_total{failure="INVALID_CVV",state="FAILED"}`:                   1,
		`reprise_requests_total{operation="POST /v3/payment_with_session",status="200"}`: 2,
		`reprise_request_seconds_count{operation="POST /v3/payment_with_session"}`:       2,
		`reprise_requests_total{operation="POST /sessions",status="201"}`:                2,
		`reprise_requests_total{operation="/",status="404"}`:                             1,
		`reprise_requests_in_flight{load="begins"}`:                                      0,
		`reprise_acquirer_connections_total`:                                             1,
		`reprise_payments_unknown`:                                                       0,
		`reprise_work_overdue_seconds{kind="advice"}`:                                    0,
		`reprise_database_connections_max`:                                               5,
	})
	all := w.scrape()
	for series, is := range map[string]func(float64) bool{
		`reprise_webhook_tries_total{result="taken"}`:                                      func(v float64) bool { return v >= 3 },
		`reprise_webhooks_total{status="DELIVERED"}`:                                       func(v float64) bool { return v >= 3 },
		`reprise_certificate_expires_timestamp_seconds{certificate="results"}`:             func(v float64) bool { return v > float64(time.Now().Unix()) },
		`reprise_certificate_expires_timestamp_seconds{certificate="directory simulator"}`: func(v float64) bool { return v > float64(time.Now().Unix()) },
		`reprise_connections{door="public"}`:                                               func(v float64) bool { return v > 0 },
		`reprise_card_ranges_age_seconds{directory="simulator"}`:                           func(v float64) bool { return v > 0 },
		`reprise_card_ranges{directory="simulator"}`:                                       func(v float64) bool { return v >= 9 },
		`reprise_card_range_failures_total{directory="simulator"}`:                         func(v float64) bool { return v == 0 },
		`go_goroutines`: func(v float64) bool { return v > 10 },
	} {
		if v, there := all[series]; !there || !is(v) {
			t.Errorf("%s is %v, there: %v", series, v, there)
		}
	}

	// Unknown, until the reversal is acknowledged.
	lost := w.newSession(visaChallenge, skipping)
	w.bank.turn(`{"next_acquirer":{"behaviour":"silence"},"next_advice":{"behaviour":"silence"}}`)
	_, done := w.held(lost)
	w.shows(map[string]float64{`reprise_acquirer_in_flight`: 1, `reprise_requests_in_flight{load="begins"}`: 1})
	w.forward(answerTimeout)
	accepted := done()
	w.shows(map[string]float64{`reprise_payments_unknown`: 1, `reprise_advices{kind="REVERSAL",status="OPEN"}`: 1})
	w.forward(adviceTimeout)
	w.tried(1)
	w.forward(10 * time.Second)
	w.failed(lost, accepted, "PARTNER_TIMEOUT_ERROR")
	w.shows(map[string]float64{`reprise_payments_unknown`: 0, `reprise_attempts_total{failure="PARTNER_TIMEOUT_ERROR",state="FAILED"}`: 1})
	if n := w.scrape()[`reprise_advices{kind="REVERSAL",status="OPEN"}`]; n != 0 {
		t.Errorf("%v reversals are open", n)
	}

	// The line goes, and the same is said there as by /readyz.
	w.unplug()
	w.shows(map[string]float64{`reprise_ready{room="acquirer"}`: 0})
}

// TestMetricsApart: the public door does not show them, and where no address is given nobody does.
func TestMetricsApart(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	if status, _ := w.call("GET", "/metrics", "", nil); status != 404 || w.MetricsURL != "" {
		t.Errorf("%d, %q", status, w.MetricsURL)
	}
}

var (
	descName   = regexp.MustCompile(`fqName: "([^"]+)", help: "([^"]*)"`)
	descLabels = regexp.MustCompile(`variableLabels: \{([^}]*)\}`)
	metricRow  = regexp.MustCompile("(?m)^\\| `(reprise_[a-z_]+)` \\|([^|]*)\\| ([^|]*) \\|$")
	metricName = regexp.MustCompile(`reprise_[a-z_]+`)
)

// TestMetricsDocumented holds the table of docs/operations.md against what is told, and the sample rules against both.
func TestMetricsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, row := range metricRow.FindAllStringSubmatch(string(page), -1) {
		documented[row[1]] = strings.TrimSpace(row[2]) + " | " + row[3]
	}
	told := map[string]string{}
	for _, collector := range newMetrics(nil).collectors() {
		descs := make(chan *prometheus.Desc, 64)
		collector.Describe(descs)
		close(descs)
		for d := range descs {
			name, labels := descName.FindStringSubmatch(d.String()), descLabels.FindStringSubmatch(d.String())
			told[name[1]] = strings.Join(slices.DeleteFunc(strings.Split(labels[1], ","), func(l string) bool { return l == "" }), ", ") + " | " + name[2]
		}
	}
	if len(told) < 20 {
		t.Fatalf("only %d metrics", len(told))
	}
	for name, what := range told {
		if documented[name] != what {
			t.Errorf("docs/operations.md: want the row | `%s` | %s |", name, what)
		}
		delete(documented, name)
	}
	for name := range documented {
		t.Errorf("docs/operations.md: there is no %s", name)
	}
	rules, err := os.ReadFile("../../docs/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range metricName.FindAllString(string(rules), -1) {
		base := strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count")
		if _, known := told[base]; !known {
			t.Errorf("docs/alerts.yaml: there is no %s", name)
		}
	}
}
