package bench

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// histogram keeps how long things took, to three digits, from a microsecond to five minutes.
type histogram struct {
	mu   sync.Mutex
	kept *hdrhistogram.Histogram
}

const longest = 5 * time.Minute

func newHistogram() *histogram {
	return &histogram{kept: hdrhistogram.New(1, longest.Microseconds(), 3)}
}

func (h *histogram) add(took time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.kept.RecordValue(min(max(took.Microseconds(), 1), longest.Microseconds()))
}

// Latency is how long something took, in milliseconds.
type Latency struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p99_9_ms"`
	Max   float64 `json:"max_ms"`
}

// latency is what the histogram has come to.
func (h *histogram) latency() Latency {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := func(percent float64) float64 { return float64(h.kept.ValueAtPercentile(percent)) / 1000 }
	return Latency{h.kept.TotalCount(), at(50), at(90), at(99), at(99.9), float64(h.kept.Max()) / 1000}
}
