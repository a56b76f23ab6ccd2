package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"reprise/examples/shop"
	"reprise/internal/card"
	"reprise/internal/gate"
	"reprise/internal/payment"
	"reprise/internal/simulator"
	"reprise/internal/threeds"
	"reprise/internal/vault"
)

// What everybody may know of the sandbox. It is refused wherever money is real.
const (
	SandboxSecretKey     = "xnd_development_sandbox"
	SandboxPublicKey     = "xnd_public_development_sandbox"
	SandboxCallbackToken = "sandbox_callback_token"

	// Of a second merchant, who may do nothing that takes a permission.
	SandboxRestrictedSecretKey = "xnd_development_restricted"
	SandboxRestrictedPublicKey = "xnd_public_development_restricted"

	sandboxBusiness           = payment.BusinessID("62440e322008e87fb29c1fd0")
	sandboxRestrictedBusiness = payment.BusinessID("62440e322008e87fb29c1fd1")
	sandboxActor              = payment.Actor("sandbox")
	sandboxCustomer           = payment.CustomerID("cust-00000000-0000-4000-8000-000000000001")
)

// sandboxLimits let every test suite through, and end what runs wild.
var sandboxLimits = gate.Limits{PerKey: 60_000, PerTestKey: 60_000, PerSession: 60_000, PerAddress: 600_000}

func sandboxCallbackToken(payment.BusinessID) string { return SandboxCallbackToken }

// StoredCard is a card of the sandbox's customer, under a token that never changes.
type StoredCard struct {
	Token  payment.TokenID
	Number string // a published test number, or one of the simulator's matrix
	Label  string
}

// StoredCards are what the sandbox is seeded with.
func StoredCards() []StoredCard {
	return []StoredCard{
		{"pt-a15a6c28-c65a-4ede-a6cc-10ff3b1d093e", "4000000000001091", "Everyday Visa"},
		{"pt-00000000-0000-4000-8000-000000001000", "4000000000001000", "Travel Visa"},
		{"pt-00000000-0000-4000-8000-000000002151", "5200000000002151", "Family Mastercard"},
		{"pt-00000000-0000-4000-8000-000000001005", "5200000000001005", "Work Mastercard"},
		{"pt-00000000-0000-4000-8000-000000002708", "340000000002708", "Amex Gold"},
		{"pt-00000000-0000-4000-8000-000000002534", "340000000002534", "Amex Green"},
		{"pt-00000000-0000-4000-8000-000000000731", "4000000099000731", "Visa whose result you choose"},
	}
}

// SandboxSettings are what the sandbox command may be told.
type SandboxSettings struct {
	Listen    string // loopback host:port; the sandbox's other doors take the ports after it
	Data      string // directory of everything that is kept
	Database  string // empty: an SQLite file in Data
	Webhooks  []string
	Simulator string // control URL of a simulator in another process; empty: one of our own
	Calm      bool

	Limits    gate.Limits // zero: high ones
	Violation func(error) // see Settings

	// Change edits the settings of the house. Tests set it.
	Change func(*Settings)
}

// check reports everything that is wrong at once.
func (s SandboxSettings) check() error {
	var problems []error
	if err := thisMachine(s.Listen, portControl); err != nil {
		problems = append(problems, fmt.Errorf("--listen %s: %w", s.Listen, err))
	}
	if s.Database != "" && !onServer(s.Database) {
		problems = append(problems, errors.New("--database is no PostgreSQL URL: it begins with postgres://"))
	}
	if u, err := url.Parse(s.Simulator); s.Simulator != "" && (err != nil || u.Scheme != "http" || !loopbackHost(u.Hostname())) {
		problems = append(problems, fmt.Errorf("--simulator %s is no http URL on this machine", s.Simulator))
	}
	if s.Data == "" {
		problems = append(problems, errors.New("--data names no directory"))
	}
	for _, hook := range s.Webhooks {
		if u, err := url.Parse(hook); err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopbackHost(u.Hostname())) {
			problems = append(problems, fmt.Errorf("--webhook %s is neither https nor http on this machine", hook))
		}
	}
	return errors.Join(problems...)
}

// Sandbox is a house with the whole world around it, on one machine.
type Sandbox struct {
	*House
	ShopURL    string
	ControlURL string // of the simulator

	endpoints []payment.Endpoint
	lock      *os.File
	world     *simulator.World
	shop      *http.Server
}

