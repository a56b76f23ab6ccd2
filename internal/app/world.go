package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"reprise/internal/simulator"
)

// The doors of a sandbox and its world, counted from the port of --listen.
const (
	portAPI = iota
	portResults
	portShop
	portACS
	portDirectory
	portAcquirer
	portControl
)

// meetWorld starts a simulator, or asks a running one how it is reached.
func (b *Sandbox) meetWorld(ctx context.Context, o Outside, s SandboxSettings, log *slog.Logger) (simulator.Kit, error) {
	if s.Simulator != "" {
		client := &http.Client{Transport: &http.Transport{DialContext: o.Dial}, Timeout: 10 * time.Second}
		defer client.CloseIdleConnections()
		kit, err := simulator.FetchKit(ctx, client, s.Simulator)
		if err != nil {
			err = fmt.Errorf("no simulator answers at %s, start one with 'reprise simulator': %w", s.Simulator, err)
		}
		return kit, err
	}
	world, err := OpenWorld(o, WorldSettings{Listen: portAfter(s.Listen, portACS), Data: filepath.Join(s.Data, "world"), Calm: s.Calm}, log)
	if err != nil {
		return simulator.Kit{}, err
	}
	b.world, b.ControlURL = world, world.ControlURL()
	return world.Kit(), nil
}

// WorldSettings are what the simulator command may be told.
type WorldSettings struct {
	Listen    string // loopback host:port of the ACS; the world's other doors take the ports after it
	Data      string // directory of its certificates
	Calm      bool
	Authority string // name of its certificate authority; empty: that of every sandbox
	TLS       bool   // for the acquirer host and the ACS, as a gateway outside a sandbox wants it
}

// OpenWorld starts a simulator.
func OpenWorld(o Outside, s WorldSettings, log *slog.Logger) (*simulator.World, error) {
	if err := thisMachine(s.Listen, portControl-portACS); err != nil {
		return nil, fmt.Errorf("--listen %s: %w", s.Listen, err)
	}
	world, err := simulator.New(simulator.Options{
		Dir: s.Data, Calm: s.Calm, Authority: s.Authority, TLS: s.TLS, Log: log,
		ACS: s.Listen, DS: portAfter(s.Listen, portDirectory-portACS), Acquirer: portAfter(s.Listen, portAcquirer-portACS),
		Control: portAfter(s.Listen, portControl-portACS),
		Now:     o.Now, Rand: o.Rand, Timer: o.Timer, Go: o.Go, Dial: o.Dial, Listen: o.Listen,
	})
	if err != nil {
		return nil, err
	}
	if err := world.Start(); err != nil {
		return nil, err
	}
	return world, nil
}

// portAfter is the address n ports after an address; port 0 stays 0, any free one.
func portAfter(address string, n int) string {
	host, port, _ := net.SplitHostPort(address)
	if p, err := strconv.Atoi(port); err == nil && p != 0 {
		port = strconv.Itoa(p + n)
	}
	return net.JoinHostPort(host, port)
}
