package signing

import (
	"context"
	"errors"
	"time"

	"spolupis/security"
)

// Seen is the version of a material a person saw last.
type Seen struct {
	Version VersionID
	Number  int
	At      time.Time
}

// Errors of Keep and Save.
var (
	ErrMoved = errors.New("the file has got another signature meanwhile")
	ErrGone  = errors.New("the request is not open any more")
	ErrLost  = errors.New("another worker has the batch")
)

// Store keeps requests, batches and signatures. Every change commits together with its journal entry. Implemented by signing/store.
type Store interface {
	// AddRequests adds requests; those that exist for the same version and signer stay as they are. Each new open one is journalled
	// as signing.requested.
	AddRequests(ctx context.Context, requests []Request) error
	// Cancel ends the waiting and open requests of a version; each is journalled as signing.cancelled.
	Cancel(ctx context.Context, version VersionID, why string) error
	// Requests returns those of a version, by group.
	Requests(ctx context.Context, version VersionID) ([]Request, error)
	// Basket returns the open requests of a signer, oldest first, with the batch that holds each.
	Basket(ctx context.Context, signer security.ActorID) ([]Row, error)
	// Lost returns the requests of a signer that were cancelled since then, newest first, at most 50.
	Lost(ctx context.Context, signer security.ActorID, since time.Time) ([]Request, error)

	// Saw remembers that a person saw a version, unless he saw a newer one. Seeing is journalled where the document is read.
	Saw(ctx context.Context, who security.ActorID, material MaterialID, seen Seen) error
	// Seen returns what he saw last of each material; materials he never saw are absent.
	Seen(ctx context.Context, who security.ActorID, materials []MaterialID) (map[MaterialID]Seen, error)

	// Revisions returns the signatures of a version without their bytes; File returns them with their bytes.
	Revisions(ctx context.Context, version VersionID) ([]Revision, error)
	File(ctx context.Context, version VersionID) ([]Revision, error)

	// CreateBatch stores an authorised batch, journalled as signing.batch_authorised. fault.Conflict when one of its documents is in
	// another running batch of the signer.
	CreateBatch(ctx context.Context, who security.Actor, b Batch, items []Item) error
	// Batch returns a batch and its items in order; fault.NotFound.
	Batch(ctx context.Context, id BatchID) (Batch, []Item, error)
	// Batches returns the newest batches of a signer.
	Batches(ctx context.Context, signer security.ActorID, limit int) ([]Batch, error)
	// Resume makes a paused batch run again until expires.
	Resume(ctx context.Context, who security.Actor, id BatchID, expires time.Time) error
	// CancelBatch makes a running or paused batch BatchCancelling, journalled as signing.batch_cancelled. A worker ends the items.
	CancelBatch(ctx context.Context, who security.Actor, id BatchID) error

	// Claim leases the oldest running or cancelling batch that is due and free to one worker until then; fault.NotFound when there
	// is none.
	Claim(ctx context.Context, now, until time.Time) (Batch, error)
	// Save writes down the steps of items, each also in the history of steps, those that ended without a signature also in the
	// journal as signing.failed or signing.skipped, and prolongs the lease. ErrLost when the lease is
	// lost; then nothing is written. The new state of the batch (it may have been cancelled) is returned.
	Save(ctx context.Context, b Batch, until time.Time, items ...Item) (BatchState, error)
	// Keep stores a finished signature: the revision, the item as Stored, the request as signed, what Advance says about the others,
	// and the journal entries signing.signed and, for the last signer, signing.completed; all or nothing. It returns ErrMoved when
	// the revision number is taken, ErrGone when the request is not open any more, ErrLost when the lease is lost.
	Keep(ctx context.Context, b Batch, it Item, r Revision) error
	// Release gives the lease back: the batch is left in state until nextAt. A finished batch is journalled as
	// signing.batch_finished, with result.
	Release(ctx context.Context, b Batch, state BatchState, nextAt time.Time, result string) error
}
