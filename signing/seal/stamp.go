package seal

import (
	"bytes"
	"crypto"
	"crypto/sha1" // the first version of the ESS attribute names its certificate by SHA-1; the token's own signature does not rest on it
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	oidTSTInfo = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	// oidTestPolicy is the policy of the test authority, from the arc kept for examples.
	oidTestPolicy = asn1.ObjectIdentifier{2, 999, 3161, 1}
)

// ErrStamp is returned when a time-stamp authority refuses, or answers something else than it was asked.
var ErrStamp = errors.New("time stamp refused")

// StampQuery is the body of an RFC 3161 request for a SHA-256 digest. The nonce, at least 64 random bits, ties the answer to it.
func StampQuery(digest []byte, nonce *big.Int) []byte {
	imprint := tlv(seq, tlv(seq, der(oidSHA256), derNull), der(digest))
	return tlv(seq, der(1), imprint, der(nonce), der(true))
}

// StampToken takes the token out of a response and checks that it answers this query. It does not say that the token can be
// trusted; Validate does.
func StampToken(response, digest []byte, nonce *big.Int) ([]byte, error) {
	in := cryptobyte.String(response)
	var body, status, token cryptobyte.String
	var code int64
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1(&status, cbasn1.SEQUENCE) || !status.ReadASN1Integer(&code) {
		return nil, fmt.Errorf("time-stamp response: %w", ErrFormat)
	}
	if code > 1 {
		return nil, fmt.Errorf("status %d: %w", code, ErrStamp)
	}
	if !body.ReadASN1Element(&token, cbasn1.SEQUENCE) {
		return nil, fmt.Errorf("time-stamp response without a token: %w", ErrFormat)
	}
	t, err := parseToken(token)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(t.imprint, digest) || t.nonce == nil || t.nonce.Cmp(nonce) != 0 {
		return nil, fmt.Errorf("the token answers another query: %w", ErrStamp)
	}
	return token, nil
}

// token is a parsed and internally verified RFC 3161 token.
type token struct {
	imprint []byte // SHA-256
	at      time.Time
	serial  *big.Int
	nonce   *big.Int
	cert    *x509.Certificate
	chain   []*x509.Certificate // the other certificates enclosed
}

// parseToken reads a token and verifies its signature, digest and ESS attribute. Trust in the certificate is a separate question.
func parseToken(b []byte) (token, error) {
	var t token
	bad := func(what string) (token, error) { return t, fmt.Errorf("time-stamp token: %s: %w", what, ErrFormat) }
	s, err := parseSigned(b)
	if err != nil {
		return t, err
	}
	// RFC 5652: version 3 because the content is not plain data. Nothing unsigned may hang on a fresh token.
	if s.version != 3 || s.info != 1 || !s.content.Equal(oidTSTInfo) || s.octets == nil || s.unsigned != nil || !bytes.Equal(s.digests, s.digest) {
		return bad("head")
	}
	if t.cert, err = s.signer(); err != nil {
		return t, err
	}
	for _, c := range s.certs {
		if c != t.cert {
			t.chain = append(t.chain, c)
		}
	}
	h, err := s.hash()
	if err != nil {
		return t, err
	}
	vals, err := values(s.attrs)
	if err != nil {
		return t, err
	}
	w := h.New()
	w.Write(s.octets)
	if !bytes.Equal(vals[oidContentType.String()], der(oidTSTInfo)) || !bytes.Equal(vals[oidDigest.String()], der(w.Sum(nil))) {
		return bad("attributes")
	}
	if !essNames(vals, t.cert) {
		return bad("signing certificate attribute")
	}
	if err := verify(t.cert.PublicKey, s.algorithm, h, s.attrs, s.signature); err != nil {
		return t, fmt.Errorf("time-stamp token: %w", err)
	}
	if err := t.info(s.octets); err != nil {
		return t, err
	}
	return t, nil
}

// essNames tells whether the ESS attribute, of either version, names the certificate first.
func essNames(vals map[string][]byte, cert *x509.Certificate) bool {
	v2, v1 := vals[oidESSv2.String()], vals[oidESSv1.String()]
	in := cryptobyte.String(v2)
	if v2 == nil {
		in = cryptobyte.String(v1)
	}
	var list, ids, id, hash cryptobyte.String
	if !in.ReadASN1(&list, cbasn1.SEQUENCE) || !list.ReadASN1(&ids, cbasn1.SEQUENCE) || !ids.ReadASN1(&id, cbasn1.SEQUENCE) {
		return false
	}
	if v2 == nil {
		sum := sha1.Sum(cert.Raw)
		return id.ReadASN1(&hash, cbasn1.OCTET_STRING) && bytes.Equal(hash, sum[:])
	}
	h := crypto.SHA256
	if id.PeekASN1Tag(cbasn1.SEQUENCE) {
		var alg cryptobyte.String
		if !id.ReadASN1Element(&alg, cbasn1.SEQUENCE) {
			return false
		}
		var err error
		if h, err = (signed{digest: alg}).hash(); err != nil {
			return false
		}
	}
	w := h.New()
	w.Write(cert.Raw)
	return id.ReadASN1(&hash, cbasn1.OCTET_STRING) && bytes.Equal(hash, w.Sum(nil))
}

