package app

import (
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestSettingsTellAllThatIsWrongAtOnce(t *testing.T) {
	_, err := Open(t.Context(), Real(), Settings{FrameSources: []string{"http://acs.example"}, PublicURL: "http://pay.example"}, slog.New(slog.DiscardHandler))
	if err == nil {
		t.Fatal("a house without settings opened")
	}
	for _, want := range []string{
		"no address to listen on", "results of directory servers", "no database", "no keys", "no acquirer address",
		"no directory server", "time-out", "https URL", "needs TLS", "for the sandbox",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing of %q in:\n%v", want, err)
		}
	}
}

func TestTheSandboxStaysOnThisMachine(t *testing.T) {
	_, err := OpenSandbox(t.Context(), Real(), SandboxSettings{
		Listen: "0.0.0.0:4242", Data: t.TempDir(), Webhooks: []string{"http://example.com/", "ftp://127.0.0.1/", "https://example.com/ok"},
	}, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "0.0.0.0:4242") || strings.Count(err.Error(), "--webhook") != 2 {
		t.Errorf("%v", err)
	}
}

func TestADirectoryIsOneSandboxs(t *testing.T) {
	w := openTown(t)
	_, err := OpenSandbox(t.Context(), Real(), SandboxSettings{Listen: "127.0.0.1:0", Data: w.dir}, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), w.dir) || !strings.Contains(err.Error(), "--data") {
		t.Errorf("%v", err)
	}
}

func TestAPathIsTakenAsItIsWritten(t *testing.T) {
	w := openTown(t)
	for _, path := range []string{"//sessions", "/v3//payment_with_session", "/./sessions"} {
		if status, answer := w.call("POST", path, SandboxSecretKey, "{}"); status != 404 || answer["error_code"] != "NOT_FOUND" {
			t.Errorf("%s: %d %v", path, status, answer)
		}
	}
}

func TestATakenPortIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(freePorts(t, 7))))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, err = OpenSandbox(t.Context(), Real(), SandboxSettings{Listen: taken.Addr().String(), Data: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), taken.Addr().String()) || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("%v", err)
	}
}

func TestASandboxStartsAgainWithWhatItHad(t *testing.T) {
	w := openTown(t)
	session := w.newSession(visaChallenge)
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	again := openTown(t, func(s *SandboxSettings) { s.Data = w.dir })
	t.Logf("ready again after %s", time.Since(start))
	if status, got := again.call("GET", "/sessions/"+session["payment_session_id"].(string), SandboxSecretKey, nil); status != 200 || got["status"] != "ACTIVE" {
		t.Errorf("%d %v", status, got)
	}
}
