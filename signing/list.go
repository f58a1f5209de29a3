package signing

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"spolupis/security"
	"spolupis/signing/seal"
)

// Intent is what a person is about to authorise: he, this certificate, exactly these documents in this order.
type Intent struct {
	Signer      security.ActorID
	Fingerprint string
	Rows        []Row
	Class       seal.Class // of the signatures; follows from the certificate
	Expires     time.Time  // of the authorisation, if given now; not a part of Hash
}

// Hash is the RFC 6962 Merkle root over the list: a head that names the signer, the certificate and the count, then one leaf for
// each document. The authorisation is bound to it, so it proves later what one authorisation covered, and for any single document
// with some ten hashes.
func (i Intent) Hash() string {
	leaves := []string{line("spolupis signing list v1", string(i.Signer), i.Fingerprint, fmt.Sprint(len(i.Rows)))}
	for _, r := range i.Rows {
		leaves = append(leaves, line(string(r.Version), r.Revision))
	}
	return root(leaves)
}

// resultRoot is the Merkle root over what became of every item.
func resultRoot(b Batch, items []Item) string {
	leaves := []string{line("spolupis signing result v1", string(b.ID), b.List)}
	for _, it := range items {
		leaves = append(leaves, line(string(it.Version), string(it.Step), it.Code, hex.EncodeToString(it.DTBS), it.SHA256))
	}
	return root(leaves)
}

func line(parts ...string) string { return strings.Join(parts, "\n") }

func root(leaves []string) string {
	r := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for _, l := range leaves {
		if err := r.Append(rfc6962.DefaultHasher.HashLeaf([]byte(l)), nil); err != nil {
			panic(err) // a range from zero takes any leaf
		}
	}
	h, err := r.GetRootHash(nil)
	if err != nil {
		panic(err)
	}
	return hex.EncodeToString(h)
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
