//go:build unix

package main

import "syscall"

// forbidCoreDumps keeps card numbers and CVNs that are in memory off the disk when the process crashes
// (PCI DSS 3.3.1; docs/card-data.md). Where the system refuses, it has none to forbid.
func forbidCoreDumps() { _ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) }
