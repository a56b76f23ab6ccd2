package cluster

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// process is a program that was started, and whose words go to a file.
type process struct {
	t       *testing.T
	name    string
	log     string
	command *exec.Cmd
	ended   chan struct{}
}

// program builds the gateway, once.
func program(t *testing.T, dir string) string {
	t.Helper()
	binary := filepath.Join(dir, "reprise")
	if output, err := exec.Command("go", "build", "-o", binary, "reprise/cmd/reprise").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return binary
}

// start starts a program with more in its environment; it ends with the test, if it does not before.
func start(t *testing.T, name, log, binary string, environment []string, arguments ...string) *process {
	t.Helper()
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, name: name, log: log, command: exec.Command(binary, arguments...), ended: make(chan struct{})}
	p.command.Stdout, p.command.Stderr = file, file
	p.command.Env = append(os.Environ(), environment...)
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.command.Wait()
		_ = file.Close()
		close(p.ended)
	}()
	t.Cleanup(p.kill)
	return p
}

// command types a command of the operator's on the database that is the primary now. Only what it prints is
// returned where all is well; else also what it complains of.
func (s *site) command(arguments ...string) (said string, code int) {
	s.t.Helper()
	command := exec.Command(s.binary, arguments...)
	command.Env = append(os.Environ(), "REPRISE_DATABASE="+s.pair.server(s.pair.primary, database))
	var complaints strings.Builder
	command.Stderr = &complaints
	output, err := command.Output()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		s.t.Fatal(err)
	}
	if ended != nil {
		return string(output) + complaints.String(), ended.ExitCode()
	}
	return string(output), 0
}

// kill ends it without a word, as kill -9 does.
func (p *process) kill() {
	_ = p.command.Process.Kill()
	<-p.ended
}

// stop asks it to end, and waits.
func (p *process) stop() {
	_ = p.command.Process.Signal(os.Interrupt)
	<-p.ended
}

func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// signal sends it a signal by its name: STOP and CONT are not known to every system that this compiles on.
func (p *process) signal(name string) {
	if output, err := exec.Command("kill", "-"+name, strconv.Itoa(p.command.Process.Pid)).CombinedOutput(); err != nil && p.alive() {
		p.t.Errorf("kill -%s: %v %s", name, err, output)
	}
}
