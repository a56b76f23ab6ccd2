package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"reprise/internal/app"
)

type serveCmd struct {
	Config string `help:"YAML file of settings. Its keys are the names of the flags below, without the dashes, and directories. A flag goes before a variable of the environment, and that before the file." type:"path" placeholder:"FILE" env:"REPRISE_CONFIG"`
	Check  bool   `help:"Say whether the settings are good, and end. The files that they name are read; nobody is connected to."`

	serveFlags

	problems []error // what is wrong with the file
}

// serveFlags are app.ServeSettings, field by field.
type serveFlags struct {
	Listen         string   `help:"host:port of the API and of the payers' pages." group:"Door of merchants and payers" placeholder:"HOST:PORT" env:"REPRISE_LISTEN"`
	PublicURL      string   `help:"The https URL by which merchants and browsers reach it. The Host of a request is never believed." name:"public-url" group:"Door of merchants and payers" placeholder:"URL" env:"REPRISE_PUBLIC_URL"`
	Certificate    string   `help:"Certificate of the public URL, with its chain, PEM. It is read anew when the file changes, and at SIGHUP." group:"Door of merchants and payers" type:"path" placeholder:"FILE" env:"REPRISE_CERTIFICATE"`
	CertificateKey string   `help:"Its key, PEM." group:"Door of merchants and payers" type:"path" placeholder:"FILE" env:"REPRISE_CERTIFICATE_KEY"`
	TrustedProxy   []string `help:"Network of proxies whose X-Forwarded-For is believed; may be repeated. Without a certificate, plain HTTP is taken from them and from nobody else." group:"Door of merchants and payers" placeholder:"CIDR" env:"REPRISE_TRUSTED_PROXY"`
	DrainDelay     string   `help:"How long a stop goes on taking requests after /readyz has said no: what your load balancer needs to notice." default:"0s" group:"Door of merchants and payers" placeholder:"DURATION" env:"REPRISE_DRAIN_DELAY"`

	MetricsListen string `help:"host:port of GET /metrics, for who watches the gateway and nobody else: no key is asked for. Without this flag there is none." group:"Door of who watches" placeholder:"HOST:PORT" env:"REPRISE_METRICS_LISTEN"`

	ResultsListen         string `help:"host:port at which directory servers bring the results of challenges, with mutual TLS." group:"Door of directory servers" placeholder:"HOST:PORT" env:"REPRISE_RESULTS_LISTEN"`
	ResultsURL            string `help:"The https URL by which they reach it." name:"results-url" group:"Door of directory servers" placeholder:"URL" env:"REPRISE_RESULTS_URL"`
	ResultsCertificate    string `help:"Certificate of that URL, with its chain, PEM." group:"Door of directory servers" type:"path" placeholder:"FILE" env:"REPRISE_RESULTS_CERTIFICATE"`
	ResultsCertificateKey string `help:"Its key, PEM." group:"Door of directory servers" type:"path" placeholder:"FILE" env:"REPRISE_RESULTS_CERTIFICATE_KEY"`

	Database     string `help:"PostgreSQL URL without a password, or for one small node the path of an SQLite file. A URL with a password is taken from the variable of the environment alone." group:"Memory" placeholder:"URL" env:"REPRISE_DATABASE"`
	DatabaseFile string `help:"File that holds the URL, with a password or without, on one line." group:"Memory" type:"path" placeholder:"FILE" env:"REPRISE_DATABASE_FILE"`
	Keys         string `help:"Key file, the same on every node. 'reprise vault create' makes one." group:"Memory" type:"path" placeholder:"FILE" env:"REPRISE_KEYS"`
	Migrate      bool   `help:"Bring the database up to date before anything else. Without it a database that lacks a migration is refused; see 'reprise migrate'." group:"Memory" env:"REPRISE_MIGRATE"`

	AcquirerAddress        string `help:"host:port of the acquirer's host. The line is always TLS." group:"Line to the acquirer" placeholder:"HOST:PORT" env:"REPRISE_ACQUIRER_ADDRESS"`
	AcquirerName           string `help:"Name in its certificate, where that is not the host of the address." group:"Line to the acquirer" placeholder:"HOST" env:"REPRISE_ACQUIRER_NAME"`
	AcquirerRoots          string `help:"Who may have issued its certificate, PEM; without this flag, whom the machine trusts." group:"Line to the acquirer" type:"path" placeholder:"FILE" env:"REPRISE_ACQUIRER_ROOTS"`
	AcquirerCertificate    string `help:"Certificate that we show, PEM, where the acquirer asks for one." group:"Line to the acquirer" type:"path" placeholder:"FILE" env:"REPRISE_ACQUIRER_CERTIFICATE"`
	AcquirerCertificateKey string `help:"Its key, PEM." group:"Line to the acquirer" type:"path" placeholder:"FILE" env:"REPRISE_ACQUIRER_CERTIFICATE_KEY"`
	AcquirerForwarder      string `help:"How the acquirer knows this gateway, 1 to 11 digits (DE33)." group:"Line to the acquirer" placeholder:"DIGITS" env:"REPRISE_ACQUIRER_FORWARDER"`
	AcquirerAnswerTimeout  string `help:"How long an answer to an authorisation is waited for, at most 8s; what is not answered is reversed." default:"8s" group:"Line to the acquirer" placeholder:"DURATION" env:"REPRISE_ACQUIRER_ANSWER_TIMEOUT"`
	AcquirerTimeZone       string `help:"Where the merchants' clocks are (DE12, DE13)." default:"UTC" group:"Line to the acquirer" placeholder:"ZONE" env:"REPRISE_ACQUIRER_TIME_ZONE"`

	WebhookNetwork []string `help:"Network beside the public internet in which merchants' endpoints may be; may be repeated." group:"Webhooks" placeholder:"CIDR" env:"REPRISE_WEBHOOK_NETWORK"`
	WebhookRoots   string   `help:"Who may have issued their certificates, PEM; without this flag, whom the machine trusts." group:"Webhooks" type:"path" placeholder:"FILE" env:"REPRISE_WEBHOOK_ROOTS"`

	LimitKey     string `help:"Of a live secret key, at each operation; none is no limit. Default: 600." group:"Requests taken within a minute, by each node" placeholder:"N" env:"REPRISE_LIMIT_KEY"`
	LimitTestKey string `help:"Of any other secret key. Default: 60." group:"Requests taken within a minute, by each node" placeholder:"N" env:"REPRISE_LIMIT_TEST_KEY"`
	LimitSession string `help:"About one session or attempt, at each operation. Default: 120." group:"Requests taken within a minute, by each node" placeholder:"N" env:"REPRISE_LIMIT_SESSION"`
	LimitAddress string `help:"From one address, at all doors together. Default: 18000." group:"Requests taken within a minute, by each node" placeholder:"N" env:"REPRISE_LIMIT_ADDRESS"`

	BoundRequests string `help:"Requests that are answered at once; what comes on top is told to come again. Default: 256." group:"How much is taken at once, by each node" placeholder:"N" env:"REPRISE_BOUND_REQUESTS"`
	BoundBegins   string `help:"Of these, those that may begin a payment. Default: 192." group:"How much is taken at once, by each node" placeholder:"N" env:"REPRISE_BOUND_BEGINS"`
	BoundReserve  string `help:"Beyond these, what finishes a payment that has begun. Default: 128." group:"How much is taken at once, by each node" placeholder:"N" env:"REPRISE_BOUND_RESERVE"`
	Connections   string `help:"Connections of merchants and payers. Default: 1024." group:"How much is taken at once, by each node" placeholder:"N" env:"REPRISE_CONNECTIONS"`

	Directories []app.DirectorySettings `kong:"-"` // of the file alone
}

