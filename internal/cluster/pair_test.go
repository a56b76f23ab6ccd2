package cluster

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// server is one PostgreSQL.
type server struct {
	dir  string
	port int
}

func (s *server) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// pair is a PostgreSQL primary and a synchronous standby: what the primary calls committed is on both disks.
type pair struct {
	t        *testing.T
	bin      string   // where PostgreSQL's programs are
	as       []string // runs a program as a user whom PostgreSQL accepts
	dir      string
	password string

	primary, standby *server
	// replication is how the standby reaches the primary.
	replication *link
}

// programs finds PostgreSQL, or skips.
func programs(t *testing.T) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_basebackup")
	if on, err := exec.LookPath("pg_basebackup"); err == nil {
		found = append(found, on)
	}
	for _, program := range found {
		if _, err := os.Stat(filepath.Join(filepath.Dir(program), "initdb")); err == nil {
			return filepath.Dir(program)
		}
	}
	t.Skip("PostgreSQL: initdb and pg_basebackup are not installed")
	return ""
}

// openPair makes two empty servers, of which one follows the other.
func openPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{t: t, bin: programs(t)}
	var err error
	if p.dir, err = os.MkdirTemp("", "reprise-cluster"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(p.dir) })
	p.ownedByPostgres()
	secret := make([]byte, 16)
	_, _ = rand.Read(secret)
	p.password = hex.EncodeToString(secret)
	file := filepath.Join(p.dir, "password")
	if err := os.WriteFile(file, []byte(p.password), 0o644); err != nil { // in a folder that only its owner may enter
		t.Fatal(err)
	}
	p.primary = &server{filepath.Join(p.dir, "a"), freePort(t)}
	p.standby = &server{filepath.Join(p.dir, "b"), freePort(t)}
	t.Cleanup(func() {
		for _, s := range []*server{p.primary, p.standby} {
			_ = p.command("pg_ctl", "stop", "-D", s.dir, "-m", "immediate", "-s").Run()
		}
	})
	p.run("initdb", "-D", p.primary.dir, "-U", "reprise", "--auth=scram-sha-256", "--pwfile="+file,
		"--encoding=UTF8", "--locale=C", "--no-instructions", "--no-sync")
	p.start(p.primary)
	p.replication = openLink(t, "standby to primary", p.primary.address())
	p.follow()
	return p
}

// ownedByPostgres gives the folder to a user who may run PostgreSQL, which refuses root.
func (p *pair) ownedByPostgres() {
	p.t.Helper()
	if os.Getuid() != 0 {
		return
	}
	owner, err := user.Lookup("postgres")
	if err != nil {
		owner, err = user.Lookup("nobody")
	}
	if err != nil {
		p.t.Skip("PostgreSQL: it refuses root, and there is neither postgres nor nobody")
	}
	uid, _ := strconv.Atoi(owner.Uid)
	gid, _ := strconv.Atoi(owner.Gid)
	if err := os.Chown(p.dir, uid, gid); err != nil {
		p.t.Fatal(err)
	}
	p.as = []string{"runuser", "-u", owner.Username, "--"}
}

func (p *pair) command(program string, arguments ...string) *exec.Cmd {
	all := append(append([]string{}, p.as...), append([]string{filepath.Join(p.bin, program)}, arguments...)...)
	command := exec.Command(all[0], all[1:]...)
	command.Dir = p.dir
	command.Env = append(os.Environ(), "PGPASSWORD="+p.password)
	return command
}

// run runs one of PostgreSQL's programs to its end. What it says goes into a file: a server that it starts
// keeps the descriptor, and a pipe would be waited for.
func (p *pair) run(program string, arguments ...string) {
	p.t.Helper()
	said, err := os.CreateTemp(p.dir, program)
	if err != nil {
		p.t.Fatal(err)
	}
	defer said.Close()
	command := p.command(program, arguments...)
	command.Stdout, command.Stderr = said, said
	if err := command.Run(); err != nil {
		text, _ := os.ReadFile(said.Name())
		p.t.Fatalf("%s: %v\n%s", program, err, text)
	}
}

