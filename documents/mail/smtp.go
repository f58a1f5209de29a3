package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"net/url"
	"time"
)

// Server is an SMTP server. The zero Server takes nothing.
type Server struct {
	Addr     string // host:port
	Host     string
	User     string
	Password string
	TLS      string      // "starttls", "tls" (from the first byte), or "off" on this machine only
	Roots    *tls.Config // nil: the system's; for tests
}

// ParseServer reads "smtp://user@host:587" (STARTTLS is required) or
// "smtps://user@host:465". Only a server on this machine may go without TLS.
func ParseServer(s, password string) (Server, error) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return Server{}, errors.New("want smtp://[user@]host[:port] or smtps://…")
	}
	if _, set := u.User.Password(); set {
		return Server{}, errors.New("keep the password out of the address: set SPOLUPIS_SMTP_PASSWORD")
	}
	out := Server{Host: u.Hostname(), User: u.User.Username(), Password: password, TLS: "starttls"}
	port := u.Port()
	if u.Scheme == "smtps" {
		out.TLS = "tls"
		if port == "" {
			port = "465"
		}
	}
	if port == "" {
		port = "587"
	}
	out.Addr = net.JoinHostPort(out.Host, port)
	if ip := net.ParseIP(out.Host); out.Host == "localhost" || ip != nil && ip.IsLoopback() {
		if out.TLS == "starttls" {
			out.TLS = "off"
		}
	}
	return out, nil
}

// sendTime bounds the delivery of one message.
const sendTime = time.Minute

// Send delivers a message. When it returns nil the server has taken it.
func (s Server) Send(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	cfg := &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12}
	if s.Roots != nil {
		cfg.RootCAs = s.Roots.RootCAs
	}
	if s.TLS == "tls" {
		conn = tls.Client(conn, cfg)
	}
	c, err := smtp.NewClient(conn, s.Host)
	if err != nil {
		return err
	}
	defer c.Close()
	if s.TLS == "starttls" {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return fmt.Errorf("%s offers no STARTTLS", s.Addr)
		}
		if err := c.StartTLS(cfg); err != nil {
			return fmt.Errorf("STARTTLS: %w", err)
		}
	}
	if s.User != "" {
		if err := c.Auth(smtp.PlainAuth("", s.User, s.Password, s.Host)); err != nil {
			return fmt.Errorf("sign in: %w", err)
		}
	}
	if err := c.Mail(m.From); err != nil {
		return err
	}
	if err := c.Rcpt(m.To); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(m.Bytes()); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	c.Quit() // it is taken, whatever comes of this
	return nil
}