// OpenSandbox starts the world, the house and the shop, and stores the cards.
func OpenSandbox(ctx context.Context, o Outside, s SandboxSettings, log *slog.Logger) (*Sandbox, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.Data, 0o700); err != nil {
		return nil, err
	}
	held, err := lock(s.Data)
	if err != nil {
		return nil, err
	}
	b := &Sandbox{ControlURL: s.Simulator, lock: held}
	if err := b.open(ctx, o, s, log); err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("%w; the sandbox takes seven ports from that of --listen on, choose another", err)
		}
		return nil, errors.Join(err, b.Close(context.WithoutCancel(ctx)))
	}
	return b, nil
}

func (b *Sandbox) open(ctx context.Context, o Outside, s SandboxSettings, log *slog.Logger) error {
	kit, err := b.meetWorld(ctx, o, s, log)
	if err != nil {
		return err
	}
	settings, err := InWorld(o, s, kit, log)
	if err != nil {
		return err
	}
	shopDoor, err := o.Listen("tcp", portAfter(s.Listen, portShop))
	if err != nil {
		return fmt.Errorf("no door for the shop: %w", err)
	}
	_, port, _ := net.SplitHostPort(shopDoor.Addr().String())
	b.ShopURL = "http://localhost:" + port
	settings.Furnished = func(ctx context.Context, h *House) error {
		b.House = h
		if err := h.refuseGateway(ctx, settings.Keys, filepath.Join(s.Data, keyFileName)); err != nil {
			return err
		}
		return b.seed(ctx, o, append([]string{"http://" + shopDoor.Addr().String() + "/webhooks"}, s.Webhooks...))
	}
	if s.Change != nil {
		s.Change(&settings)
	}
	house, err := Open(ctx, o, settings, log)
	if b.House = house; err == nil {
		err = b.openShop(o, shopDoor, log)
	}
	if err != nil {
		return errors.Join(err, shopDoor.Close())
	}
	return b.awaitReady(ctx, o)
}

// InWorld are the settings of a house in a simulated world, with the keys and the database of a sandbox. Tests open
// several such houses in one world.
func InWorld(o Outside, s SandboxSettings, kit simulator.Kit, log *slog.Logger) (Settings, error) {
	keys, err := sandboxKeys(o, s, log)
	if err != nil {
		return Settings{}, err
	}
	block, _ := pem.Decode([]byte(kit.CA))
	if block == nil {
		return Settings{}, errors.New("the simulator's certificate authority is not readable")
	}
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return Settings{}, err
	}
	roots := func() []*x509.Certificate { return []*x509.Certificate{root} }
	client, err := tls.X509KeyPair([]byte(kit.ClientCert), []byte(kit.ClientKey))
	if err != nil {
		return Settings{}, err
	}
	server, err := tls.X509KeyPair([]byte(kit.ServerCert), []byte(kit.ServerKey))
	if err != nil {
		return Settings{}, err
	}
	ours, results := fixedCertificate(client), fixedCertificate(server)
	var line *tls.Config
	if kit.AcquirerTLS {
		pool := x509.NewCertPool()
		pool.AddCert(root)
		line = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, Certificates: []tls.Certificate{client}, Time: o.Now}
	}
	database := s.Database
	if database == "" {
		database = filepath.Join(s.Data, "reprise.db")
	}
	return Settings{
		Sandbox: true, Listen: s.Listen,
		ResultsListen: portAfter(s.Listen, portResults), ResultsCertificate: results,
		Database: database, Keys: keys,
		AcquirerAddress: kit.Acquirer, AcquirerTLS: line, Forwarder: "400000", AnswerTimeout: 8 * time.Second,
		Directories: []threeds.Directory{{
			Name: "simulator", URL: kit.DirectoryURL, Roots: roots, Certificate: ours.Show,
			ResultRoots: roots, ResultNames: []string{kit.DirectoryIdentity},
			ServerRef: "3DS_LOA_SER_REPR_020200_00001", OperatorID: "REPRISE-SANDBOX", RequestorID: "sandbox",
			RequestorName: "Reprise sandbox", Rest: time.Second, // what has changed in the world since is wanted at once
		}},
		Papers:          map[string]Paper{"results": results, "directory simulator": ours},
		CallbackToken:   sandboxCallbackToken,
		WebhookSchedule: []time.Duration{time.Second, 3 * time.Second, 10 * time.Second, 30 * time.Second, 5 * time.Minute, time.Hour},
		FrameSources:    []string{kit.ACSOrigin},
		Limits:          cmp.Or(s.Limits, sandboxLimits),
		Violation:       s.Violation,
	}, nil
}

