package main

import (
	"errors"
	"os"
	"runtime/pprof"
)

// profiled does something and writes where its processor time went into a file. The names of functions are in it, and how
// often each was met, and nothing that they worked on. Only who starts a process can ask for it: a port or a signal would
// be a door that every gateway has.
func profiled(path string, do func() error) error {
	if path == "" {
		return do()
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return errors.Join(err, file.Close())
	}
	err = do()
	pprof.StopCPUProfile()
	return errors.Join(err, file.Close())
}
