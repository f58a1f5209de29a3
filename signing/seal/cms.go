package seal

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// DER tags as they stand in the bytes.
const (
	seq  = 0x30
	set  = 0x31
	ctx0 = 0xA0
	ctx1 = 0xA1
	ctx2 = 0xA2
	ctx4 = 0xA4
)

var (
	oidData        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidContentType = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidDigest      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidESSv1       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}
	oidESSv2       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	oidToken       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 14}
)

// der marshals a value that cannot fail to marshal.
func der(v any) []byte {
	b, err := asn1.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func tlv(tag byte, parts ...[]byte) []byte {
	return der(asn1.RawValue{Class: int(tag >> 6), IsCompound: tag&0x20 != 0, Tag: int(tag & 0x1f), Bytes: bytes.Join(parts, nil)})
}

// setOf sorts its parts as DER demands.
func setOf(tag byte, parts ...[]byte) []byte {
	parts = slices.Clone(parts)
	slices.SortFunc(parts, bytes.Compare)
	return tlv(tag, parts...)
}

func attribute(oid asn1.ObjectIdentifier, value []byte) []byte {
	return tlv(seq, der(oid), tlv(set, value))
}

// essCertID is the ESS signing-certificate-v2 attribute value: it binds the signature to one certificate.
func essCertID(cert *x509.Certificate) []byte {
	sum := sha256.Sum256(cert.Raw) // SHA-256 is the default and must be left out
	issuer := tlv(seq, tlv(seq, tlv(ctx4, cert.RawIssuer)), der(cert.SerialNumber))
	return tlv(seq, tlv(seq, tlv(seq, der(sum[:]), issuer)))
}

// Attributes returns the DER SET OF signed attributes over the digest of the document. There is no signing-time attribute: PAdES
// baseline keeps the claimed time in the PDF.
func Attributes(digest []byte, cert *x509.Certificate) []byte {
	return setOf(set, attribute(oidContentType, der(oidData)), attribute(oidDigest, der(digest)), attribute(oidESSv2, essCertID(cert)))
}

// Imprint is what a time-stamp authority stamps for a signature: SHA-256 of its value.
func Imprint(signature []byte) []byte {
	sum := sha256.Sum256(signature)
	return sum[:]
}

// Parts is everything a CMS signature is made of.
type Parts struct {
	Algorithm  Algorithm
	Attributes []byte              // from Attributes
	Signature  []byte              // value made by the private key
	Cert       *x509.Certificate   // of the signer
	Chain      []*x509.Certificate // issuing authorities, without the root
	Token      []byte              // RFC 3161 token over Imprint(Signature); nil = level B-B
}

// Assemble writes the detached CMS SignedData. The result is canonical: the same parts give the same bytes.
func Assemble(p Parts) []byte {
	digest := digestID(p.Algorithm.Hash())
	attrs := bytes.Clone(p.Attributes)
	attrs[0] = ctx0
	info := [][]byte{der(1), tlv(seq, p.Cert.RawIssuer, der(p.Cert.SerialNumber)), digest, attrs, p.Algorithm.signatureID(), der(p.Signature)}
	if p.Token != nil {
		info = append(info, tlv(ctx1, attribute(oidToken, p.Token)))
	}
	certs := [][]byte{p.Cert.Raw}
	for _, c := range p.Chain {
		certs = append(certs, c.Raw)
	}
	data := tlv(seq, der(1), tlv(set, digest), tlv(seq, der(oidData)), setOf(ctx0, certs...), tlv(set, tlv(seq, info...)))
	return tlv(seq, der(oidSignedData), tlv(ctx0, data))
}

// signed is a parsed SignedData with one signer, ours or a time-stamp authority's.
type signed struct {
	version   int64
	digests   []byte // contents of the digestAlgorithms SET
	content   asn1.ObjectIdentifier
	octets    []byte // encapsulated content, nil when detached
	certs     []*x509.Certificate
	info      int64
	issuer    []byte // RawIssuer and serial of the signer, DER
	digest    []byte // AlgorithmIdentifier
	attrs     []byte // SET OF, as signed
	signature []byte
	algorithm []byte
	unsigned  []byte // contents of [1], nil when absent
}

// parseSigned reads DER strictly; anything left over, optional or indefinite is an error.
func parseSigned(b []byte) (signed, error) {
	var s signed
	fail := func(what string) (signed, error) { return s, fmt.Errorf("CMS %s: %w", what, ErrFormat) }
	in := cryptobyte.String(b)
	var outer, wrap, data, digests, encap, certs, infos, info, sid cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !in.ReadASN1(&outer, cbasn1.SEQUENCE) || !in.Empty() ||
		!outer.ReadASN1ObjectIdentifier(&oid) || !oid.Equal(oidSignedData) ||
		!outer.ReadASN1(&wrap, ctx0) || !outer.Empty() || !wrap.ReadASN1(&data, cbasn1.SEQUENCE) || !wrap.Empty() {
		return fail("envelope")
	}
	if !data.ReadASN1Integer(&s.version) || !data.ReadASN1(&digests, cbasn1.SET) ||
		!data.ReadASN1(&encap, cbasn1.SEQUENCE) || !encap.ReadASN1ObjectIdentifier(&s.content) {
		return fail("head")
	}
	s.digests = digests
	if !encap.Empty() {
		var explicit, octets cryptobyte.String
		if !encap.ReadASN1(&explicit, ctx0) || !encap.Empty() || !explicit.ReadASN1(&octets, cbasn1.OCTET_STRING) || !explicit.Empty() {
			return fail("content")
		}
		s.octets = octets
	}
	if !data.ReadASN1(&certs, ctx0) || !data.ReadASN1(&infos, cbasn1.SET) || !data.Empty() {
		return fail("certificates")
	}
	for !certs.Empty() {
		var raw cryptobyte.String
		if !certs.ReadASN1Element(&raw, cbasn1.SEQUENCE) {
			return fail("certificate")
		}
		cert, err := x509.ParseCertificate(raw)
		if err != nil {
			return fail("certificate")
		}
		s.certs = append(s.certs, cert)
	}
	var issuer cryptobyte.String
	var attrs, digest, algorithm, signature cryptobyte.String
	if !infos.ReadASN1(&info, cbasn1.SEQUENCE) || !infos.Empty() || !info.ReadASN1Integer(&s.info) ||
		!info.ReadASN1(&sid, cbasn1.SEQUENCE) || !info.ReadASN1Element(&digest, cbasn1.SEQUENCE) ||
		!info.ReadASN1Element(&attrs, ctx0) || !info.ReadASN1Element(&algorithm, cbasn1.SEQUENCE) ||
		!info.ReadASN1(&signature, cbasn1.OCTET_STRING) {
		return fail("signer")
	}
	issuer = sid
	s.issuer, s.digest, s.algorithm, s.signature = issuer, digest, algorithm, signature
	s.attrs = bytes.Clone(attrs)
	s.attrs[0] = set
	if !info.Empty() {
		var unsigned cryptobyte.String
		if !info.ReadASN1(&unsigned, ctx1) || !info.Empty() {
			return fail("unsigned attributes")
		}
		s.unsigned = unsigned
	}
	return s, nil
}

// signer finds the certificate the signer names.
func (s signed) signer() (*x509.Certificate, error) {
	for _, c := range s.certs {
		if bytes.Equal(s.issuer, append(bytes.Clone(c.RawIssuer), der(c.SerialNumber)...)) {
			return c, nil
		}
	}
	return nil, fmt.Errorf("the signer's certificate is not enclosed: %w", ErrFormat)
}

// hash reads the digest algorithm; parameters may be absent or NULL, nothing else.
func (s signed) hash() (crypto.Hash, error) {
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		if bytes.Equal(s.digest, digestID(h)) || bytes.Equal(s.digest, tlv(seq, hashOID(h), derNull)) {
			return h, nil
		}
	}
	return 0, fmt.Errorf("digest algorithm: %w", ErrFormat)
}

