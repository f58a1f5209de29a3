package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"spolupis/documents/mail"
)

// Config is everything that can be set. The zero value of each field but Addr
// and Data is the embedded default.
type Config struct {
	Addr        string // host:port to listen on; port 0 picks a free one
	Data        string // folder for the SQLite file and the keys
	DatabaseURL string // postgres://…; empty: SQLite in Data
	RedisURL    string // redis://…; empty: hints stay in the process
	PublicURL   string // address people open, for links and QR codes; empty: http://Addr
	Frontend    string // read templates and built files from this folder instead of the binary
	AdminAddr   string // profiling and metrics, loopback only; empty: off
	Witnesses   string // "URL KEY" of each witness that cosigns the journal's head, separated by commas
	SMTP        string // smtp://[user@]host[:port] that takes mail; empty: mail stays in the outbox
	SMTPSecret  string // its password, from the environment only
	MailFrom    string // address that mail comes from
	MailDomains string // domains people may have mail sent to, separated by commas; empty: any
	Demo        bool   // pages say that this is a demonstration

	explicitURL bool // PublicURL was given, not derived from Addr
	unpaced     bool // a connection may send as fast as it can, to be measured
}

func parse(name string, args []string, stderr io.Writer) (Config, error) {
	env := func(key, fallback string) string {
		if v := os.Getenv(key); v != "" {
			return v
		}
		return fallback
	}
	var c Config
	f := flag.NewFlagSet("spolupis "+name, flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&c.Addr, "addr", env("SPOLUPIS_ADDR", "127.0.0.1:8080"), "address to listen on")
	f.StringVar(&c.Data, "data", env("SPOLUPIS_DATA", "data"), "folder for the embedded database and keys")
	f.StringVar(&c.DatabaseURL, "database", env("SPOLUPIS_DATABASE_URL", ""), "PostgreSQL URL; empty: SQLite in the data folder")
	f.StringVar(&c.RedisURL, "redis", env("SPOLUPIS_REDIS_URL", ""), "Redis URL for hints between nodes; empty: one node")
	f.StringVar(&c.PublicURL, "public", env("SPOLUPIS_PUBLIC_URL", ""), "address that people open")
	f.StringVar(&c.Frontend, "frontend", env("SPOLUPIS_FRONTEND", ""), "folder to read templates and built files from, for work on them")
	f.StringVar(&c.AdminAddr, "admin", env("SPOLUPIS_ADMIN_ADDR", ""), "loopback address for profiling; empty: off")
	f.StringVar(&c.Witnesses, "witness", env("SPOLUPIS_WITNESSES", ""), `"URL KEY" of each witness of the journal, separated by commas`)
	f.StringVar(&c.SMTP, "smtp", env("SPOLUPIS_SMTP", ""), "server that takes mail, smtp://[user@]host[:port] or smtps://…; its password is SPOLUPIS_SMTP_PASSWORD; empty: mail stays in the outbox")
	f.StringVar(&c.MailFrom, "mail-from", env("SPOLUPIS_MAIL_FROM", ""), "address that mail comes from")
	f.StringVar(&c.MailDomains, "mail-domains", env("SPOLUPIS_MAIL_DOMAINS", ""), "domains that people may have mail sent to, separated by commas; empty: any")
	c.SMTPSecret = os.Getenv("SPOLUPIS_SMTP_PASSWORD")
	if err := f.Parse(args); err != nil {
		return Config{}, err
	}
	if f.NArg() > 0 {
		return Config{}, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	c.explicitURL = c.PublicURL != ""
	return c, c.validate()
}

func (c Config) validate() error {
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		return fmt.Errorf("-addr %q: %w", c.Addr, err)
	}
	if c.Data == "" {
		return fmt.Errorf("-data is empty")
	}
	if c.DatabaseURL != "" && !strings.HasPrefix(c.DatabaseURL, "postgres://") && !strings.HasPrefix(c.DatabaseURL, "postgresql://") {
		return fmt.Errorf("-database must start with postgres://")
	}
	if c.RedisURL != "" && c.DatabaseURL == "" {
		return fmt.Errorf("-redis needs -database: several nodes cannot share an SQLite file")
	}
	if c.PublicURL != "" {
		if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("-public %q: want http:// or https:// and a host", c.PublicURL)
		}
	}
	if c.SMTP != "" {
		if _, err := mail.ParseServer(c.SMTP, c.SMTPSecret); err != nil {
			return fmt.Errorf("-smtp: %w", err)
		}
		if _, ok := mail.Address(c.MailFrom); !ok {
			return fmt.Errorf("-smtp needs -mail-from, an address")
		}
	}
	if c.AdminAddr != "" {
		host, _, err := net.SplitHostPort(c.AdminAddr)
		if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return fmt.Errorf("-admin %q: want a loopback address", c.AdminAddr)
		}
	}
	return nil
}

// database returns the URL of the database: PostgreSQL, or the file in Data.
func (c Config) database() string {
	if c.DatabaseURL != "" {
		return c.DatabaseURL
	}
	return filepath.Join(c.Data, "spolupis.db")
}

// tls reports whether people reach the service over HTTPS.
func (c Config) tls() bool { return strings.HasPrefix(c.PublicURL, "https://") }

// origins are the pages that may open a WebSocket with the user's cookie. With
// no public address the origin must be the host that was asked.
func (c Config) origins() []string {
	if !c.explicitURL {
		return nil
	}
	return []string{strings.TrimSuffix(c.PublicURL, "/")}
}

// witnesses are the single entries of Witnesses.
func (c Config) witnesses() []string { return list(c.Witnesses) }

// list divides what commas separate.
func list(s string) []string {
	var out []string
	for w := range strings.SplitSeq(s, ",") {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}
