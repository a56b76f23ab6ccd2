package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// grace is how long a process that was asked to end may take, which is longer than a gateway waits for its acquirer.
const grace = 25 * time.Second

// process is a program that was started here and is ended here.
type process struct {
	name    string
	command *exec.Cmd
	ended   chan struct{}

	mu   sync.Mutex
	said bytes.Buffer
}

// start starts a program with an empty environment: settings of whoever measures are not those of what is measured.
func start(name, program string, words ...string) (*process, error) {
	p := &process{name: name, command: exec.Command(program, words...), ended: make(chan struct{})}
	p.command.Env = []string{}
	p.command.Stdout, p.command.Stderr = p, p
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("%s does not start: %w", name, err)
	}
	go func() {
		_ = p.command.Wait()
		close(p.ended)
	}()
	return p, nil
}

// Write keeps what the process says, for the case that it ends.
func (p *process) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.said.Len() > 1<<20 {
		p.said.Reset()
	}
	return p.said.Write(text)
}

func (p *process) words() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

func (p *process) pid() int { return p.command.Process.Pid }

// stop asks the process to end and waits; one that does not is killed.
func (p *process) stop() {
	if p == nil {
		return
	}
	_ = p.command.Process.Signal(os.Interrupt)
	select {
	case <-p.ended:
	case <-time.After(grace):
		_ = p.command.Process.Kill()
		<-p.ended
	}
}

// until waits until something is so. A process that ends meanwhile is told of with its last words.
func (p *process) until(ctx context.Context, what string, so func() bool) error {
	limit := time.After(30 * time.Second)
	for !so() {
		select {
		case <-p.ended:
			return fmt.Errorf("%s has ended: %s", p.name, last(p.words()))
		case <-ctx.Done():
			return ctx.Err()
		case <-limit:
			return fmt.Errorf("%s: not within 30 s: %s", p.name, what)
		case <-time.After(2 * time.Millisecond):
		}
	}
	return nil
}

// last are the last lines of a text.
func last(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

// typed runs a command to its end and returns the last that it prints.
func typed(ctx context.Context, program string, words ...string) (string, error) {
	command := exec.CommandContext(ctx, program, words...)
	command.Env = []string{}
	var complaints strings.Builder
	command.Stderr = &complaints
	said, err := command.Output()
	if err != nil {
		return "", errors.Join(ctx.Err(), fmt.Errorf("%s: %w: %s", strings.Join(words[:min(2, len(words))], " "), err, last(complaints.String())))
	}
	return last(string(said)), nil
}
