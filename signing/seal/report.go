package seal

import (
	"crypto/x509"
	"time"
)

// Indication is the main result of EN 319 102-1.
type Indication string

// The indications. Only Passed may ever be shown as good.
const (
	Passed        Indication = "TOTAL-PASSED"
	Indeterminate Indication = "INDETERMINATE"
	Failed        Indication = "TOTAL-FAILED"
)

// Subindication says why a signature has not passed, in the words of EN 319 102-1.
type Subindication string

// The subindications used here.
const (
	FormatFailure      Subindication = "FORMAT_FAILURE"             // not exactly what we write: changed, appended to, malformed
	HashFailure        Subindication = "HASH_FAILURE"               // the signed content, or the stamped signature, is another
	CryptoFailure      Subindication = "SIG_CRYPTO_FAILURE"         // the signature value does not match
	ConstraintsFailure Subindication = "SIG_CONSTRAINTS_FAILURE"    // intact, but not as demanded: no time stamp
	ChainConstraints   Subindication = "CHAIN_CONSTRAINTS_FAILURE"  // the certificate is for another purpose
	CryptoConstraints  Subindication = "CRYPTO_CONSTRAINTS_FAILURE" // weak key
	NoChain            Subindication = "NO_CERTIFICATE_CHAIN_FOUND" // intact, but the issuer is not trusted
	OutOfBounds        Subindication = "OUT_OF_BOUNDS_NO_POE"       // not within the certificate's validity
	Revoked            Subindication = "REVOKED"                    // revoked before the trusted time
	TryLater           Subindication = "TRY_LATER"                  // revocation is not known
	StampOrder         Subindication = "TIMESTAMP_ORDER_FAILURE"    // the time stamp is from the future
	NotSigned          Subindication = "SIGNED_DATA_NOT_FOUND"      // the file carries no signature
)

// Class is what a signature is in the eyes of the law. It follows from the trust anchor, never from our code.
type Class string

// The classes.
const (
	Test              Class = "test"    // made for trying out: no legal effect
	Advanced          Class = "AdES"    // advanced signature
	AdvancedQualified Class = "AdES-QC" // advanced signature on a qualified certificate
	QualifiedClass    Class = "QES"     // qualified signature
)

// Anchor is a root certificate that is trusted, and the class of the signatures below it.
type Anchor struct {
	Cert  *x509.Certificate
	Class Class
}

// Trust is what Validate believes.
type Trust struct {
	Anchors []Anchor
	CRLs    []*x509.RevocationList // of any authority below the anchors; used when its signature holds
}

// Report says what a signed file is worth.
type Report struct {
	Indication    Indication    `json:"indication"` // the worst of the signatures
	Subindication Subindication `json:"subindication,omitempty"`
	Detail        string        `json:"detail,omitempty"` // for operators, English
	SHA256        string        `json:"sha256"`
	Size          int           `json:"size"`
	Base          Revision      `json:"base"`
	BaseMatches   *bool         `json:"base_matches,omitempty"` // equals the frozen document; absent when not compared
	Signatures    []Signature   `json:"signatures"`
}

// Revision is a prefix of the file.
type Revision struct {
	Length int    `json:"length"`
	SHA256 string `json:"sha256"`
}

// Signature is the result for one signature, in the order in which they were added.
type Signature struct {
	Indication    Indication    `json:"indication"`
	Subindication Subindication `json:"subindication,omitempty"`
	Detail        string        `json:"detail,omitempty"`
	Field         string        `json:"field"`
	Signer        string        `json:"signer"` // common name in the certificate
	Issuer        string        `json:"issuer"`
	Serial        string        `json:"serial"`
	Fingerprint   string        `json:"fingerprint"` // SHA-256 of the certificate
	Algorithm     Algorithm     `json:"algorithm"`
	Reason        string        `json:"reason"`
	ClaimedAt     time.Time     `json:"claimed_at"`
	At            time.Time     `json:"at"`          // trusted time when TimeSource is "tsa", otherwise ClaimedAt
	TimeSource    string        `json:"time_source"` // "tsa" or "claimed"
	Authority     string        `json:"authority,omitempty"`
	Level         string        `json:"level"` // "B-T" or "B-B"
	Class         Class         `json:"class,omitempty"`
	Qualified     bool          `json:"qualified"`  // true for QES only
	Revocation    string        `json:"revocation"` // "good", "revoked" or "unknown"
	Covers        Revision      `json:"covers"`     // the revision it covers whole, but for its own hole
}
