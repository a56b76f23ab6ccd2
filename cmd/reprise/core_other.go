//go:build !linux

package main

// forbidCoreDumps has nothing to do: we know how to ask only Linux.
func forbidCoreDumps() {}
