package main

import "golang.org/x/sys/unix"

// forbidCoreDumps keeps card numbers and CVNs that are in memory off the disk when the process crashes, also
// where the kernel pipes dumps to a program, and out of reach of other processes of the same user
// (PCI DSS 3.3.1; docs/card-data.md). Where the system refuses, it has none to forbid.
func forbidCoreDumps() {
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
