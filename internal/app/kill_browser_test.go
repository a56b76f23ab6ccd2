package app

import (
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func killVisits() visits {
	return visits{
		"gateway killed while the bank asks":                    func(t *testing.T, browser context.Context) { killed(t, browser, false) },
		"gateway killed, and the bank answered before it is up": func(t *testing.T, browser context.Context) { killed(t, browser, true) },
	}
}

// killed ends the gateway's process with SIGKILL in the middle of a challenge and starts it again. The world
// lives on, and the payer finishes in the same tab.
func killed(t *testing.T, browser context.Context, answerFirst bool) {
	log := &lockedBuffer{}
	world, err := OpenWorld(Real(), WorldSettings{Listen: "127.0.0.1:0", Data: t.TempDir(), Calm: true}, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := world.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	port := freePorts(t, portControl+1)
	address := func(door int) string { return fmt.Sprintf("127.0.0.1:%d", port+door) }
	w := &town{t: t, ear: listen(t), log: log, dir: t.TempDir(), Sandbox: &Sandbox{
		House: &House{PublicURL: "http://" + address(portAPI)}, ShopURL: fmt.Sprintf("http://localhost:%d", port+portShop),
	}}
	w.front = newFront(t, w.PublicURL, w.ShopURL)
	w.bank = &bank{t: t, control: world.ControlURL(), http: w.front.http}
	gateway := &process{t: t, w: w, path: program(t, ""), args: []string{
		"sandbox", "--calm", "--listen", address(portAPI), "--data", w.dir, "--simulator", world.ControlURL(), "--webhook", w.ear.url,
	}}
	gateway.start()
	w.openBooks()
	accepted := w.submitted(w.newSession(visaChallenge, w.atShop), "123")
	p := w.visit(browser)
	p.expect("net::ERR_") // while nobody is there
	p.open(accepted["action_url"].(string))
	bank := p.bank()
	if n := w.escrow(); n != 1 {
		t.Fatalf("%d in escrow", n)
	}

	gateway.kill()
	if answerFirst {
		p.answer(bank, rightOTP) // the bank waits until it can tell the gateway
		w.eventually("a page that found nobody", func() bool { return p.saw("net::ERR_CONNECTION_REFUSED") })
	}
	gateway.start()
	if !answerFirst {
		p.answer(bank, rightOTP)
	}
	p.home("success")
	onePayment(w)
	if n := w.escrow(); n != 0 {
		t.Errorf("%d left in escrow", n)
	}
}

// saw tells whether the console has said something by now.
func (p *payer) saw(part string) bool {
	p.seen.mu.Lock()
	defer p.seen.mu.Unlock()
	return strings.Contains(strings.Join(p.seen.troubles, "\n"), part)
}

// process is a gateway in a process of its own.
type process struct {
	t    *testing.T
	w    *town
	path string
	args []string
	cmd  *exec.Cmd
}

func (g *process) start() {
	g.t.Helper()
	g.cmd = exec.Command(g.path, g.args...)
	said := &lockedBuffer{}
	g.cmd.Stdout, g.cmd.Stderr = said, g.w.log
	if err := g.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(g.kill)
	g.w.eventually("a gateway that shows its banner", func() bool { return strings.Contains(said.String(), "API base") })
}

// kill is kill -9. The second time there is nobody left to kill.
func (g *process) kill() {
	if g.cmd.ProcessState == nil {
		_ = g.cmd.Process.Kill()
		_ = g.cmd.Wait()
	}
}