func sandboxKeys(o Outside, s SandboxSettings, log *slog.Logger) (vault.Keys, error) {
	path := filepath.Join(s.Data, keyFileName)
	keys, err := vault.LoadKeys(path)
	if !errors.Is(err, os.ErrNotExist) {
		return keys, err
	}
	if _, err := os.Stat(filepath.Join(s.Data, "reprise.db")); err == nil {
		log.Warn("the key file is gone and a new one is made: the sandbox's cards are stored anew, webhook secrets change", "file", path)
	}
	return vault.CreateSandboxKeys(path, o.Rand)
}

// seed writes the merchants, their keys, the endpoints, the customer and the stored cards, as often as the
// sandbox starts; the customer only once.
func (b *Sandbox) seed(ctx context.Context, o Outside, webhooks []string) error {
	merchant := payment.Merchant{
		ID: sandboxBusiness, Name: "Kopi Pagi", City: "Jakarta", Country: "ID", MCC: "5815",
		AcquirerBIN: "400551", CardAcceptor: "reprise_sandbox", Terminal: "SANDBOX1", Website: "https://shop.example",
		Accounts:         []payment.Account{{Label: "main", AcquirerBIN: "400551", CardAcceptor: "reprise_main", Terminal: "SANDBOX2"}},
		AllowCardDetails: true, AllowSkipThreeDS: true, ReuseCustomers: true,
		MaxDeclines: 1000, // who tries declines out is not to lose a card for a month
	}
	restricted := payment.Merchant{
		ID: sandboxRestrictedBusiness, Name: "Teh Sore", City: "Bandung", Country: "ID", MCC: "5815",
		AcquirerBIN: "400551", CardAcceptor: "restricted", Terminal: "SANDBOX3", Website: "https://shop.example",
	}
	problems := []error{
		b.store.SaveMerchant(ctx, payment.Merchant{}, merchant, sandboxActor), b.store.SaveMerchant(ctx, payment.Merchant{}, restricted, sandboxActor),
		b.seedEndpoints(ctx, o, webhooks),
	}
	for text, key := range map[string]payment.Key{
		SandboxSecretKey:           {Business: sandboxBusiness, Kind: payment.Secret},
		SandboxPublicKey:           {Business: sandboxBusiness, Kind: payment.Public},
		SandboxRestrictedSecretKey: {Business: sandboxRestrictedBusiness, Kind: payment.Secret},
		SandboxRestrictedPublicKey: {Business: sandboxRestrictedBusiness, Kind: payment.Public},
	} {
		key.Hash, key.Name, key.Created = sha256.Sum256([]byte(text)), "sandbox", o.Now()
		problems = append(problems, b.store.SaveKey(ctx, key, sandboxActor))
	}
	err := b.store.CreateCustomer(ctx, payment.Customer{
		ID: sandboxCustomer, Business: sandboxBusiness, ReferenceID: "sandbox-customer", Type: payment.IndividualCustomer,
		Profile: []byte(`{"individual_detail":{"given_names":"Jaap","surname":"Stam"}}`), Created: o.Now(), Updated: o.Now(),
	}, nil)
	if !errors.Is(err, payment.ErrTaken) { // from an earlier start, and perhaps changed since
		problems = append(problems, err)
	}
	for _, stored := range StoredCards() {
		problems = append(problems, b.StoreCard(ctx, o, stored.Token, stored.Number))
	}
	return errors.Join(problems...)
}