// BeforeResolve reads the file before flags and environment go over it. What is wrong with it is told with what
// is wrong with the rest.
func (c *serveCmd) BeforeResolve(ctx *kong.Context) error {
	for _, flag := range ctx.Flags() {
		if path, _ := ctx.FlagValue(flag).(string); flag.Name == "config" && path != "" {
			file, problems := readConfig(path, ctx.Selected())
			c.Directories, c.problems = file.Directories, problems
			ctx.AddResolver(file)
		}
	}
	return nil
}

// roomToAllocate is how much garbage a gateway may make before it is collected, beside as much as it keeps. What it keeps is
// some 4 MB: under load that little is made twenty times a second, and to collect it took a tenth of the processor time. So
// the collector is shown these bytes as kept. Nobody touches them, so the machine gives no memory for them. Where much
// is kept it changes little, as a larger share (GOGC) would not, and GOMEMLIMIT goes before it.
const roomToAllocate = 16 << 20

func (c *serveCmd) Run(ctx *kong.Context, log *slog.Logger) error {
	problems := c.problems
	for _, path := range ctx.Path {
		if path.Flag != nil && path.Flag.Name == "database" && hasPassword(c.Database) {
			problems = append(problems, errors.New("database: it holds a password, which others could read here. "+
				"Put it into the variable REPRISE_DATABASE, or into a file and name that with --database-file"))
		}
	}
	settings := app.ServeSettings(c.serveFlags)
	if c.Check || len(problems) > 0 {
		_, err := settings.Read(app.Real(), log)
		if problems = append(problems, err); errors.Join(problems...) != nil {
			return notGood(errors.Join(problems...))
		}
		fmt.Println("the settings are good")
		return nil
	}
	return untilInterrupted(func(r run) error {
		room := make([]byte, roomToAllocate)
		defer runtime.KeepAlive(room)
		gateway, err := app.Serve(r.ctx, app.Real(), settings, version(), log)
		if wrong := (app.SettingsError{}); errors.As(err, &wrong) {
			return notGood(wrong)
		} else if err != nil {
			return err
		}
		renewed := make(chan os.Signal, 1)
		signal.Notify(renewed, syscall.SIGHUP)
		defer signal.Stop(renewed)
		for {
			select {
			case <-renewed:
				gateway.Reload()
			case <-r.ctx.Done():
				gateway.Drain(context.WithoutCancel(r.ctx))
				return r.close(gateway.Close)
			}
		}
	})
}

// notGood lists what is wrong with settings, one a line.
func notGood(err error) error {
	return errors.New("the settings are not good:\n  " + strings.ReplaceAll(err.Error(), "\n", "\n  "))
}

func hasPassword(database string) bool {
	u, err := url.Parse(database)
	if err != nil || u.Scheme == "" {
		return strings.Contains(database, "password") || err != nil && strings.Contains(database, "@")
	}
	_, there := u.User.Password()
	return there || u.Query().Has("password")
}
