package cluster

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// fault is one thing that goes wrong. It is made by the seed alone, and printed before anything happens.
type fault struct {
	kind string
	node int           // whom it happens to, where it happens to one
	hold time.Duration // how long
	lot  uint64        // whatever else is left to chance
}

func (f fault) String() string { return fmt.Sprintf("%s (node%d, %s)", f.kind, f.node, f.hold) }

// incident is a fault that was.
type incident struct {
	fault
	from, to time.Time
}

// trouble is all that can go wrong, by kind.
type trouble struct {
	*site
	rest sync.WaitGroup // what goes on beside the next fault

	mu        sync.Mutex
	incidents []incident
	pickUps   []pickUp
	longest   time.Duration // that a node needed to be ready again
}

// kinds of faults, in the order of the first round. The work of the first node that is killed is to be watched
// while the database is there, so what is about the database comes later.
var (
	aroundNodes = []string{
		"node killed", "two nodes killed", "node stopped politely", "acquirer cut", "acquirer swallowed", "acquirer slow",
		"directory cut", "directory swallowed", "results swallowed", "door cut", "door swallowed",
		"purchases hostile", "advices hostile", "purchases unanswered", "acquirer half open", "acquirer refuses",
		"directory server hostile", "results hostile",
	}
	aroundDatabase = []string{
		"database cut", "database swallowed", "database slow", "standby swallowed", "primary lost",
		"standby swallowed, then primary lost", "primary restarted",
	}
)

// plan draws faults until their time is over: each kind once, then as chance has it.
func plan(seed uint64, nodes int, over time.Duration) (all []fault) {
	chance := rand.New(rand.NewPCG(seed, 2))
	var sum time.Duration
	add := func(kind string) {
		f := fault{kind: kind, node: chance.IntN(nodes), hold: 3 * time.Second, lot: chance.Uint64()}
		if len(all) == 1 && f.node == all[0].node { // two that are away at first, not one twice
			f.node = (f.node + 1) % nodes
		}
		switch last := kind[strings.LastIndexByte(kind, ' ')+1:]; {
		case strings.Contains(kind, "swallowed"):
			f.hold = 7 * time.Second // longer than anybody waits for an answer
		case last == "cut" || last == "restarted":
			f.hold = time.Second
		case last == "hostile" || last == "slow":
			f.hold = 5 * time.Second
		}
		all, sum = append(all, f), sum+f.hold
	}
	first := append([]string{}, aroundNodes[1:]...)
	chance.Shuffle(len(first), func(i, j int) { first[i], first[j] = first[j], first[i] })
	then := append([]string{}, aroundDatabase...)
	chance.Shuffle(len(then), func(i, j int) { then[i], then[j] = then[j], then[i] })
	add("node frozen") // goes on beside all that follows
	for _, kind := range append(append([]string{aroundNodes[0]}, first...), then...) {
		add(kind)
	}
	every := append(append([]string{"node frozen"}, aroundNodes...), aroundDatabase...)
	for sum < over {
		add(every[chance.IntN(len(every))])
	}
	return all
}

