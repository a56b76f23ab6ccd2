//go:build unix

package bench

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// spent is what the system itself says of this process and of its children that have ended.
func spent(t *testing.T, who int) time.Duration {
	t.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(who, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// TestUsage reads what was used from /proc, and compares it with what the system tells the process itself.
func TestUsage(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("/proc: this system has none")
	}
	read := func(of func(int) (usage, error)) usage {
		t.Helper()
		u, err := of(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	own, before := read(ofProcess), spent(t, syscall.RUSAGE_SELF)
	ballast := make([]byte, 64<<20)
	for i := 0; spent(t, syscall.RUSAGE_SELF)-before < 300*time.Millisecond; i++ {
		ballast[i*4096%len(ballast)]++
	}
	used, really := read(ofProcess), spent(t, syscall.RUSAGE_SELF)-before
	if difference := used.CPU - own.CPU - really; difference.Abs() > 3*tick {
		t.Errorf("%s of processor time, and the system says %s", used.CPU-own.CPU, really)
	}
	for i := range ballast {
		ballast[i]++
	}
	if used = read(ofProcess); used.Peak < int64(len(ballast)) || used.Peak < own.Peak {
		t.Errorf("%d bytes at most, and there were %d before, and %d more", used.Peak, own.Peak, len(ballast))
	}

	family, children := read(ofFamily), spent(t, syscall.RUSAGE_CHILDREN)
	process := read(ofProcess)
	if out, err := exec.Command("sh", "-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	really = spent(t, syscall.RUSAGE_CHILDREN) - children
	ours := read(ofProcess).CPU - process.CPU
	if difference := read(ofFamily).CPU - family.CPU - really - ours; difference.Abs() > 5*tick || really < 5*tick {
		t.Errorf("of children that have ended the system says %s, and we are off by %s", really, difference)
	}
	if ours > really/2+5*tick {
		t.Errorf("%s of a child's %s count as the process's own", ours, really)
	}
}
