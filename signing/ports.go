package signing

import (
	"context"
	"crypto/x509"
	"errors"
	"time"

	"spolupis/security"
	"spolupis/signing/seal"
)

// VersionID names a frozen version: the SHA-256 of its manifest in hex, as package documents gives it.
type VersionID string

// MaterialID names a material, as package documents gives it.
type MaterialID string

// BatchID names one bulk signature.
type BatchID string

// VersionState is the state of a version in package documents. Only the states below mean anything here.
type VersionState string

// Superseded and Rejected versions are not signed any more.
const (
	Superseded VersionState = "superseded"
	Rejected   VersionState = "rejected"
)

// VersionInfo is what signing must know of a frozen version.
type VersionInfo struct {
	ID             VersionID
	Material       MaterialID
	MaterialNumber string // reference number (č. j.)
	Title          string
	Number         int // 1, 2, … within the material
	State          VersionState
	Latest         int // number of the newest frozen version of the material
}

// Documents is the part of package documents that signing reads.
type Documents interface {
	// Version returns a frozen version; fault.NotFound when there is none.
	Version(ctx context.Context, id VersionID) (VersionInfo, error)
	// PDF returns the frozen PDF/A, the same bytes every time.
	PDF(ctx context.Context, id VersionID) ([]byte, error)
	// Changes counts the blocks that differ between two versions of one material.
	Changes(ctx context.Context, from, to VersionID) (int, error)
}

// People gives names to actors.
type People interface {
	// Name is how a person signs; fault.NotFound when there is no such person.
	Name(ctx context.Context, id security.ActorID) (string, error)
}

// Certificate is a signing certificate and what its key can do.
type Certificate struct {
	Cert      *x509.Certificate
	Chain     []*x509.Certificate // issuing authorities, without the root
	Algorithm seal.Algorithm
	MaxBatch  int        // hashes per SignHashes; 0 = no limit
	Class     seal.Class // seal.Test for a software key
}

// Keys finds the signing credential of a person.
type Keys interface {
	// Credential returns the person's credential; fault.NotFound when he has none.
	Credential(ctx context.Context, signer security.ActorID) (Credential, error)
}

// Credential is a certificate whose private key lives somewhere: in a file, on a card, with a remote provider.
type Credential interface {
	Certificate() Certificate
	// Open starts a session under an authorisation that was given. It may be called again for the same Grant after a restart.
	// A key that needs the person present again (a PIN, an expired remote session) answers ErrAuthoriseAgain.
	Open(ctx context.Context, g Grant) (Session, error)
}

// Session signs hashes until it is closed.
type Session interface {
	// SignHashes signs each hash and returns the signatures in the same order. An error means that none may be used.
	SignHashes(ctx context.Context, alg seal.Algorithm, hashes [][]byte) ([][]byte, error)
	Close() error
}

// ErrAuthoriseAgain is returned by Credential.Open when the person must authorise once more. The batch then waits for him.
var ErrAuthoriseAgain = errors.New("the person must authorise again")

// Grant is one authorisation: this person, this certificate, exactly this list, until then.
type Grant struct {
	Batch       BatchID
	Signer      security.ActorID
	Fingerprint string // SHA-256 of the certificate
	List        string // hash of the list that was shown
	Count       int
	Expires     time.Time
}

// Authorise is the step-up before a bulk signature: the person proves himself once more, for one list of documents. The store
// of secrets behind it is not signing's business. It fails with fault.Unauthenticated when the secret is wrong and fault.TooMany
// when there were too many attempts; then nothing is signed.
type Authorise func(ctx context.Context, who security.Actor, secret, list string) error

// Stamper gets time stamps.
type Stamper interface {
	// Stamp returns an RFC 3161 token over a SHA-256 digest. An error leaves the signature waiting for its time stamp.
	Stamp(ctx context.Context, digest []byte) ([]byte, error)
}

// Reads records reads; *journal.Journal does.
type Reads interface {
	Recorded(ctx context.Context, who security.Actor, kind, subject string, body any) error
}
