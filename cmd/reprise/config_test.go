package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"reprise/internal/app"
)

// typed runs a command in this process and returns what it complains of.
func typed(words ...string) error {
	parser, err := kong.New(&cli{}, kong.Vars{"version": ""})
	if err != nil {
		return err
	}
	command, err := parser.Parse(words)
	if err != nil {
		return err
	}
	return command.Run(slog.New(slog.DiscardHandler))
}

// check types reprise serve --check and returns what it says.
func check(words ...string) (said string, good bool) {
	if err := typed(append([]string{"serve", "--check"}, words...)...); err != nil {
		return err.Error(), false
	}
	return "", true
}

// example is the configuration file of docs/operations.md, with all files that it names in a folder of the test.
func example(t *testing.T) (config, dir string) {
	t.Helper()
	dir = t.TempDir()
	return laid(t, dir, firstYAML(t, "operations.md")), dir
}

// firstYAML is the first example of settings in a document.
func firstYAML(t *testing.T, document string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/" + document)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(page)
	if found == nil {
		t.Fatalf("no example in docs/%s", document)
	}
	return string(found[1])
}

// laid makes the files that a configuration names, in a folder of the test.
func laid(t *testing.T, dir, config string) string {
	t.Helper()
	config = strings.ReplaceAll(config, "/etc/reprise", dir)
	for _, name := range regexp.MustCompile(regexp.QuoteMeta(dir)+`/\S+\.pem`).FindAllString(config, -1) {
		if !strings.HasSuffix(name, "-key.pem") {
			issue(t, name, strings.TrimSuffix(name, ".pem")+"-key.pem", "pay.shop.example", "results.shop.example")
		}
	}
	write(t, filepath.Join(dir, "database"), "postgres://reprise:pass-of-the-test@db.example/reprise?sslmode=verify-full\n")
	if err := typed("vault", "create", filepath.Join(dir, "keys.json")); err != nil {
		t.Fatal(err)
	}
	return config
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// issue makes a certificate that signs itself.
func issue(t *testing.T, certFile, keyFile string, names ...string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	write(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})))
}

func TestTheExampleOfTheDocs(t *testing.T) {
	config, dir := example(t)
	if said, good := check("--config", write(t, filepath.Join(dir, "reprise.yaml"), config)); !good {
		t.Error(said)
	}
}

// TestTheDirectoriesOfTheDocs: what docs/3ds.md shows is good in the file of docs/operations.md, and every key of a
// directory server is in it.
func TestTheDirectoriesOfTheDocs(t *testing.T) {
	dir := t.TempDir()
	gateway, _, _ := strings.Cut(firstYAML(t, "operations.md"), "directories:")
	gateway = regexp.MustCompile(`(?m)^results-.*\n`).ReplaceAllString(gateway, "")
	shown := firstYAML(t, "3ds.md")
	if said, good := check("--config", write(t, filepath.Join(dir, "reprise.yaml"), laid(t, dir, gateway+shown))); !good {
		t.Error(said)
	}
	fields := reflect.TypeFor[app.DirectorySettings]()
	for i := range fields.NumField() {
		if key := fields.Field(i).Tag.Get("yaml"); !regexp.MustCompile(`(?m)^  [ -] ` + key + `: `).MatchString(shown) {
			t.Errorf("%s is not in the example of docs/3ds.md", key)
		}
	}
	wrong := strings.NewReplacer(`versions: ["2.1.0", "2.2.0"]`, `versions: ["2.0.0"]`).Replace(gateway + shown)
	if said, good := check("--config", write(t, filepath.Join(dir, "wrong.yaml"), strings.ReplaceAll(wrong, "/etc/reprise", dir))); good || !strings.Contains(said, `we do not speak version "2.0.0"`) {
		t.Errorf("a version of nobody: %s", said)
	}
	wrong = strings.NewReplacer("refresh: 12h", "refresh: 5m").Replace(gateway + shown)
	if said, good := check("--config", write(t, filepath.Join(dir, "wrong.yaml"), strings.ReplaceAll(wrong, "/etc/reprise", dir))); good || !strings.Contains(said, "directories[0].refresh: not a duration from 1h0m0s to 24h0m0s") {
		t.Errorf("too often: %s", said)
	}
}