// strike has a fault happen, from its beginning to its end.
func (t *trouble) strike(f fault) {
	t.t.Helper()
	from := time.Now()
	n, other := t.nodes[f.node], t.nodes[(f.node+1)%len(t.nodes)]
	pause := func() { time.Sleep(f.hold) }
	held := func(do func(l *link), links ...*link) {
		for _, l := range links {
			do(l)
		}
		pause()
		for _, l := range links {
			l.heal()
		}
	}
	slow := func(by time.Duration) func(*link) { return func(l *link) { l.slow(by) } }
	switch f.kind {
	case "node frozen":
		t.freeze(n)
	case "node killed":
		t.kill(pause, n)
	case "two nodes killed":
		t.kill(pause, n, other)
	case "node stopped politely":
		n.end((*process).stop)
		pause()
		t.restart(n)
	case "acquirer cut":
		held((*link).sever, n.acquirer)
	case "acquirer swallowed":
		held((*link).swallow, n.acquirer)
	case "acquirer slow":
		held(slow(700*time.Millisecond), n.acquirer)
	case "directory cut":
		held((*link).sever, n.directory)
	case "directory swallowed":
		held((*link).swallow, n.directory)
	case "results swallowed":
		held((*link).swallow, t.results)
	case "door cut":
		held((*link).sever, n.door)
	case "door swallowed":
		held((*link).swallow, n.door)
	case "purchases hostile", "advices hostile", "directory server hostile", "results hostile":
		knob := map[string]string{"purchases": "next_acquirer", "advices": "next_advice", "directory": "next_areq", "results": "next_result"}
		about, _, _ := strings.Cut(f.kind, " ")
		t.hostile(knob[about], object{"behaviour": "any", "chance": 0.25, "seed": f.lot % 1e6}, pause)
	case "purchases unanswered":
		t.hostile("next_acquirer", object{"behaviour": "silence", "times": 3}, pause)
	case "acquirer half open":
		t.hostile("next_acquirer", object{"behaviour": "half_open", "times": 1}, pause)
	case "acquirer refuses":
		n.acquirer.sever()
		t.hostile("next_connection", object{"behaviour": "refuse", "times": 4}, pause)
	case "database cut":
		held((*link).sever, n.database...)
	case "database swallowed":
		held((*link).swallow, n.database...)
	case "database slow":
		held(slow(200*time.Millisecond), n.database...)
	case "standby swallowed":
		held((*link).swallow, t.pair.replication)
	case "primary lost":
		t.failOver()
	case "standby swallowed, then primary lost":
		t.pair.replication.swallow()
		pause()
		t.failOver()
	case "primary restarted":
		t.pair.restart()
	default:
		t.t.Fatalf("nobody knows how %q goes wrong", f.kind)
	}
	t.happened(f, from)
}

func (t *trouble) happened(f fault, from time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.incidents = append(t.incidents, incident{f, from, time.Now()})
}

// freeze suspends a node for 20 s: longer than any lease, so that it goes on with what others have done meanwhile.
// The next faults happen beside it.
func (t *trouble) freeze(n *node) {
	n.mu.Lock()
	frozen := n.process
	n.mu.Unlock()
	frozen.signal("STOP")
	t.rest.Go(func() {
		time.Sleep(20 * time.Second)
		if frozen.alive() {
			frozen.signal("CONT")
		}
	})
}

// kill ends nodes as a power cut does, and starts them again.
func (t *trouble) kill(pause func(), nodes ...*node) {
	t.t.Helper()
	at := time.Now()
	for _, n := range nodes {
		n.end((*process).kill)
	}
	t.watch(at)
	pause()
	for _, n := range nodes {
		t.restart(n)
	}
}

func (t *trouble) restart(n *node) {
	t.t.Helper()
	began := time.Now()
	n.start()
	t.rest.Go(func() {
		for time.Since(began) < 40*time.Second && !n.ready() {
			time.Sleep(100 * time.Millisecond)
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.longest = max(t.longest, time.Since(began))
	})
}

// hostile turns a knob of the world, and back.
func (t *trouble) hostile(knob string, setting object, pause func()) {
	t.t.Helper()
	t.world.turn(object{knob: setting})
	pause()
	t.world.turn(object{knob: nil})
}

// failOver ends the primary, promotes the standby, has everybody go there, and makes a new standby.
func (t *trouble) failOver() {
	t.t.Helper()
	t.pair.fail()
	for _, n := range t.nodes {
		if len(n.database) == 1 {
			n.database[0].to(t.pair.primary.address())
		}
		for _, l := range n.database {
			l.sever()
		}
	}
	t.pair.replication.heal()
	t.pair.replication.sever()
	t.pair.renew()
}

// heal ends whatever goes on.
func (t *trouble) heal() {
	t.t.Helper()
	t.rest.Wait()
	t.world.turn(object{"calm": true})
	for _, n := range t.nodes {
		for _, l := range n.links() {
			l.heal()
		}
	}
	t.results.heal()
	t.pair.replication.heal()
	for _, n := range t.nodes {
		eventually(t.t, n.name+" is ready after everything", 30*time.Second, n.ready)
	}
}
