package collab

import (
	"context"
	"time"

	"spolupis/security"
)

// Log is where updates become durable and get their order. It is shared by all nodes.
type Log interface {
	// Load returns what is needed to rebuild doc: the newest good snapshot and the rows after it. A document that nobody
	// has written to is empty, not an error.
	Load(ctx context.Context, doc DocumentID) (Stored, error)

	// Since returns up to limit rows of doc after seq, oldest first and without gaps, and the document's state. The state
	// may be older than the rows, never the rows older than the state unless limit cut them off.
	Since(ctx context.Context, doc DocumentID, seq int64, limit int) ([]Row, State, error)

	// Heads returns the state of each of docs that has one.
	Heads(ctx context.Context, docs []DocumentID) (map[DocumentID]State, error)

	// Append makes the rows of b durable, all or none, and returns the sequence number of the last; theirs are
	// consecutive. It returns only once they are durable, retrying while the storage is away, until ctx ends. Whoever
	// repeats it after an error that leaves the outcome open does not store twice.
	//
	// ErrSealed, ErrFenced and ErrRevoked mean that nothing of b was stored.
	Append(ctx context.Context, b Batch) (last int64, err error)

	// ChecksClaims reports whether Append checks the claims of a Batch. If it does not, rights are looked up before each.
	ChecksClaims() bool

	// Seal makes every later Append fail with ErrSealed; Reopen undoes it. Both are idempotent and return the state.
	Seal(ctx context.Context, doc DocumentID) (State, error)
	Reopen(ctx context.Context, doc DocumentID) (State, error)

	// Snapshot stores the whole document as of seq, to shorten the next Load. Losing one is harmless.
	Snapshot(ctx context.Context, doc DocumentID, seq int64, state []byte) error
}

// Row is one accepted update. Authorship of text is derived from rows, never from what a client says.
type Row struct {
	Seq     int64 // given by the Log; 0 before
	Person  security.ActorID
	Session string    // pseudonymous id of the login
	Client  uint64    // the lease under which it adds content; 0 when it only deletes
	At      time.Time // when it was received
	Update  []byte
}

// State is the head of a document's log.
type State struct {
	Seq    int64 // the last row; 0 before the first
	Epoch  int64 // grows when the document is replaced by another history, as a restore does
	Sealed bool
}

// Stored is a document as the Log keeps it.
type Stored struct {
	State
	Snapshot    []byte // the document as of SnapshotSeq; nil when there is none
	SnapshotSeq int64
	Rows        []Row // after SnapshotSeq
}

// Batch is what a room appends at once.
type Batch struct {
	Document DocumentID
	Known    int64 // the last row the room has seen
	Rows     []Row
	Holds    []Hold // must still be in force when the rows are stored, else ErrFenced
	Claims   []Claim
}

// Hold says that a connection writes under a client id. A later Hold of the same id by another connection ends it.
type Hold struct {
	Client uint64
	Holder string
}

// Claim says that a person's right was seen at an epoch. A Log that can check it in its transaction answers ErrRevoked
// when the epoch has moved on.
type Claim struct {
	Person security.ActorID
	Epoch  int64
}

// Leases gives out client ids. A client id of a document belongs to one person for ever.
type Leases interface {
	// Hold leases client to who for writing in doc and makes holder, a connection, the only one that may write under it.
	// With client 0 a new random id of 53 bits is drawn. ErrLeased: it belongs to another person.
	Hold(ctx context.Context, doc DocumentID, who security.Actor, client uint64, holder string) (uint64, error)
	// Owner returns the person to whom client is leased, or "" when it never was.
	Owner(ctx context.Context, doc DocumentID, client uint64) (security.ActorID, error)
}

// Rights answers what a person may do in a document.
type Rights interface {
	// Right returns the highest right of who in doc and the epoch at which that was so. A document that is not there gives
	// None, as does one that is not his to see.
	Right(ctx context.Context, who security.Actor, doc DocumentID) (Right, int64, error)
	// Epoch returns a number that changes, in the same transaction, when a right of who in doc changes. It is asked for
	// everybody who is there every now and then, and, where the Log checks no claims, once per person for every batch of
	// updates, so it must be cheap.
	Epoch(ctx context.Context, who security.ActorID, doc DocumentID) (int64, error)
}

// Fanout carries short messages to the other nodes. It may lose, repeat and reorder them, and may hand a node its own.
type Fanout interface {
	// Publish hands message to the subscribers of topic. It does not wait for them.
	Publish(topic string, message []byte)
	// Subscribe calls receive for every message on topic, one at a time, until cancel. receive must not block.
	Subscribe(topic string, receive func(message []byte)) (cancel func())
}

// Witness records who was where. Keystrokes are not recorded: the Log has them.
type Witness interface {
	// Opened records that who is about to see doc. The document is not shown when it fails.
	Opened(ctx context.Context, who security.Actor, doc DocumentID) error
	// Closed records that the last connection of who has left doc.
	Closed(ctx context.Context, who security.Actor, doc DocumentID) error
	// Refused records that an update or a connection of who was refused; reason is a stable code.
	Refused(ctx context.Context, who security.Actor, doc DocumentID, reason string) error
}

// Transport is the far end of a Member: one connection.
type Transport interface {
	// Wake says that messages wait: call Member.Take until it returns none. It must not block.
	Wake()
	// Close ends the connection with a code and a reason. It must not block; called once at most by the room.
	Close(c *Closed)
}