// info reads TSTInfo.
func (t *token) info(b []byte) error {
	in := cryptobyte.String(b)
	var body, imprint, alg, hash cryptobyte.String
	var version int64
	var policy asn1.ObjectIdentifier
	t.serial = new(big.Int)
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() || !body.ReadASN1Integer(&version) || version != 1 ||
		!body.ReadASN1ObjectIdentifier(&policy) || !body.ReadASN1(&imprint, cbasn1.SEQUENCE) ||
		!imprint.ReadASN1Element(&alg, cbasn1.SEQUENCE) || !imprint.ReadASN1(&hash, cbasn1.OCTET_STRING) || !imprint.Empty() ||
		!body.ReadASN1Integer(t.serial) {
		return fmt.Errorf("time-stamp info: %w", ErrFormat)
	}
	if h, err := (signed{digest: alg}).hash(); err != nil || h != crypto.SHA256 {
		return fmt.Errorf("time-stamp imprint is not SHA-256: %w", ErrFormat)
	}
	t.imprint = hash
	var at cryptobyte.String
	if !body.ReadASN1(&at, cbasn1.GeneralizedTime) {
		return fmt.Errorf("time of the stamp: %w", ErrFormat)
	}
	var err error
	if t.at, err = time.Parse("20060102150405.999999999Z", string(at)); err != nil {
		return fmt.Errorf("time of the stamp: %w", ErrFormat)
	}
	var accuracy cryptobyte.String
	var has bool
	if !body.ReadOptionalASN1(&accuracy, &has, cbasn1.SEQUENCE) {
		return fmt.Errorf("accuracy of the stamp: %w", ErrFormat)
	}
	if body.PeekASN1Tag(cbasn1.BOOLEAN) {
		var ordering bool
		if !body.ReadASN1Boolean(&ordering) {
			return fmt.Errorf("ordering of the stamp: %w", ErrFormat)
		}
	}
	if body.PeekASN1Tag(cbasn1.INTEGER) {
		t.nonce = new(big.Int)
		if !body.ReadASN1Integer(t.nonce) {
			return fmt.Errorf("nonce of the stamp: %w", ErrFormat)
		}
	}
	return nil
}

// Authority is a time-stamp authority in bytes: it answers RFC 3161 queries. The embedded default office and the tests use it; it
// is a test authority and its certificate must say so.
type Authority struct {
	Cert   *x509.Certificate   // extended key usage timeStamping, critical
	Chain  []*x509.Certificate // without the root
	Key    crypto.Signer
	Now    func() time.Time
	Random io.Reader
}

// Answer returns the response to a query, always a well-formed one: a query it cannot read is refused inside the response.
func (a *Authority) Answer(query []byte) ([]byte, error) {
	in := cryptobyte.String(query)
	var body, imprint, alg, hash cryptobyte.String
	var version int64
	nonce := new(big.Int)
	refused := tlv(seq, tlv(seq, der(2)))
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1Integer(&version) || !body.ReadASN1(&imprint, cbasn1.SEQUENCE) ||
		!imprint.ReadASN1Element(&alg, cbasn1.SEQUENCE) || !imprint.ReadASN1(&hash, cbasn1.OCTET_STRING) {
		return refused, nil
	}
	if h, err := (signed{digest: alg}).hash(); err != nil || h != crypto.SHA256 || len(hash) != h.Size() || !body.ReadASN1Integer(nonce) {
		return refused, nil
	}
	token, err := a.token(hash, nonce)
	if err != nil {
		return nil, err
	}
	return tlv(seq, tlv(seq, der(0)), token), nil
}

func (a *Authority) token(digest []byte, nonce *big.Int) ([]byte, error) {
	serial := make([]byte, 12)
	if _, err := io.ReadFull(a.Random, serial); err != nil {
		return nil, fmt.Errorf("serial number of a time stamp: %w", err)
	}
	at := tlv(0x18, []byte(a.Now().UTC().Format("20060102150405Z")))
	info := tlv(seq, der(1), der(oidTestPolicy), tlv(seq, tlv(seq, der(oidSHA256), derNull), der(digest)),
		der(new(big.Int).SetBytes(serial)), at, der(nonce))
	alg, err := AlgorithmFor(a.Key.Public())
	if err != nil {
		return nil, err
	}
	h := alg.Hash().New()
	h.Write(info)
	attrs := setOf(set, attribute(oidContentType, der(oidTSTInfo)), attribute(oidDigest, der(h.Sum(nil))), attribute(oidESSv2, essCertID(a.Cert)))
	signature, err := a.Key.Sign(a.Random, alg.Digest(attrs), alg.Options())
	if err != nil {
		return nil, fmt.Errorf("sign a time stamp: %w", err)
	}
	id := digestID(alg.Hash())
	implicit := bytes.Clone(attrs)
	implicit[0] = ctx0
	certs := [][]byte{a.Cert.Raw}
	for _, c := range a.Chain {
		certs = append(certs, c.Raw)
	}
	signer := tlv(seq, der(1), tlv(seq, a.Cert.RawIssuer, der(a.Cert.SerialNumber)), id, implicit, alg.signatureID(), der(signature))
	data := tlv(seq, der(3), tlv(set, id), tlv(seq, der(oidTSTInfo), tlv(ctx0, der(info))), setOf(ctx0, certs...), tlv(set, signer))
	return tlv(seq, der(oidSignedData), tlv(ctx0, data)), nil
}
