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
	world, err := OpenWorld(o, portAfter(s.Listen, portACS), filepath.Join(s.Data, "world"), s.Calm, log)
	if err != nil {
		return simulator.Kit{}, err
	}
	b.world, b.ControlURL = world, world.ControlURL()
	return world.Kit(), nil
}

// OpenWorld starts a simulator whose ACS listens at an address, and whose other doors take the ports after.
func OpenWorld(o Outside, listen, dir string, calm bool, log *slog.Logger) (*simulator.World, error) {
	if err := thisMachine(listen, portControl-portACS); err != nil {
		return nil, fmt.Errorf("--listen %s: %w", listen, err)
	}
	world, err := simulator.New(simulator.Options{
		Dir: dir, Calm: calm, Log: log,
		ACS: listen, DS: portAfter(listen, portDirectory-portACS), Acquirer: portAfter(listen, portAcquirer-portACS),
		Control: portAfter(listen, portControl-portACS),
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
