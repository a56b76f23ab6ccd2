//go:build !unix

package main

// forbidCoreDumps has nothing to do: only Unix writes the memory of a crashed process to a file.
func forbidCoreDumps() {}