// TestSettingsSayAllThatIsWrong: in the file, in the environment and in flags, by the name of each setting, and
// no secret is repeated.
func TestSettingsSayAllThatIsWrong(t *testing.T) {
	config, dir := example(t)
	config = strings.NewReplacer("public-url: https://pay.shop.example", "public-url: http://pay.shop.example",
		"acquirer-forwarder:", "acquirer-forwader:", "drain-delay: 10s", "drain-delay: [10s]",
		"operator-id: \"10061234\"", "operator: \"10061234\"", "requestor-name: Shop\n", "requestor-name:\n",
		"keys: "+dir+"/keys.json", "keys: "+dir+"/none.json").Replace(config)
	if err := os.Chmod(filepath.Join(dir, "results-key.pem"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("REPRISE_LIMIT_KEY", "lots")
	said, good := check("--config", write(t, filepath.Join(dir, "reprise.yaml"), config), "--trusted-proxy", "0.0.0.0/0", "--trusted-proxy", "10.0.0.1",
		"--database", "postgres://reprise:pass-of-the-test@db.example/reprise", "--acquirer-answer-timeout", "20s", "--acquirer-time-zone", "Asia/Atlantis")
	if good {
		t.Fatal("good")
	}
	for _, want := range []string{
		"the settings are not good:", "key acquirer-forwader is not known", "drain-delay is no single value", "key operator is not known",
		"public-url: not an https URL", "acquirer-forwarder: missing", "keys: there is no key file", "results-certificate: ", "mode -rw-r--r--",
		"limit-key: not a number", "trusted-proxy: 0.0.0.0/0 is everybody", "database: it holds a password", "database: there is a database besides",
		"acquirer-answer-timeout: not a duration from 1s to 8s", "acquirer-time-zone: not a time zone", "directories[0].requestor-name: missing",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("nothing of %q in:\n%s", want, said)
		}
	}
	if strings.Contains(said, "pass-of-the-test") {
		t.Errorf("a password is repeated:\n%s", said)
	}
	if n := strings.Count(said, "\n"); n < 15 {
		t.Errorf("%d lines:\n%s", n, said)
	}
}

// TestFlagsGoBeforeTheEnvironmentAndThatBeforeTheFile looks at who is blamed.
func TestFlagsGoBeforeTheEnvironmentAndThatBeforeTheFile(t *testing.T) {
	config, dir := example(t)
	file := write(t, filepath.Join(dir, "reprise.yaml"), config+"trusted-proxy: [from-the-file, 10.0.0.0/8]\nmigrate: true\n")
	t.Setenv("REPRISE_CONFIG", file)
	blamed := func(words ...string) string {
		t.Helper()
		said, _ := check(words...)
		found := regexp.MustCompile(`"from-the-\w+"`).FindAllString(said, -1)
		return strings.Join(found, " ")
	}
	if got := blamed(); got != `"from-the-file"` {
		t.Errorf("file: %s", got)
	}
	t.Setenv("REPRISE_TRUSTED_PROXY", "10.0.0.1,from-the-environment")
	if got := blamed(); got != `"from-the-environment"` {
		t.Errorf("environment: %s", got)
	}
	if got := blamed("--trusted-proxy", "from-the-flag"); got != `"from-the-flag"` {
		t.Errorf("flag: %s", got)
	}
}

// TestAPasswordIsNotInFlagsOrTheConfiguration: the environment and a file of its own may hold one.
func TestAPasswordIsNotInFlagsOrTheConfiguration(t *testing.T) {
	config, dir := example(t)
	config = strings.Replace(config, "database-file: "+dir+"/database\n", "", 1)
	file := write(t, filepath.Join(dir, "reprise.yaml"), config)
	const plain, secret = "postgres://reprise@db.example/reprise?sslmode=verify-full", "postgres://reprise:pass-of-the-test@db.example/reprise?sslmode=verify-full"
	inFile := write(t, filepath.Join(dir, "secret.yaml"), config+"database: "+secret+"\n")
	for name, test := range map[string]struct {
		environment string
		words       []string
		good        bool
	}{
		"no password, by a flag":                {"", []string{"--config", file, "--database", plain}, true},
		"a password, by a flag":                 {"", []string{"--config", file, "--database", secret}, false},
		"a password as a parameter":             {"", []string{"--config", file, "--database", plain + "&password=pass-of-the-test"}, false},
		"a password, in the configuration":      {"", []string{"--config", inFile}, false},
		"a password, in the environment":        {secret, []string{"--config", file}, true},
		"a password, in a file":                 {"", []string{"--config", file, "--database-file", dir + "/database"}, true},
		"a password, in a file and environment": {secret, []string{"--config", file, "--database-file", dir + "/database"}, false},
		"none at all":                           {"", []string{"--config", file}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if test.environment != "" {
				t.Setenv("REPRISE_DATABASE", test.environment)
			}
			said, good := check(test.words...)
			if good != test.good || strings.Contains(said, "pass-of-the-test") {
				t.Error(said)
			}
		})
	}
}

// TestConfigurationThatOthersMayWrite: whoever writes it says where card numbers are sent to.
func TestConfigurationThatOthersMayWrite(t *testing.T) {
	config, dir := example(t)
	file := write(t, filepath.Join(dir, "reprise.yaml"), config)
	for mode, good := range map[os.FileMode]bool{0o644: true, 0o664: false, 0o606: false} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if said, is := check("--config", file); is != good || !good && !strings.Contains(said, "chmod go-w") {
			t.Errorf("%o: %s", mode, said)
		}
	}
}

// TestEverySettingHasAVariable: the three names of a setting are one.
func TestEverySettingHasAVariable(t *testing.T) {
	parser := kong.Must(&cli{}, kong.Vars{"version": ""})
	for _, command := range parser.Model.Children {
		if command.Name != "serve" {
			continue
		}
		for _, flag := range command.Flags {
			want := "REPRISE_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
			if len(flag.Envs) != 1 || flag.Envs[0] != want {
				if flag.Name != "check" && flag.Name != "help" {
					t.Errorf("--%s has %v, want %s", flag.Name, flag.Envs, want)
				}
			}
		}
		return
	}
	t.Error("no serve")
}

func TestAKeyFileIsNeverReplaced(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	for i, want := range []bool{true, false} {
		before, _ := os.ReadFile(file)
		if err := typed("vault", "create", file); (err == nil) != want {
			t.Errorf("%d: %v", i, err)
		}
		if after, _ := os.ReadFile(file); !want && string(after) != string(before) {
			t.Error("another file is there")
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v %v", info, err)
		}
	}
}
