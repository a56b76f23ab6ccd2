package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // for machines without a table of time zones

	"reprise/internal/threeds"
	"reprise/internal/vault"
)

// settingsReader makes values of texts, and remembers what was wrong with them.
type settingsReader struct {
	outside  Outside
	log      *slog.Logger
	papers   map[string]Paper
	problems []error
}

func (r *settingsReader) wrong(key, problem string) {
	r.problems = append(r.problems, fmt.Errorf("%s: %s", key, problem))
}

func (r *settingsReader) hostPort(key, text string) string {
	if text == "" {
		r.wrong(key, "missing. Give host:port")
	} else if _, port, err := net.SplitHostPort(text); err != nil || port == "" {
		r.wrong(key, "not of the form host:port (an IPv6 address stands in brackets)")
	}
	return text
}

func (r *settingsReader) https(key, text string) string {
	if text == "" {
		r.wrong(key, "missing. Give the https URL by which others reach it")
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		r.wrong(key, "not an https URL that others can reach: https://host, perhaps with a port and a path")
	} else if key == "public-url" && strings.Trim(u.Path, "/") != "" {
		r.wrong(key, "the gateway has a host of its own: no path may follow it")
	}
	return text
}

func (r *settingsReader) duration(key, text string, least, most time.Duration) time.Duration {
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > most {
		r.wrong(key, fmt.Sprintf("not a duration from %s to %s, such as %s", least, most, most))
	}
	return d
}

func (r *settingsReader) networks(key string, texts []string) []netip.Prefix {
	var networks []netip.Prefix
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if address, alone := netip.ParseAddr(text); alone == nil {
			network, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		switch {
		case err != nil:
			r.wrong(key, fmt.Sprintf("%q is no network, such as 10.1.0.0/16 or 2001:db8::/32", text))
		case network.Bits() == 0:
			r.wrong(key, fmt.Sprintf("%s is everybody", text))
		}
		networks = append(networks, network)
	}
	return networks
}

// limit is how many within a minute; zero where nothing is said, -1 where there is none.
func (r *settingsReader) limit(key, text string) int {
	if text == "none" {
		return -1
	}
	return r.number(key, text)
}

// number is above zero, or zero where nothing is said.
func (r *settingsReader) number(key, text string) int {
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		r.wrong(key, "not a number above 0")
	}
	return n
}

func (r *settingsReader) forwarder(key, text string) string {
	if !regexp.MustCompile(`^[0-9]{1,11}$`).MatchString(text) {
		r.wrong(key, "missing, or not 1 to 11 digits (DE33). Ask the acquirer by which id it knows this gateway")
	}
	return text
}

func (r *settingsReader) location(key, text string) *time.Location {
	location, err := time.LoadLocation(text)
	if err != nil || text == "Local" {
		r.wrong(key, "not a time zone, such as Asia/Jakarta")
	}
	return location
}

func (r *settingsReader) database(text, file string) string {
	database, err := NamedDatabase(text, file)
	if err != nil {
		r.wrong("database", err.Error())
	} else if database == "" {
		r.wrong("database", "missing. Give the URL of a PostgreSQL database, one with a password in the variable "+
			"REPRISE_DATABASE or in a file that --database-file names, or for one small node the path of an SQLite file")
	}
	return database
}

// NamedDatabase is the database that is named by itself, or on the one line of a file; empty where none is.
func NamedDatabase(database, file string) (string, error) {
	if file != "" && database != "" {
		return "", errors.New("there is a database besides (--database or REPRISE_DATABASE): name one of the two")
	}
	if file != "" {
		content, err := readSecret(file)
		if err != nil {
			return "", err
		}
		if database = strings.TrimSpace(string(content)); database == "" || strings.ContainsAny(database, "\r\n") {
			return "", fmt.Errorf("%s does not hold a URL on one line", file)
		}
	}
	// What is no URL of ours would be taken for a path, and repeated where there is no such file.
	if !onServer(database) && mistyped(database) {
		return "", errors.New("the database is no path, and its URL does not begin with postgres://. " +
			"A path that looks like a URL is written with ./ before it, and has no @")
	}
	return database, encrypted(database)
}

// encrypted refuses a URL by which the password and all that is kept could go over a network in the clear: where
// nothing is said, PostgreSQL's clients fall back to that, also for whoever stands between. An operator whose network
// is private by other means says so himself, by sslmode=disable.
func encrypted(database string) error {
	if !onServer(database) {
		return nil
	}
	_, rest, _ := strings.Cut(database, "://")
	authority, query, _ := strings.Cut(rest, "?")
	authority, _, _ = strings.Cut(authority, "/")
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		authority = authority[at+1:]
	}
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("the database's URL has parameters that cannot be read")
	}
	hosts := strings.Split(authority, ",")
	if named := parameters.Get("host"); named != "" {
		hosts = strings.Split(named, ",")
	}
	for _, host := range hosts {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if host == "" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "%2F") || loopbackHost(strings.Trim(host, "[]")) {
			continue // this machine
		}
		switch parameters.Get("sslmode") {
		case "verify-full", "verify-ca", "disable":
		default:
			return errors.New("the database is on another machine, and its URL does not say how it is known there: " +
				"sslmode=verify-full, with sslrootcert=FILE; or sslmode=disable, where the network is private by other means")
		}
	}
	return nil
}

