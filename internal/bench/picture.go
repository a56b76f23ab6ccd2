package bench

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"text/template"
)

// The picture is drawn here, by a template: the libraries for it that are alive bring a font and a rasteriser into the
// binary of a gateway, for a few lines that SVG draws by itself.

// Sizes of the picture, and where in it the chart is.
const (
	width, height                    = 760, 420
	left, right, top, bottom         = 70, 740, 30, 370
	firstDecade, lastDecade          = -1, 4 // 0.1 ms to 10 s
	decadeHeight             float64 = float64(bottom-top) / (lastDecade - firstDecade)
)

// curve is one percentile on one database.
type curve struct {
	Name, Colour, Dash string
	Points             []point
	X, Y               float64 // of its name
}

type point struct{ X, Y float64 }

// mark is a line of the grid and what it says.
type mark struct {
	At   float64
	Text string
}

// draw draws latency by load: of all results of open loops, three percentiles for each database.
func draw(results []Result) ([]byte, error) {
	most := 0.0
	for _, r := range results {
		most = max(most, r.Asked)
	}
	if most == 0 {
		return nil, errors.New("a picture needs steps of an open loop")
	}
	most = nice(most)
	chart := struct {
		Width, Height, Left, Right, Top, Bottom int
		Title                                   string
		Curves                                  []curve
		Rates, Times                            []mark
	}{Width: width, Height: height, Left: left, Right: right, Top: top, Bottom: bottom}
	x := func(rate float64) float64 { return left + (right-left)*rate/most }
	for i := range 6 {
		rate := most * float64(i) / 5
		chart.Rates = append(chart.Rates, mark{x(rate), fmt.Sprintf("%.0f", rate)})
	}
	for d := firstDecade; d <= lastDecade; d++ {
		ms := math.Pow(10, float64(d))
		chart.Times = append(chart.Times, mark{high(ms), fmt.Sprintf("%g ms", ms)})
	}
	for _, database := range []struct{ name, dash string }{{"PostgreSQL", ""}, {"SQLite", "6 4"}} {
		for _, percentile := range []struct {
			name, colour string
			of           func(Latency) float64
		}{
			{"p50", "#2b6cb0", func(l Latency) float64 { return l.P50 }}, {"p99", "#c05621", func(l Latency) float64 { return l.P99 }},
			{"p99.9", "#9b2c2c", func(l Latency) float64 { return l.P999 }},
		} {
			c := curve{Name: database.name + " " + percentile.name, Colour: percentile.colour, Dash: database.dash}
			for _, r := range results {
				if r.Asked > 0 && r.Stored == 0 && r.Database == database.name {
					chart.Title = r.Name
					c.Points = append(c.Points, point{x(r.Asked), high(percentile.of(r.Latency))})
				}
			}
			if len(c.Points) > 0 {
				slices.SortFunc(c.Points, func(a, b point) int { return int(a.X - b.X) })
				c.X, c.Y = left+12, float64(top+16+15*len(chart.Curves))
				chart.Curves = append(chart.Curves, c)
			}
		}
	}
	var svg bytes.Buffer
	err := template.Must(template.New("").Parse(picture)).Execute(&svg, chart)
	return svg.Bytes(), err
}

// high is where a time is drawn, by its logarithm.
func high(ms float64) float64 {
	decades := math.Log10(max(ms, math.Pow(10, firstDecade))) - firstDecade
	return bottom - min(decades, lastDecade-firstDecade)*decadeHeight
}

// nice is the next rate above that people like to read.
func nice(rate float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(rate)))
	for _, times := range []float64{1, 2, 2.5, 5} {
		if unit*times >= rate {
			return unit * times
		}
	}
	return unit * 10
}

const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{.Width}} {{.Height}}" font-family="sans-serif" font-size="12">
<title>Latency by load: {{.Title}}</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="{{.Left}}" y="20" font-size="14">{{.Title}}: latency by load</text>
{{range .Times}}<line x1="{{$.Left}}" x2="{{$.Right}}" y1="{{.At}}" y2="{{.At}}" stroke="#e2e8f0"/>
<text x="62" y="{{.At}}" text-anchor="end" dominant-baseline="middle">{{.Text}}</text>
{{end}}{{range .Rates}}<line y1="{{$.Top}}" y2="{{$.Bottom}}" x1="{{.At}}" x2="{{.At}}" stroke="#e2e8f0"/>
<text x="{{.At}}" y="388" text-anchor="middle">{{.Text}}</text>
{{end}}<text x="405" y="408" text-anchor="middle">asked for, a second</text>
{{range .Curves}}<polyline fill="none" stroke="{{.Colour}}" stroke-width="2" stroke-dasharray="{{.Dash}}" points="{{range .Points}}{{printf "%.1f,%.1f " .X .Y}}{{end}}"/>
{{$curve := .}}{{range .Points}}<circle cx="{{printf "%.1f" .X}}" cy="{{printf "%.1f" .Y}}" r="3" fill="{{$curve.Colour}}"/>
{{end}}<text x="{{.X}}" y="{{.Y}}" fill="{{.Colour}}">{{.Name}}{{if .Dash}} (dashed){{end}}</text>
{{end}}</svg>
`
