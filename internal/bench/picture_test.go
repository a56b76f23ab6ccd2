package bench

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

// TestDraw: the picture is well-formed, has a point for each step, and what is slower is drawn higher.
func TestDraw(t *testing.T) {
	var results []Result
	for i := range 5 {
		slow := float64(i+1) * 2
		results = append(results, Result{
			Name: "oneclick", Database: "PostgreSQL", Asked: float64(100 * (i + 1)), Latency: Latency{P50: slow, P99: 5 * slow, P999: 20 * slow},
		})
	}
	results = append(results, Result{Name: "session", Database: "PostgreSQL", Rate: 9}) // no step
	svg, err := draw(results)
	if err != nil {
		t.Fatal(err)
	}
	circles, last := 0, ""
	for d := xml.NewDecoder(strings.NewReader(string(svg))); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, svg)
		}
		if e, is := token.(xml.StartElement); is && e.Name.Local == "circle" {
			circles++
			last = e.Attr[0].Value
		}
	}
	if circles != 15 || last != "740.0" || !strings.Contains(string(svg), ">500</text>") {
		t.Errorf("%d points, the last at %s\n%s", circles, last, svg)
	}
	if !(high(1) > high(10) && high(10) > high(1000)) || high(0) != bottom || high(1e9) != top {
		t.Errorf("1 ms at %.0f, 10 ms at %.0f, 1 s at %.0f, nothing at %.0f, ages at %.0f", high(1), high(10), high(1000), high(0), high(1e9))
	}
	if _, err := draw(results[5:]); err == nil {
		t.Error("a picture of nothing")
	}
	for rate, want := range map[float64]float64{1: 1, 90: 100, 120: 200, 240: 250, 251: 500, 990: 1000} {
		if nice(rate) != want {
			t.Errorf("%.0f: an axis to %.0f, want %.0f", rate, nice(rate), want)
		}
	}
}
