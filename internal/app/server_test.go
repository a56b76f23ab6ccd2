package app

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// server is a PostgreSQL of one test's own, which it may stop.
type server struct {
	t         *testing.T
	bin, data string
	port      int
	as        *syscall.Credential // PostgreSQL refuses to run as root
}

// newServer starts one, or skips the test where there is none to start.
func newServer(t *testing.T) *server {
	t.Helper()
	if testing.Short() {
		t.Skip("a PostgreSQL that is stopped takes a few seconds")
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl")
	if len(found) == 0 {
		t.Skip("PostgreSQL: there is no pg_ctl below /usr/lib/postgresql")
	}
	s := &server{t: t, bin: filepath.Dir(found[len(found)-1])}
	dir, err := os.MkdirTemp("", "reprise-server") // t.TempDir may not be passed by another user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if os.Getuid() == 0 {
		owner, err := user.Lookup("postgres")
		if err != nil {
			t.Skip("PostgreSQL: there is no user postgres to run it as")
		}
		uid, _ := strconv.Atoi(owner.Uid)
		gid, _ := strconv.Atoi(owner.Gid)
		s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	s.data = filepath.Join(dir, "data")
	s.run("initdb", "-D", s.data, "-U", "reprise", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions", "--no-sync")
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	s.start()
	t.Cleanup(func() { _, _ = s.try("pg_ctl", "stop", "-D", s.data, "-m", "immediate") })
	return s
}

func (s *server) url() string {
	return fmt.Sprintf("postgres://reprise@127.0.0.1:%d/postgres?sslmode=disable", s.port)
}

func (s *server) start() {
	s.t.Helper()
	s.run("pg_ctl", "start", "-D", s.data, "-l", s.data+".log", "-w", "-o",
		fmt.Sprintf("-p %d -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=60", s.port))
}

// stop stops it: "fast" ends all connections, "immediate" is a crash.
func (s *server) stop(mode string) {
	s.t.Helper()
	s.run("pg_ctl", "stop", "-D", s.data, "-w", "-m", mode)
}

func (s *server) run(program string, args ...string) {
	s.t.Helper()
	if out, err := s.try(program, args...); err != nil {
		log, _ := os.ReadFile(s.data + ".log")
		s.t.Fatalf("%s: %v\n%s\n%s", program, err, out, log)
	}
}

func (s *server) try(program string, args ...string) (string, error) {
	c := exec.Command(filepath.Join(s.bin, program), args...)
	c.Dir = "/"
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Setsid: true}
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	c.WaitDelay = time.Second // the server that it starts keeps our pipe
	err := c.Run()
	if c.ProcessState != nil && c.ProcessState.Success() {
		err = nil
	}
	return out.String(), err
}
