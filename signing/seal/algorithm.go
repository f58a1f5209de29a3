package seal

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"fmt"

	_ "crypto/sha256" // the hashes an Algorithm may name
	_ "crypto/sha512"
)

// Algorithm names a way to sign.
type Algorithm string

// The algorithms. Ed25519 is verified but never offered for creation: widespread readers cannot show such a signature.
const (
	RSAPKCS1 Algorithm = "RSA-PKCS1-SHA256"
	RSAPSS   Algorithm = "RSA-PSS-SHA256"
	P256     Algorithm = "ECDSA-P256-SHA256"
	P384     Algorithm = "ECDSA-P384-SHA384"
	Ed25519  Algorithm = "Ed25519"
)

// ErrWeak is returned for keys that must not sign any more, such as RSA under 3072 bits.
var ErrWeak = errors.New("key too weak or of an unknown kind")

// AlgorithmFor picks how a public key signs; an RSA key signs with PKCS#1 v1.5, which every reader knows.
func AlgorithmFor(key crypto.PublicKey) (Algorithm, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() >= 3072 {
			return RSAPKCS1, nil
		}
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return P256, nil
		case elliptic.P384():
			return P384, nil
		}
	}
	return "", fmt.Errorf("%T: %w", key, ErrWeak)
}

// Hash is the hash that the algorithm uses for the document and for the attributes.
func (a Algorithm) Hash() crypto.Hash {
	switch a {
	case P384:
		return crypto.SHA384
	case Ed25519: // RFC 8419
		return crypto.SHA512
	}
	return crypto.SHA256
}

// Digest is what the private key signs: the hash of the attributes.
func (a Algorithm) Digest(attributes []byte) []byte {
	h := a.Hash().New()
	h.Write(attributes)
	return h.Sum(nil)
}

// Options are the options for crypto.Signer.Sign over Digest.
func (a Algorithm) Options() crypto.SignerOpts {
	switch a {
	case RSAPSS:
		return &rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA256}
	case Ed25519:
		return crypto.Hash(0)
	}
	return a.Hash()
}

var (
	oidSHA256    = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384    = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidSHA512    = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
	oidRSA       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidRSASHA256 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
	oidRSASHA384 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}
	oidRSASHA512 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}
	oidPSS       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidMGF1      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
	oidECDSA256  = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	oidECDSA384  = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}
	oidECDSA512  = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}
	oidEd25519   = asn1.ObjectIdentifier{1, 3, 101, 112}
)

var derNull = []byte{5, 0}

// digestID is the AlgorithmIdentifier of a hash, without parameters (RFC 5754).
func digestID(h crypto.Hash) []byte {
	switch h {
	case crypto.SHA384:
		return tlv(seq, der(oidSHA384))
	case crypto.SHA512:
		return tlv(seq, der(oidSHA512))
	}
	return tlv(seq, der(oidSHA256))
}

func pssID(h crypto.Hash) []byte {
	hash := tlv(seq, hashOID(h), derNull)
	return tlv(seq, der(oidPSS), tlv(seq,
		tlv(ctx0, hash), tlv(ctx1, tlv(seq, der(oidMGF1), hash)), tlv(ctx2, der(h.Size()))))
}

func hashOID(h crypto.Hash) []byte {
	id := digestID(h)
	return id[2:]
}

// signatureID is the AlgorithmIdentifier of the signature.
func (a Algorithm) signatureID() []byte {
	switch a {
	case RSAPKCS1:
		return tlv(seq, der(oidRSA), derNull)
	case RSAPSS:
		return pssID(crypto.SHA256)
	case P256:
		return tlv(seq, der(oidECDSA256))
	case P384:
		return tlv(seq, der(oidECDSA384))
	}
	return tlv(seq, der(oidEd25519))
}

// scheme is one way a signature may have been made, found by the exact bytes of its AlgorithmIdentifier. There is nothing to
// interpret, so nothing can be flipped in it unnoticed.
type scheme struct {
	id   []byte
	hash crypto.Hash
	kind byte // 'r' PKCS#1 v1.5, 's' PSS, 'e' ECDSA, 'd' Ed25519
}

var schemes = func() []scheme {
	list := []scheme{{tlv(seq, der(oidEd25519)), crypto.SHA512, 'd'}}
	for h, oids := range map[crypto.Hash][2]asn1.ObjectIdentifier{
		crypto.SHA256: {oidRSASHA256, oidECDSA256}, crypto.SHA384: {oidRSASHA384, oidECDSA384}, crypto.SHA512: {oidRSASHA512, oidECDSA512},
	} {
		list = append(list, scheme{tlv(seq, der(oidRSA), derNull), h, 'r'}, scheme{tlv(seq, der(oids[0]), derNull), h, 'r'},
			scheme{pssID(h), h, 's'}, scheme{tlv(seq, der(oids[1])), h, 'e'})
	}
	return list
}()

// errSignature: the mathematics do not agree.
var errSignature = errors.New("signature does not match")

// verify checks a signature over message, made by key under the AlgorithmIdentifier id with the hash h.
func verify(key crypto.PublicKey, id []byte, h crypto.Hash, message, signature []byte) error {
	for _, s := range schemes {
		if s.hash != h || !bytes.Equal(s.id, id) {
			continue
		}
		w := h.New()
		w.Write(message)
		sum := w.Sum(nil)
		ok, known := false, false
		switch k := key.(type) {
		case *rsa.PublicKey:
			if k.N.BitLen() < 2048 || k.N.BitLen() > 8192 { // too weak, or made to keep us busy
				return ErrWeak
			}
			if known = s.kind == 'r'; known {
				ok = rsa.VerifyPKCS1v15(k, h, sum, signature) == nil
			} else if known = s.kind == 's'; known {
				ok = rsa.VerifyPSS(k, h, sum, signature, &rsa.PSSOptions{SaltLength: h.Size(), Hash: h}) == nil
			}
		case *ecdsa.PublicKey:
			if known = s.kind == 'e'; known {
				ok = ecdsa.VerifyASN1(k, sum, signature)
			}
		case ed25519.PublicKey:
			if known = s.kind == 'd'; known {
				ok = ed25519.Verify(k, message, signature)
			}
		}
		if ok {
			return nil
		}
		if known {
			return errSignature
		}
	}
	return fmt.Errorf("signature algorithm: %w", ErrFormat)
}
