package signing

import (
	"time"

	"spolupis/security"
	"spolupis/signing/seal"
)

// RequestState is where a request is.
type RequestState string

// The states of a request.
const (
	RequestWaits     RequestState = "waits"     // an earlier group has not signed yet
	RequestOpen      RequestState = "open"      // in the signer's basket
	RequestSigned    RequestState = "signed"    // for ever
	RequestCancelled RequestState = "cancelled" // the version was superseded or withdrawn; Why says which
)

// Request asks one person to sign one version. There is at most one for each pair.
type Request struct {
	Version        VersionID
	Signer         security.ActorID
	Group          int // groups sign one after another, the members of one at the same time
	Material       MaterialID
	MaterialNumber string
	Title          string
	Base           string // SHA-256 of the frozen document
	Number         int    // of the version
	State          RequestState
	Why            string // of a cancelled one: "superseded", "withdrawn"
	CreatedAt      time.Time
	ChangedAt      time.Time
}

// Advance says what becomes of the other requests of a version once signer has signed: the requests of the next group to open, and
// whether all have signed. It does not change requests.
func Advance(requests []Request, signer security.ActorID) (open []Request, complete bool) {
	next := -1
	for _, r := range requests {
		if r.Signer == signer || r.State == RequestSigned {
			continue
		}
		if r.State != RequestWaits {
			return nil, false // somebody of this group is still to sign, or the version is withdrawn
		}
		if next < 0 || r.Group < next {
			next = r.Group
		}
	}
	for _, r := range requests {
		if r.State == RequestWaits && r.Group == next {
			open = append(open, r)
		}
	}
	return open, next < 0
}

// Row is one line of a basket.
type Row struct {
	Request
	Revision   string    // SHA-256 of the file as it is to be signed now
	Signatures int       // it already carries
	Opened     bool      // the signer has opened this version
	SeenAt     time.Time // when he last saw a version of the material
	SeenNumber int       // which one; 0 = none
	Seen       VersionID
	Changes    int     // blocks changed since the version he last saw
	Batch      BatchID // a running batch that holds it, or ""
}

// Selectable: not held by a batch, and its text has not changed since the signer last saw it. A material he has never seen may be
// signed, as on paper, but the list and the journal say that it was not opened.
func (r Row) Selectable() bool { return r.Batch == "" && (r.Opened || r.SeenNumber == 0) }

// BatchState is where a bulk signature is.
type BatchState string

// The states of a batch.
const (
	BatchRunning    BatchState = "running"
	BatchPaused     BatchState = "paused"     // the key wants the person to authorise again
	BatchCancelling BatchState = "cancelling" // by the signer; a worker is to end the items
	BatchDone       BatchState = "done"
	BatchCancelled  BatchState = "cancelled" // what was finished stays
)

// Ended reports whether nothing more happens in a batch.
func (s BatchState) Ended() bool { return s == BatchDone || s == BatchCancelled }

// Batch is one bulk signature: one person, one certificate, one list, one authorisation.
type Batch struct {
	ID          BatchID
	Signer      security.ActorID
	SignerName  string
	Fingerprint string // of the certificate; it does not change within a batch
	List        string // Merkle root of the list that was authorised
	Result      string // Merkle root of the results, when finished
	Count       int
	State       BatchState
	CreatedAt   time.Time
	Expires     time.Time // no key is used after that
	FinishedAt  time.Time
	NextAt      time.Time // when it is worth trying again
	Epoch       int64     // of the lease; a worker that lost it can write nothing
}

// Step is how far an item is.
type Step string

// The steps, in order, and the ways an item may end.
const (
	Chosen    Step = "chosen"
	Prepared  Step = "prepared"
	Signed    Step = "signed"
	Stamped   Step = "stamped"
	Embedded  Step = "embedded"
	Verified  Step = "verified"
	Stored    Step = "stored"    // end: signed, time-stamped and kept
	Skipped   Step = "skipped"   // end: nothing was to be signed any more
	Failed    Step = "failed"    // end: the reason is in Code
	Cancelled Step = "cancelled" // end: the signer stopped the batch
)

// Ended reports whether nothing more happens to an item in this step.
func (s Step) Ended() bool { return s == Stored || s == Skipped || s == Failed || s == Cancelled }

// Codes say why an item ended without a signature. Each has a sentence in the dictionaries, signing.code.<code>.
const (
	CodeSuperseded  = "superseded"   // a newer version is being approved
	CodeWithdrawn   = "withdrawn"    // the request does not exist any more
	CodeAlready     = "already"      // he has signed it elsewhere
	CodeCancelled   = "cancelled"    // by himself
	CodeExpired     = "expired"      // the authorisation ran out
	CodeNoDocument  = "no_document"  // the frozen document cannot be read or signed
	CodeChanged     = "changed"      // the file is not the one that was on the list
	CodeKey         = "key"          // the certificate is gone or is another one
	CodeNotVerified = "not_verified" // our own check of the result failed
	CodeNoStamp     = "no_stamp"     // no time stamp until the authorisation ran out
)

// Item is one document of a batch and everything needed to go on with it after a crash.
type Item struct {
	Position int
	Version  VersionID
	Material MaterialID
	Label    string // reference number, title and version as they were shown
	Revision string // SHA-256 of the file that was on the list
	Opened   bool   // the signer had opened this version
	Step     Step
	Code     string
	Waits    bool // for a time stamp
	Tries    int

	// Filled in from Prepared on.
	Field     string    // name of the signature field
	Reason    string    // written into the PDF
	ClaimedAt time.Time // whole seconds
	Base      int       // number of the revision it is prepared on, 0 = the frozen document
	DTBS      []byte    // hash the key signs
	Signature []byte    // from Signed on
	Token     []byte    // from Stamped on
	SHA256    string    // of the signed file, from Embedded on
	ChangedAt time.Time
}

// Revision is one signature as it is kept: the bytes it appended.
type Revision struct {
	Version    VersionID
	Number     int // 1, 2, … in the order of signing
	Signer     security.ActorID
	SignerName string
	Batch      BatchID
	Level      string // "B-T"
	Class      seal.Class
	At         time.Time // of the time stamp
	Offset     int       // length of the file before it
	Length     int       // length of the file with it
	SHA256     string    // of the file with it
	Increment  []byte    // the bytes between Offset and Length
}
