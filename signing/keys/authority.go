package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"math/big"
	"time"
)

// NotQualified stands in the subject of every certificate made here.
const NotQualified = "NEKVALIFIKOVANÝ – zkušební klíč"

// Pair is a certificate with its private key and the authorities above it, without the root.
type Pair struct {
	Cert  *x509.Certificate
	Key   crypto.Signer
	Chain []*x509.Certificate
}

// Maker makes test certificates.
type Maker struct {
	Now    func() time.Time
	Random io.Reader
}

// Root makes a self-signed test root, P-256.
func (m Maker) Root(name string) (Pair, error) {
	t := m.authority(name, 20)
	t.MaxPathLen = 1
	return m.make(t, Pair{}, nil)
}

// Issuing makes an authority below parent, P-256.
func (m Maker) Issuing(parent Pair, name string) (Pair, error) {
	t := m.authority(name, 15)
	t.MaxPathLenZero = true
	return m.make(t, parent, nil)
}

// Signer makes a certificate for a person. key may be nil: a P-256 key is made then.
func (m Maker) Signer(issuer Pair, name, id string, key crypto.Signer) (Pair, error) {
	t := m.template(name, 2)
	t.Subject.SerialNumber = id
	t.KeyUsage = x509.KeyUsageContentCommitment | x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}
	return m.make(t, issuer, key)
}

// Stamps makes a certificate for a time-stamp authority. key may be nil.
func (m Maker) Stamps(issuer Pair, name string, key crypto.Signer) (Pair, error) {
	t := m.template(name, 10)
	t.KeyUsage = x509.KeyUsageDigitalSignature
	// RFC 3161 2.3 wants this usage alone and critical, which the standard library would not mark.
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		return Pair{}, fmt.Errorf("usage of a time-stamp certificate: %w", err)
	}
	t.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}}
	return m.make(t, issuer, key)
}

func (m Maker) template(name string, years int) *x509.Certificate {
	now := m.Now()
	return &x509.Certificate{
		Subject: pkix.Name{
			Country: []string{"CZ"}, Organization: []string{"Spolupis"}, OrganizationalUnit: []string{NotQualified}, CommonName: name,
		},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(years, 0, 0),
	}
}

func (m Maker) authority(name string, years int) *x509.Certificate {
	t := m.template(name, years)
	t.IsCA, t.BasicConstraintsValid = true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	return t
}

func (m Maker) make(t *x509.Certificate, parent Pair, key crypto.Signer) (Pair, error) {
	fail := func(err error) (Pair, error) {
		return Pair{}, fmt.Errorf("make certificate of %s: %w", t.Subject.CommonName, err)
	}
	serial := make([]byte, 16)
	if _, err := io.ReadFull(m.Random, serial); err != nil {
		return fail(err)
	}
	serial[0] = serial[0]&0x7f | 0x40 // positive, and always of the same length
	t.SerialNumber = new(big.Int).SetBytes(serial)
	if key == nil {
		made, err := ecdsa.GenerateKey(elliptic.P256(), m.Random)
		if err != nil {
			return fail(err)
		}
		key = made
	}
	above, signer := parent.Cert, parent.Key
	if above == nil {
		above, signer = t, key
	}
	raw, err := x509.CreateCertificate(m.Random, t, above, key.Public(), signer)
	if err != nil {
		return fail(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		return fail(err)
	}
	p := Pair{Cert: cert, Key: key}
	if parent.Cert != nil && len(parent.Cert.AuthorityKeyId) > 0 { // everything above but the root, which has no key above itself
		p.Chain = append([]*x509.Certificate{parent.Cert}, parent.Chain...)
	}
	return p, nil
}