// values returns the attributes by OID; each has exactly one value and occurs once.
func values(attrs []byte) (map[string][]byte, error) {
	in := cryptobyte.String(attrs)
	var list cryptobyte.String
	out := map[string][]byte{}
	bad := fmt.Errorf("attributes: %w", ErrFormat)
	if !in.ReadASN1(&list, cbasn1.SET) || !in.Empty() {
		return nil, bad
	}
	for !list.Empty() {
		var one, vals, val cryptobyte.String
		var oid asn1.ObjectIdentifier
		var tag cbasn1.Tag
		if !list.ReadASN1(&one, cbasn1.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&oid) || !one.ReadASN1(&vals, cbasn1.SET) ||
			!one.Empty() || !vals.ReadAnyASN1Element(&val, &tag) || !vals.Empty() || out[oid.String()] != nil {
			return nil, bad
		}
		out[oid.String()] = val
	}
	return out, nil
}

// ours reads a CMS made by Assemble. It takes the parts out and puts them together again: every byte that is not exactly what
// Assemble writes, unused certificates included, is an error.
func ours(b []byte) (Parts, error) {
	var p Parts
	s, err := parseSigned(b)
	if err != nil {
		return p, err
	}
	if p.Cert, err = s.signer(); err != nil {
		return p, err
	}
	for _, a := range []Algorithm{RSAPKCS1, RSAPSS, P256, P384, Ed25519} {
		if bytes.Equal(a.signatureID(), s.algorithm) {
			p.Algorithm = a
		}
	}
	if p.Algorithm == "" {
		return p, fmt.Errorf("signature algorithm: %w", ErrFormat)
	}
	p.Attributes, p.Signature = s.attrs, s.signature
	for _, c := range s.certs {
		if c != p.Cert {
			p.Chain = append(p.Chain, c)
		}
	}
	if s.unsigned != nil {
		vals, err := values(tlv(set, s.unsigned))
		if err != nil {
			return p, err
		}
		if p.Token = vals[oidToken.String()]; p.Token == nil {
			return p, fmt.Errorf("unsigned attributes: %w", ErrFormat)
		}
	}
	if !bytes.Equal(Assemble(p), b) {
		return p, fmt.Errorf("CMS is not as we write it: %w", ErrFormat)
	}
	return p, nil
}
