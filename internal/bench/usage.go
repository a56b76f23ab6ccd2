package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// tick is the unit in which Linux counts the time of a process for others to read (USER_HZ, proc(5)): it has been a
// hundredth of a second on every machine that Go runs on.
const tick = 10 * time.Millisecond

// usage is what a process, or several, used of the machine.
type usage struct {
	CPU  time.Duration // user and system, of all threads
	Peak int64         // bytes that were resident at most; of several processes, what they have now
}

// times reads the CPU time of a process, and that of its children that have ended and were waited for. Of Linux only:
// there is no /proc elsewhere, and the error says so.
func times(pid int) (own, reaped time.Duration, parent int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, 0, fmt.Errorf("CPU time is read from /proc: %w", err)
	}
	// The name of the program, in brackets, may hold anything. Behind it are the state, the parent, and from the 12th
	// on utime, stime, cutime, cstime (proc(5)).
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 15 {
		return 0, 0, 0, errors.New("/proc: a line of stat that is too short")
	}
	var n [4]int64
	for i := range n {
		if n[i], err = strconv.ParseInt(string(fields[11+i]), 10, 64); err != nil {
			return 0, 0, 0, err
		}
	}
	parent, err = strconv.Atoi(string(fields[1]))
	return time.Duration(n[0]+n[1]) * tick, time.Duration(n[2]+n[3]) * tick, parent, err
}

// memory reads a member of /proc/PID/status that is in kB. A process that has ended has none.
func memory(pid int, member string) int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if value, is := strings.CutPrefix(line, member+":"); is {
			kB, _ := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return kB << 10
		}
	}
	return 0
}

// ofProcess is the usage of one process.
func ofProcess(pid int) (usage, error) {
	own, _, _, err := times(pid)
	return usage{CPU: own, Peak: memory(pid, "VmHWM")}, err
}

// ofFamily is the usage of a process and of all that it started: of PostgreSQL's postmaster, for instance. The memory
// that they share is counted once.
func ofFamily(pid int) (usage, error) {
	own, reaped, _, err := times(pid)
	if err != nil {
		return usage{}, err
	}
	u := usage{CPU: own + reaped, Peak: memory(pid, "RssAnon")}
	shared := memory(pid, "RssShmem")
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range processes {
		child, _ := strconv.Atoi(filepath.Base(p))
		own, _, parent, err := times(child)
		if err != nil || parent != pid { // or it has ended since it was listed
			continue
		}
		u.CPU += own
		u.Peak += memory(child, "RssAnon")
		shared = max(shared, memory(child, "RssShmem"))
	}
	u.Peak += shared
	return u, nil
}

// loadAverage is how much the machine has to do, as it says itself.
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	return strings.Join(strings.Fields(string(text))[:min(3, len(strings.Fields(string(text))))], " ")
}

// postmaster finds the server behind a URL among the processes of this machine; 0 where it is on another.
func postmaster(ctx context.Context, url string) (int, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, quietly(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var backend int
	if err := conn.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&backend); err != nil {
		return 0, err
	}
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", backend))
	if err != nil || !strings.HasPrefix(string(name), "postgres") {
		return 0, nil // whatever has that number here is not the server's
	}
	_, _, parent, err := times(backend)
	return parent, err
}

// quietly keeps the URL of a database, which may hold a password, out of what is told.
func quietly(err error) error {
	var url *pgconn.ParseConfigError
	if errors.As(err, &url) {
		return errors.New("the URL of the database cannot be read")
	}
	return err
}
