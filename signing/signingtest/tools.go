package signingtest

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Tool runs a program an office may check our files with. A missing one is a failure when SPOLUPIS_REQUIRE_SERVERS=1, a skip that
// says so otherwise.
func Tool(t testing.TB, name string, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("SPOLUPIS_REQUIRE_SERVERS") == "1" {
			t.Fatalf("needs %s, which is not installed", name)
		}
		t.Skipf("SKIPPED: NOT CHECKED, needs %s", name)
	}
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	return string(out), err
}

// File writes b into a fresh folder and returns its path.
func File(t testing.TB, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// PEM writes certificates into a file.
func PEM(t testing.TB, certs ...*x509.Certificate) string {
	t.Helper()
	var b bytes.Buffer
	for _, c := range certs {
		if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}); err != nil {
			t.Fatal(err)
		}
	}
	return File(t, "certificates.pem", b.Bytes())
}

// Part is one signature as it stands in a PDF, taken out without the help of package seal.
type Part struct {
	Content []byte // what ByteRange covers
	CMS     []byte
	Value   []byte // of the signature
	Token   []byte // time stamp over Value
	Certs   []*x509.Certificate
}

var byteRange = regexp.MustCompile(`/ByteRange ?\[0 0*(\d+) 0*(\d+) 0*(\d+)\]`)

// Parts takes the signatures out of a PDF, in the order in which they were added.
func Parts(t testing.TB, pdf []byte) []Part {
	t.Helper()
	var out []Part
	for _, m := range byteRange.FindAllSubmatch(pdf, -1) {
		var n [3]int
		for i := range n {
			n[i], _ = strconv.Atoi(string(m[i+1]))
		}
		p := Part{Content: append(bytes.Clone(pdf[:n[0]]), pdf[n[1]:n[1]+n[2]]...)}
		hole, err := hex.DecodeString(string(pdf[n[0]+1 : n[1]-1]))
		if err != nil {
			t.Fatalf("hole of a signature: %v", err)
		}
		p.open(t, hole)
		out = append(out, p)
	}
	return out
}

func (p *Part) open(t testing.TB, hole []byte) {
	t.Helper()
	var outer struct {
		Type asn1.ObjectIdentifier
		Data struct {
			Version        int
			Digests, Encap asn1.RawValue
			Certs          asn1.RawValue `asn1:"tag:0"`
			Infos          []struct {
				Version    int
				ID, Digest asn1.RawValue
				Attributes asn1.RawValue `asn1:"tag:0"`
				Algorithm  asn1.RawValue
				Value      []byte
				Unsigned   asn1.RawValue `asn1:"tag:1"`
			} `asn1:"set"`
		} `asn1:"explicit,tag:0"`
	}
	rest, err := asn1.Unmarshal(hole, &outer)
	if err != nil || len(outer.Data.Infos) != 1 {
		t.Fatalf("CMS of a signature: %v", err)
	}
	p.CMS, p.Value = hole[:len(hole)-len(rest)], outer.Data.Infos[0].Value
	if p.Certs, err = x509.ParseCertificates(outer.Data.Certs.Bytes); err != nil {
		t.Fatal(err)
	}
	var attribute struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue `asn1:"set"`
	}
	if _, err := asn1.Unmarshal(outer.Data.Infos[0].Unsigned.Bytes, &attribute); err != nil || attribute.Type.String() != "1.2.840.113549.1.9.16.2.14" {
		t.Fatalf("time stamp of a signature: %v", err)
	}
	p.Token = attribute.Value.Bytes
}

// CrossCheck shows a PDF with n signatures to qpdf, pdfsig and openssl (cms and ts), which must all accept it. The certificates below
// root are taken from the signatures.
func CrossCheck(t testing.TB, pdf []byte, n int, root *x509.Certificate) {
	t.Helper()
	name := File(t, "signed.pdf", pdf)
	if out, err := Tool(t, "qpdf", "--check", name); err != nil || strings.Contains(out, "WARNING") {
		t.Errorf("qpdf: %v\n%s", err, out)
	}
	out, _ := Tool(t, "pdfsig", "-nocert", name)
	if got := strings.Count(out, "Signature Validation: Signature is Valid."); got != n || strings.Count(out, "ETSI.CAdES.detached") != n {
		t.Errorf("pdfsig: %d of %d valid\n%s", got, n, out)
	}
	parts := Parts(t, pdf)
	if len(parts) != n {
		t.Errorf("%d signatures in the file, want %d", len(parts), n)
	}
	anchor := PEM(t, root)
	for i, p := range parts {
		if out, err := p.OpenSSL(t, anchor); err != nil {
			t.Errorf("signature %d: openssl cms: %v\n%s", i+1, err, out)
		}
		value := sha256.Sum256(p.Value)
		if out, err := Tool(t, "openssl", "ts", "-verify", "-digest", hex.EncodeToString(value[:]), "-token_in", "-in", File(t, "token.der", p.Token),
			"-CAfile", anchor, "-untrusted", PEM(t, p.Certs...)); err != nil {
			t.Errorf("signature %d: openssl ts: %v\n%s", i+1, err, out)
		}
	}
}

// OpenSSL verifies the CMS over the content.
func (p Part) OpenSSL(t testing.TB, anchor string) (string, error) {
	t.Helper()
	return Tool(t, "openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", File(t, "cms.der", p.CMS),
		"-content", File(t, "content.bin", p.Content), "-CAfile", anchor, "-out", os.DevNull)
}