// start starts a server. It is killed as a process, not by a power cut: what it has written is in the files, synced or
// not, and without waiting for the disk a small machine has time for the rest.
func (p *pair) start(s *server) {
	p.t.Helper()
	p.run("pg_ctl", "start", "-D", s.dir, "-l", s.dir+".log", "-s", "-w", "-t", "60", "-o", fmt.Sprintf(
		"-p %d -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200 -c fsync=off"+
			" -c synchronous_commit=on -c wal_keep_size=512MB -c wal_receiver_status_interval=1"+
			" -c wal_receiver_timeout=5s -c wal_sender_timeout=60s -c wal_retrieve_retry_interval=500ms", s.port))
}

// follow makes the standby out of a copy of the primary, and has the primary wait for it from then on.
func (p *pair) follow() {
	p.t.Helper()
	if err := os.RemoveAll(p.standby.dir); err != nil {
		p.t.Fatal(err)
	}
	p.run("pg_basebackup", "-D", p.standby.dir, "-d", p.server(p.primary, "postgres"), "-X", "stream", "-c", "fast", "--no-sync")
	_, port, _ := net.SplitHostPort(p.replication.address())
	for name, text := range map[string]string{
		"standby.signal": "",
		"postgresql.auto.conf": fmt.Sprintf("primary_conninfo = 'host=127.0.0.1 port=%s user=reprise password=%s application_name=standby'\n",
			port, p.password),
	} {
		if err := os.WriteFile(filepath.Join(p.standby.dir, name), []byte(text), 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
	p.start(p.standby)
	p.exec(p.primary, `ALTER SYSTEM SET synchronous_standby_names = 'standby'`, `SELECT pg_reload_conf()`)
	p.together()
}

// together waits until the standby follows and the primary waits for it.
func (p *pair) together() {
	p.t.Helper()
	eventually(p.t, "the standby is synchronous", 30*time.Second, func() bool {
		return p.number(p.primary, `SELECT COUNT(*) FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming'`) == 1
	})
}

// fail ends the primary as a power cut does, and makes the standby the primary, alone.
func (p *pair) fail() {
	p.t.Helper()
	p.run("pg_ctl", "stop", "-D", p.primary.dir, "-m", "immediate", "-s")
	p.run("pg_ctl", "promote", "-D", p.standby.dir, "-s", "-w", "-t", "60")
	p.primary, p.standby = p.standby, p.primary
}

// restart ends the primary as a power cut does, and starts it again with what it has. What it had not yet told the
// standby is there, too: PostgreSQL shows it from then on, so the primary must not be lost again before the standby
// is back (docs/operations.md).
func (p *pair) restart() {
	p.t.Helper()
	p.run("pg_ctl", "stop", "-D", p.primary.dir, "-m", "immediate", "-s")
	p.start(p.primary)
	p.together()
}

// renew makes the one that was lost the standby of the one that was promoted.
func (p *pair) renew() {
	p.t.Helper()
	p.replication.to(p.primary.address())
	p.follow()
}

// server is the URL of one of the two, for a superuser.
func (p *pair) server(s *server, database string) string { return p.url(s.address(), database) }

// url is the URL of a database behind an address, or several of which one is the primary.
func (p *pair) url(addresses, database string) string {
	return fmt.Sprintf("postgres://reprise:%s@%s/%s?sslmode=disable", p.password, addresses, database)
}

// open opens a database of the primary, straight.
func (p *pair) open(database string) *sql.DB {
	p.t.Helper()
	db, err := sql.Open("pgx", p.server(p.primary, database))
	if err != nil {
		p.t.Fatal(err)
	}
	return db
}

func (p *pair) exec(s *server, statements ...string) {
	p.t.Helper()
	db, err := sql.Open("pgx", p.server(s, "postgres"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			p.t.Fatalf("%s: %v", statement, err)
		}
	}
}

func (p *pair) number(s *server, query string) (n int) {
	p.t.Helper()
	db, err := sql.Open("pgx", p.server(s, "postgres"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := db.QueryRowContext(ctx, query).Scan(&n); err != nil {
		p.t.Fatalf("%s: %v", query, err)
	}
	return n
}
