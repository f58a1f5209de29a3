package mail

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"io"
	"math/big"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"testing"
	"time"
)

// taker is a small SMTP server on this machine.
type taker struct {
	addr  string
	cert  tls.Certificate
	roots *x509.CertPool
	got   chan string // messages it took
	auth  chan string
}

func take(t *testing.T, startTLS bool) *taker {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s := &taker{cert: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots: x509.NewCertPool(), got: make(chan string, 10), auth: make(chan string, 10)}
	s.roots.AddCert(cert)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s.addr = l.Addr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c, startTLS)
		}
	}()
	return s
}

func (s *taker) serve(c net.Conn, startTLS bool) {
	defer c.Close()
	r := bufio.NewReader(c)
	say := func(line string) { io.WriteString(c, line+"\r\n") }
	say("220 test")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(strings.Fields(line + " x")[0]); verb {
		case "EHLO":
			if startTLS {
				say("250-test\r\n250-STARTTLS\r\n250 AUTH PLAIN")
			} else {
				say("250-test\r\n250 AUTH PLAIN")
			}
		case "STARTTLS":
			say("220 go on")
			secured := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{s.cert}})
			if secured.Handshake() != nil {
				return
			}
			c, r, startTLS = secured, bufio.NewReader(secured), false
		case "AUTH":
			b, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(strings.TrimPrefix(line, "AUTH PLAIN ")))
			s.auth <- string(b)
			say("235 ok")
		case "DATA":
			say("354 go on")
			var body strings.Builder
			for {
				l, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if l == ".\r\n" {
					break
				}
				body.WriteString(strings.TrimPrefix(l, "."))
			}
			s.got <- body.String()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func message() Message {
	return Message{From: "spolupis@kraj.example", To: "eva@kraj.example", ID: "m-1@kraj.example", Subject: "Spolupis: nové oznámení", Lang: "cs",
		Text: "RK 1/2026 Žádost o dotaci: řádek\n.řádek s tečkou na začátku\n" + strings.Repeat("dlouhý ", 40) + "\n", At: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)}
}

func TestAMessageReachesTheServerEncryptedAndWhole(t *testing.T) {
	s := take(t, true)
	_, port, _ := net.SplitHostPort(s.addr)
	server := Server{Addr: s.addr, Host: "localhost", User: "spolupis", Password: "tajné", TLS: "starttls", Roots: &tls.Config{RootCAs: s.roots}}
	if err := server.Send(t.Context(), message()); err != nil {
		t.Fatalf("port %s: %v", port, err)
	}
	if got := <-s.auth; got != "\x00spolupis\x00tajné" {
		t.Errorf("signed in with %q", got)
	}
	raw := <-s.got
	m, err := netmail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != "Spolupis: nové oznámení" || m.Header.Get("Message-Id") != "<m-1@kraj.example>" || m.Header.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("header %v", m.Header)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil || strings.ReplaceAll(string(body), "\r\n", "\n") != message().Text {
		t.Errorf("body %q, %v", body, err)
	}
	for line := range strings.Lines(raw) {
		if len(line) > 998 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}

func TestMailDoesNotLeaveTheMachineUnencrypted(t *testing.T) {
	plain := take(t, false)
	server := Server{Addr: plain.addr, Host: "localhost", TLS: "starttls"}
	if err := server.Send(t.Context(), message()); err == nil || !strings.Contains(err.Error(), "STARTTLS") {
		t.Errorf("a server without STARTTLS: %v", err)
	}
	stranger := take(t, true)
	server = Server{Addr: stranger.addr, Host: "localhost", TLS: "starttls"}
	if err := server.Send(t.Context(), message()); err == nil {
		t.Error("a certificate nobody vouches for was accepted")
	}
	for in, want := range map[string]string{"smtp://mail.kraj.cz": "mail.kraj.cz:587 starttls", "smtps://u@mail.kraj.cz": "mail.kraj.cz:465 tls", "smtp://127.0.0.1:2525": "127.0.0.1:2525 off",
		"smtp://u:p@h": "", "http://h": "", "mail.kraj.cz": ""} {
		got, err := ParseServer(in, "x")
		if s := got.Addr + " " + got.TLS; err == nil && s != want || (err == nil) == (want == "") {
			t.Errorf("%s is %q, %v; want %q", in, s, err, want)
		}
	}
}

func TestAddressesAreCheckedAndHeadersCannotBeForged(t *testing.T) {
	for in, want := range map[string]string{" eva@kraj.cz ": "eva@kraj.cz", "Eva <eva@kraj.cz>": "eva@kraj.cz", "eva": "", "eva@localhost": "", "a@b.cz\r\nBcc: x@y.cz": "", "žofie@kraj.cz": "", "": "", "a@b.cz, c@d.cz": ""} {
		if got, ok := Address(in); got != want || ok != (want != "") {
			t.Errorf("%q is %q, %v; want %q", in, got, ok, want)
		}
	}
	m := message()
	m.Subject = "x\r\nBcc: y@z.cz"
	parsed, err := netmail.ReadMessage(strings.NewReader(string(m.Bytes())))
	if err != nil || parsed.Header.Get("Bcc") != "" {
		t.Errorf("header %v, %v", parsed.Header, err)
	}
}