// seedEndpoints writes the endpoints that the sandbox is started with, and forgets those of earlier starts.
// Others, which were added since, stay.
func (b *Sandbox) seedEndpoints(ctx context.Context, o Outside, webhooks []string) error {
	id := func(url string) payment.EndpointID {
		sum := sha256.Sum256([]byte(url))
		return payment.EndpointID(payment.UUID4([16]byte(sum[:16])))
	}
	known, err := b.store.Endpoints(ctx, sandboxBusiness)
	if err != nil {
		return err
	}
	for _, e := range known {
		if e.ID == id(e.URL) && !slices.Contains(webhooks, e.URL) {
			err = errors.Join(err, b.store.RemoveEndpoint(ctx, sandboxBusiness, e.ID, sandboxActor))
		}
	}
	for _, url := range webhooks {
		e := payment.Endpoint{ID: id(url), URL: url, Created: o.Now()}
		b.endpoints = append(b.endpoints, e)
		err = errors.Join(err, b.store.SaveEndpoint(ctx, sandboxBusiness, e, sandboxActor, nil))
	}
	return err
}

// StoreCard stores a test card for the sandbox's customer.
func (b *Sandbox) StoreCard(ctx context.Context, o Outside, id payment.TokenID, number string) error {
	pan, err := card.ParsePAN(number)
	if err != nil {
		return fmt.Errorf("card number %w", err)
	}
	sealed, err := b.vault.SealPAN(pan, sandboxBusiness, id)
	if err != nil {
		return err
	}
	now := o.Now()
	return b.store.SaveToken(ctx, payment.Token{
		ID: id, Business: sandboxBusiness, Customer: sandboxCustomer, Status: payment.TokenActive,
		SealedPAN: sealed, Fingerprint: b.vault.Fingerprint(pan, sandboxBusiness), Masked: pan.Masked(),
		Brand: string(pan.Brand()), CVNDigits: pan.Brand().CVNDigits(),
		ExpiryMonth: 12, ExpiryYear: now.Year() + 3, Cardholder: payment.Cardholder{FirstName: "JAAP", LastName: "STAM"}, Created: now,
		OnFile: payment.CardOnFile{Type: payment.CustomerUnscheduled, Sequence: payment.Initial, NetworkTransactionID: "016153570198200"},
	})
}

// openShop opens the example shop, which reaches the gateway as any merchant's server does.
func (b *Sandbox) openShop(o Outside, l net.Listener, log *slog.Logger) error {
	var cards []shop.SavedCard
	for _, stored := range StoredCards() {
		pan, _ := card.ParsePAN(stored.Number)
		cards = append(cards, shop.SavedCard{
			Label: stored.Label, Brand: string(pan.Brand()), Last4: pan.Last4(), TokenID: string(stored.Token),
			CVNDigits: pan.Brand().CVNDigits(),
		})
	}
	site, err := shop.New(shop.Options{
		APIBase: b.PublicURL, SecretKey: SandboxSecretKey, PublicKey: SandboxPublicKey, CallbackToken: SandboxCallbackToken,
		BaseURL: b.ShopURL, Cards: cards, HTTP: &http.Client{Transport: &http.Transport{DialContext: o.Dial}, Timeout: 15 * time.Second},
		Now: o.Now, NewID: func() string {
			var id [12]byte
			if _, err := o.Rand.Read(id[:]); err != nil {
				panic("sandbox: no randomness: " + err.Error())
			}
			return hex.EncodeToString(id[:])
		}, Log: log,
	})
	if err != nil {
		return err
	}
	b.shop = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: site}
	o.Go(func() {
		if err := b.shop.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("shop closed by itself", "error", err)
		}
	})
	return nil
}

// awaitReady waits until a payment can be made: signed on at the acquirer, card ranges loaded.
func (b *Sandbox) awaitReady(ctx context.Context, o Outside) error {
	for range 200 {
		problems := b.problems(ctx)
		if len(problems) == 0 {
			return nil
		}
		soon, stop := o.Timer(50 * time.Millisecond)
		select {
		case <-soon:
		case <-ctx.Done():
			stop()
			return ctx.Err()
		}
	}
	return fmt.Errorf("not ready after 10 s: %v", b.problems(ctx))
}

// Close stops the house, then the shop, which is told by the house to the last, and the world.
func (b *Sandbox) Close(ctx context.Context) error {
	var problems []error
	if b.House != nil {
		problems = append(problems, b.House.Close(ctx))
	}
	if b.shop != nil {
		problems = append(problems, b.shop.Shutdown(ctx))
	}
	if b.world != nil {
		problems = append(problems, b.world.Close(ctx))
	}
	if b.lock != nil {
		problems = append(problems, b.lock.Close())
		b.lock = nil
	}
	return errors.Join(problems...)
}
