//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package app

import (
	"os"
	"path/filepath"
)

// lock opens the file alone: on this system nothing here keeps two sandboxes from one directory.
func lock(dir string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
}
