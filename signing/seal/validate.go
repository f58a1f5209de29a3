package seal

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Validate checks a signed file as of now. When base is not nil, the file must be that document and our increments, nothing else.
//
// Every increment is written again by Prepare from the values found in it, on top of the revision before it, and every CMS is put
// together again by Assemble; a difference of one byte is a failure of the whole file. It never fails itself: what cannot be read is
// reported as failed.
func Validate(file, base []byte, trust Trust, now time.Time) Report {
	r := Report{Indication: Failed, SHA256: sum(file), Size: len(file)}
	fail := func(sub Subindication, err error) Report {
		r.Indication, r.Subindication, r.Detail = Failed, sub, err.Error()
		for i := range r.Signatures {
			r.Signatures[i].Indication, r.Signatures[i].Subindication, r.Signatures[i].Detail = Failed, sub, err.Error()
		}
		return r
	}
	f, err := read(file)
	if err != nil {
		return fail(FormatFailure, err)
	}
	ends := make([]int, 0, len(f.sections))
	for _, s := range slices.Backward(f.sections) {
		ends = append(ends, s.end)
	}
	r.Base = Revision{ends[0], sum(file[:ends[0]])}
	if base != nil {
		same := bytes.Equal(base, file[:ends[0]])
		if r.BaseMatches = &same; !same {
			return fail(HashFailure, errors.New("the file is not the frozen document and our signatures"))
		}
	}
	if len(ends) == 1 { // a broken link between revisions makes a signed file look like a base; a true base hangs together
		if _, err := layout(f); err != nil {
			return fail(FormatFailure, err)
		}
	}
	for i := 1; i < len(ends); i++ {
		s, err := signature(file[:ends[i-1]], file[:ends[i]], trust, now)
		s.Covers = Revision{ends[i], sum(file[:ends[i]])}
		r.Signatures = append(r.Signatures, s)
		if errors.Is(err, errForeign) { // what stands before it is not the whole truth any more
			return fail(FormatFailure, fmt.Errorf("revision %d: %w", i, err))
		}
	}
	r.Indication, r.Subindication, r.Detail = worst(r.Signatures)
	return r
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func worst(list []Signature) (Indication, Subindication, string) {
	if len(list) == 0 {
		return Indeterminate, NotSigned, "no signature"
	}
	w := list[0]
	for _, s := range list[1:] {
		if rank(s.Indication) > rank(w.Indication) {
			w = s
		}
	}
	return w.Indication, w.Subindication, w.Detail
}

func rank(i Indication) int { return slices.Index([]Indication{Passed, Indeterminate, Failed}, i) }

// errForeign: the increment is not one of ours.
var errForeign = errors.New("increment is not one of ours")

// signature validates the increment between two revisions.
func signature(before, after []byte, trust Trust, now time.Time) (Signature, error) {
	s := Signature{Indication: Failed, Subindication: FormatFailure, Revocation: "unknown"}
	p, cms, err := rebuild(before, after, &s)
	if err != nil {
		s.Detail = err.Error()
		return s, fmt.Errorf("%w: %w", errForeign, err)
	}
	parts, err := ours(cms)
	if err != nil {
		s.Detail = err.Error()
		return s, err
	}
	s.Level, s.TimeSource, s.At, s.Algorithm = "B-B", "claimed", s.ClaimedAt, parts.Algorithm
	s.Signer, s.Issuer, s.Serial = parts.Cert.Subject.CommonName, parts.Cert.Issuer.CommonName, parts.Cert.SerialNumber.Text(16)
	s.Fingerprint = sum(parts.Cert.Raw)
	s.Indication, s.Subindication, err = check(p, parts, trust, now, &s)
	if err != nil {
		s.Detail = err.Error()
	}
	return s, nil
}

// rebuild reads the few values of an increment, writes it again and compares. It returns the CMS in the hole.
func rebuild(before, after []byte, s *Signature) (*Prepared, []byte, error) {
	at := len(before)
	number := bytes.IndexByte(after[at:], ' ')
	if number <= 0 || number > 10 {
		return nil, nil, fmt.Errorf("first object: %w", ErrFormat)
	}
	n, err := strconv.Atoi(string(after[at : at+number]))
	head := fmt.Sprintf("%d 0 obj\n", n)
	if err != nil || !bytes.HasPrefix(after[at:], []byte(head)) {
		return nil, nil, fmt.Errorf("first object: %w", ErrFormat)
	}
	dict, err := parse(after, at+len(head), 0)
	if err != nil {
		return nil, nil, err
	}
	head = fmt.Sprintf("\nendobj\n%d 0 obj\n", n+1)
	if !bytes.HasPrefix(after[dict.to:], []byte(head)) {
		return nil, nil, fmt.Errorf("second object: %w", ErrFormat)
	}
	widget, err := parse(after, dict.to+len(head), 0)
	if err != nil {
		return nil, nil, err
	}
	name, _ := widget.get("T")
	signer, _ := dict.get("Name")
	reason, _ := dict.get("Reason")
	claimed, _ := dict.get("M")
	hole, _ := dict.get("Contents")
	s.Field, s.Signer, s.Reason = untext(name.s), untext(signer.s), untext(reason.s)
	if s.ClaimedAt, err = time.Parse("D:20060102150405+00'00'", string(claimed.s)); err != nil {
		return nil, nil, fmt.Errorf("claimed time: %w", ErrFormat)
	}
	p, err := Prepare(before, Field{Name: s.Field, Signer: s.Signer, Reason: s.Reason, At: s.ClaimedAt}, len(hole.s))
	if err != nil {
		return nil, nil, err
	}
	end := p.hole + 1 + 2*p.room
	if len(p.PDF) != len(after) || !bytes.Equal(p.PDF[:p.hole+1], after[:p.hole+1]) || !bytes.Equal(p.PDF[end:], after[end:]) {
		return nil, nil, fmt.Errorf("differs from what was to be written: %w", ErrFormat)
	}
	cms, err := inHole(after[p.hole+1 : end])
	return p, cms, err
}

// inHole decodes lower-case hex, takes one DER element and wants nothing but zeros after it.
func inHole(digits []byte) ([]byte, error) {
	b := make([]byte, len(digits)/2)
	if _, err := hex.Decode(b, digits); err != nil || hex.EncodeToString(b) != string(digits) {
		return nil, fmt.Errorf("hole: %w", ErrFormat)
	}
	if len(b) < 4 || b[0] != seq || b[1] != 0x82 {
		return nil, fmt.Errorf("no CMS in the hole: %w", ErrFormat)
	}
	n := 4 + int(b[2])<<8 + int(b[3])
	if n > len(b) || len(bytes.Trim(b[n:], "\x00")) != 0 {
		return nil, fmt.Errorf("padding of the hole: %w", ErrFormat)
	}
	return b[:n], nil
}

// check tells what a well-formed signature is worth.
func check(p *Prepared, parts Parts, trust Trust, now time.Time, s *Signature) (Indication, Subindication, error) {
	h := parts.Algorithm.Hash()
	if want := Attributes(p.Digest(h), parts.Cert); !bytes.Equal(want, parts.Attributes) {
		return Failed, HashFailure, errors.New("the document, or the certificate, is not the one that was signed")
	}
	if err := verify(parts.Cert.PublicKey, parts.Algorithm.signatureID(), h, parts.Attributes, parts.Signature); err != nil {
		if errors.Is(err, ErrWeak) {
			return Indeterminate, CryptoConstraints, err
		}
		return Failed, CryptoFailure, err
	}
	if parts.Token == nil {
		return Indeterminate, ConstraintsFailure, errors.New("no time stamp")
	}
	if ind, sub, err := s.stamp(parts, trust, now); err != nil {
		return ind, sub, err
	}
	const may = x509.KeyUsageContentCommitment | x509.KeyUsageDigitalSignature
	if parts.Cert.KeyUsage&may == 0 || parts.Cert.IsCA {
		return Indeterminate, ChainConstraints, errors.New("the certificate is not for signing documents")
	}
	anchor, chain, sub, err := trust.path(parts.Cert, parts.Chain, s.At, x509.ExtKeyUsageAny)
	if err != nil {
		return Indeterminate, sub, err
	}
	s.Class = anchor.Class
	s.Qualified = anchor.Class == QualifiedClass
	switch s.Revocation = trust.revocation(chain, s.At, now); s.Revocation {
	case "revoked":
		return Indeterminate, Revoked, errors.New("the certificate was revoked before it signed")
	case "unknown":
		if anchor.Class != Test { // a test certificate proves nothing to anybody; do not make trying out depend on a revocation service
			return Indeterminate, TryLater, errors.New("it is not known whether the certificate was revoked")
		}
	}
	return Passed, "", nil
}

// stamp verifies the time-stamp token against the signature value and fills in the trusted time.
func (s *Signature) stamp(parts Parts, trust Trust, now time.Time) (Indication, Subindication, error) {
	t, err := parseToken(parts.Token)
	if errors.Is(err, errSignature) {
		return Failed, CryptoFailure, err
	}
	if err != nil {
		return Failed, FormatFailure, err
	}
	if !bytes.Equal(t.imprint, Imprint(parts.Signature)) {
		return Failed, HashFailure, errors.New("the time stamp belongs to another signature")
	}
	if t.at.After(now.Add(5 * time.Minute)) {
		return Indeterminate, StampOrder, errors.New("the time stamp is from the future")
	}
	if len(t.cert.ExtKeyUsage) != 1 || t.cert.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping || len(t.cert.UnknownExtKeyUsage) != 0 {
		return Indeterminate, ChainConstraints, errors.New("the certificate of the time stamp is not for time stamps only")
	}
	if _, _, sub, err := trust.path(t.cert, t.chain, t.at, x509.ExtKeyUsageTimeStamping); err != nil {
		return Indeterminate, sub, fmt.Errorf("time stamp: %w", err)
	}
	if now.After(t.cert.NotAfter) { // an archive time stamp (B-LTA), made in time, is what would prove it still existed before
		return Indeterminate, OutOfBounds, errors.New("the certificate of the time stamp has expired")
	}
	s.Level, s.TimeSource, s.At, s.Authority = "B-T", "tsa", t.at, t.cert.Subject.CommonName
	return Passed, "", nil
}

// path builds the chain to an anchor as of a time. Every enclosed certificate must be a part of it, so that nothing that is not
// checked travels along.
func (t Trust) path(cert *x509.Certificate, enclosed []*x509.Certificate, at time.Time, use x509.ExtKeyUsage) (Anchor, []*x509.Certificate, Subindication, error) {
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	for _, a := range t.Anchors {
		roots.AddCert(a.Cert)
	}
	for _, c := range enclosed {
		others.AddCert(c)
	}
	chains, err := cert.Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{use}})
	if err != nil {
		var invalid x509.CertificateInvalidError
		if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
			return Anchor{}, nil, OutOfBounds, err
		}
		return Anchor{}, nil, NoChain, err
	}
	for _, chain := range chains {
		all := true
		for _, c := range enclosed {
			all = all && slices.ContainsFunc(chain, c.Equal)
		}
		for _, a := range t.Anchors {
			if all && a.Cert.Equal(chain[len(chain)-1]) {
				return a, chain, "", nil
			}
		}
	}
	return Anchor{}, nil, NoChain, errors.New("a certificate is enclosed that belongs to no chain")
}

// revocation looks the signer's certificate up in the list of its issuer.
func (t Trust) revocation(chain []*x509.Certificate, at, now time.Time) string {
	if len(chain) < 2 {
		return "unknown"
	}
	state := "unknown"
	for _, l := range t.CRLs {
		if !bytes.Equal(l.RawIssuer, chain[1].RawSubject) || l.CheckSignatureFrom(chain[1]) != nil || now.After(l.NextUpdate) || l.ThisUpdate.Before(at) {
			continue // not its list, or too old to know about the time of signing
		}
		state = "good"
		for _, e := range l.RevokedCertificateEntries {
			if e.SerialNumber.Cmp(chain[0].SerialNumber) == 0 && !e.RevocationTime.After(at) {
				return "revoked"
			}
		}
	}
	return state
}
