package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

func TestCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("starts PostgreSQL twice and the gateway three times; run without -short")
	}
	p := openPair(t)
	p.exec(p.primary, `CREATE DATABASE reprise`)
	dir := t.TempDir()
	binary := program(t, dir)
	w := openWorld(t, binary, dir)
	seed := uint64(time.Now().UnixNano())
	hook := openSink(t, papers{}, seed)
	var nodes []*node
	keys := ""
	for i := range 3 {
		nodes = append(nodes, openSandboxNode(t, i, dir, binary, p, w, hook.url, keys))
		keys = filepath.Join(dir, "node0", "keys.json")
	}
	var doors []string
	for _, n := range nodes {
		doors = append(doors, "http://"+n.door.address())
	}
	b := openBalancer(t, papers{}, doors)
	eventually(t, "all nodes are ready", 10*time.Second, func() bool { return b.ready() == 3 })
	s := &shop{
		client: newClient(b.url, papers{}), secret: "xnd_development_sandbox", public: "xnd_public_development_sandbox",
		back: "https://shop.example", chance: rand.New(rand.NewPCG(seed, 1)), typed: map[string]int{},
		cards: []storedCard{{"pt-a15a6c28-c65a-4ede-a6cc-10ff3b1d093e", true}, {"pt-00000000-0000-4000-8000-000000001000", false},
			{"pt-00000000-0000-4000-8000-000000002151", true}, {"pt-00000000-0000-4000-8000-000000001005", false}},
	}
	began := time.Now()
	seconds, _ := strconv.Atoi(os.Getenv("REPRISE_CLUSTER_SECONDS"))
	if seconds == 0 {
		seconds = 10
	}
	hook.mood(true)
	ctx := context.Background()
	var customers sync.WaitGroup
	beat := time.NewTicker(125 * time.Millisecond)
	for time.Since(began) < time.Duration(seconds)*time.Second {
		<-beat.C
		customers.Go(func() { s.one(ctx) })
	}
	beat.Stop()
	customers.Wait()
	hook.mood(false)
	t.Log("load is over after", time.Since(began))
	db := p.open("reprise")
	defer db.Close()
	kept := settle(ctx, t, s, db, time.Minute)
	t.Log("settled after", time.Since(began))
	resent := deliver(ctx, t, s, hook, db, began)
	t.Log("resent", resent)
	kept = readBooks(t, db)
	tr := hold(t, s, kept, w.ledger(), hook.deliveries(), []string{filepath.Join(dir, "node0.log"), filepath.Join(dir, "node1.log"), filepath.Join(dir, "node2.log")})
	tr.keptOnce(ctx)
	tr.ended()
	tr.settled()
	tr.toldOnce()
	tr.taken()
	tr.keepsItsWord(ctx)
	for _, x := range s.strange {
		t.Error(x)
	}
	kinds := map[string]int{}
	for _, a := range kept.attempts {
		kinds[a.state]++
	}
	t.Log(fmt.Sprint(len(s.orders), " orders ", kinds, " completions ", len(s.paid), " 500s ", s.broken.Load(), " repeats ", s.repeats.Load(), " complaints ", w.complaints()))
	t.Log(time.Since(began))
}
