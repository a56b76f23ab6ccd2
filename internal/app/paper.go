package app

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"
)

// Paper is a certificate of ours, or roots by which others are known to us: something that ends, and that somebody
// has to renew before.
type Paper interface {
	Ends() time.Time
	// Reload reads its files now, whatever is known of them. After an error what was there stays.
	Reload() error
	File() string // empty: it never changes
}

const (
	// lookAgain is how old what we know of a paper's files may be.
	lookAgain = 10 * time.Second
	// endsSoon is how long before its end a paper is warned of: schemes take days to issue another.
	endsSoon  = 30 * 24 * time.Hour
	warnEvery = 24 * time.Hour
)

// files are those that somebody may replace.
type files struct {
	paths  []string
	now    func() time.Time
	looked time.Time
	seen   []fs.FileInfo // as they were when they were read last, with or without success
}

func (f *files) File() string {
	if len(f.paths) == 0 {
		return ""
	}
	return f.paths[0]
}

// replaced says whether it is time to look at the files, and they are others than those that were read.
func (f *files) replaced() bool {
	if len(f.paths) == 0 {
		return false
	}
	now := f.now()
	if now.Sub(f.looked) < lookAgain && !now.Before(f.looked) {
		return false
	}
	f.looked = now
	for i, file := range f.paths {
		info, err := os.Stat(file)
		if err != nil {
			continue // being replaced, or gone: there is nothing to read
		}
		if seen := f.seen[i]; seen == nil || !os.SameFile(info, seen) || !info.ModTime().Equal(seen.ModTime()) || info.Size() != seen.Size() {
			return true
		}
	}
	return false
}

// look notes the files as they are, before they are read: what is written in between is seen as another change.
func (f *files) look() {
	f.seen, f.looked = make([]fs.FileInfo, len(f.paths)), f.now()
	for i, file := range f.paths {
		f.seen[i], _ = os.Stat(file)
	}
}

// Reload reads the papers anew, for whoever does not want to wait until it is noticed that their files have changed.
// Of one that cannot be read the old one stays.
func (h *House) Reload() {
	for _, name := range slices.Sorted(maps.Keys(h.papers)) {
		if err := h.papers[name].Reload(); err != nil {
			h.log.Warn("certificate not renewed: the old one stays", "file", h.papers[name].File(), "error", err)
		}
	}
}

// watchPapers warns of papers that end soon, at once and each day, until ctx ends.
func (h *House) watchPapers(ctx context.Context) {
	for {
		now := h.outside.Now()
		for _, name := range slices.Sorted(maps.Keys(h.papers)) {
			if ends := h.papers[name].Ends(); ends.Sub(now) < endsSoon {
				h.log.Warn("certificate ends soon", "certificate", name, "file", h.papers[name].File(), "ends", ends.UTC().Format(time.RFC3339))
			}
		}
		tick, stop := h.outside.Timer(warnEvery)
		select {
		case <-tick:
		case <-ctx.Done():
			stop()
			return
		}
	}
}