// mistyped says whether what should be a path was meant to be a URL, or the words of one, which may hold a password.
func mistyped(database string) bool {
	path, _ := strings.CutPrefix(database, "file://")
	return strings.HasPrefix(strings.ToLower(path), "postgres") || strings.Contains(path, "@") || strings.Contains(path, "://") ||
		strings.Contains(path, "host=") || strings.Contains(path, "password=")
}

func (r *settingsReader) keys(key, path string) vault.Keys {
	if path == "" {
		r.wrong(key, "missing. Name the key file; 'reprise vault create' makes one")
		return vault.Keys{}
	}
	keys, err := vault.LoadKeys(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.wrong(key, fmt.Sprintf("there is no key file %s. Copy that of the other nodes; for the first, 'reprise vault create' makes one", path))
	case err != nil:
		r.wrong(key, err.Error())
	case keys.OfSandbox():
		r.wrong(key, path+" was made for a sandbox. 'reprise vault create' makes another")
	}
	return keys
}

// certificate reads a pair of files, which must both be named. what is what it is for.
func (r *settingsReader) certificate(key, what, certFile, keyFile string) *Certificate {
	if certFile == "" || keyFile == "" {
		missing := key
		if certFile != "" {
			missing += "-key"
		}
		r.wrong(missing, "missing. A certificate and its key are two PEM files")
		return nil
	}
	c, err := loadCertificate(r.outside, certFile, keyFile, r.log)
	if err != nil {
		r.wrong(key, err.Error())
		return nil
	}
	r.papers[what] = c
	return c
}

// named wants a certificate to be of a host, by which others will know it.
func (r *settingsReader) named(key string, c *Certificate, host string) {
	if err := c.pair.Leaf.VerifyHostname(host); err != nil && host != "" {
		r.wrong(key, fmt.Sprintf("%s is not for %s: %v", c.File(), host, err))
	}
}

// authorities reads roots; nil where that goes wrong.
func (r *settingsReader) authorities(key, file string) *Authorities {
	a, err := loadAuthorities(r.outside, file, r.log)
	if err != nil {
		r.wrong(key, err.Error())
		return nil
	}
	return a
}

// pool reads roots that stay what they are.
func (r *settingsReader) pool(key, file string) *x509.CertPool {
	if a := r.authorities(key, file); a != nil {
		return a.pool()
	}
	return nil
}

func (r *settingsReader) acquirerTLS(s ServeSettings) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.AcquirerName, Time: r.outside.Now}
	if s.AcquirerRoots != "" {
		config.RootCAs = r.pool("acquirer-roots", s.AcquirerRoots)
	}
	if s.AcquirerCertificate != "" || s.AcquirerCertificateKey != "" {
		if c := r.certificate("acquirer-certificate", "acquirer", s.AcquirerCertificate, s.AcquirerCertificateKey); c != nil {
			config.GetClientCertificate = c.Show
		}
	}
	return config
}

// directories reads how we are enrolled.
func (r *settingsReader) directories(list []DirectorySettings, resultsURL string) []threeds.Directory {
	if len(list) == 0 {
		r.wrong("directories", "missing. List the directory servers in the file that --config names")
		return nil
	}
	before := len(r.problems)
	var directories []threeds.Directory
	for i, s := range list {
		key := fmt.Sprintf("directories[%d].", i)
		for _, required := range []struct{ name, value string }{
			{"name", s.Name}, {"url", s.URL}, {"roots", s.Roots}, {"server-reference", s.ServerRef},
			{"requestor-id", s.RequestorID}, {"requestor-name", s.RequestorName}, {"result-names", strings.Join(s.ResultNames, "")},
		} {
			if required.value == "" {
				r.wrong(key+required.name, "missing. The scheme gives it")
			}
		}
		if len(list) > 1 && len(s.Brands) == 0 {
			r.wrong(key+"brands", "missing. With more than one directory server each has a list of those whose cards it speaks for: VISA, MASTERCARD, AMEX, JCB")
		}
		d := threeds.Directory{
			Name: s.Name, URL: s.URL, ResultNames: s.ResultNames, ServerRef: s.ServerRef, OperatorID: s.OperatorID,
			RequestorID: s.RequestorID, RequestorName: s.RequestorName, ResultsURL: resultsURL,
			Brands: s.Brands, Versions: s.Versions, Refresh: r.duration(key+"refresh", s.Refresh, time.Hour, 24*time.Hour),
		}
		what := "directory " + s.Name
		if s.Roots != "" {
			if a := r.authorities(key+"roots", s.Roots); a != nil {
				d.Roots, d.ResultRoots, r.papers[what+" roots"] = a.Get, a.Get, a
			}
		}
		if s.ResultRoots != "" {
			if a := r.authorities(key+"result-roots", s.ResultRoots); a != nil {
				d.ResultRoots, r.papers[what+" result roots"] = a.Get, a
			}
		}
		if c := r.certificate(key+"certificate", what, s.Certificate, s.CertificateKey); c != nil {
			d.Certificate = c.Show
		}
		directories = append(directories, d)
	}
	if len(r.problems) == before {
		if _, err := threeds.New(threeds.Options{Directories: directories, Now: r.outside.Now}); err != nil {
			r.wrong("directories", err.Error())
		}
	}
	return directories
}
