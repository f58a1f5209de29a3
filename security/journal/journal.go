// Package journal is the one ordered record of what happened: every change
// commits together with its entry, every read is recorded before the answer
// leaves. Entries are the leaves of an RFC 6962 Merkle tree kept as C2SP tiles
// in the same database, and its signed heads (checkpoints) let anybody who
// holds an older one see that nothing before it was rewritten.
//
// Writers call Append in their own transaction. Readers of the record are of
// two kinds, never mixed: a projection (Follow: effect and cursor in one
// transaction, each entry exactly once) and a reaction (React: calls a service,
// then moves its cursor; at least once, so the callee is idempotent).
//
// Personal data never stands in a header. It is sealed with a key of the person
// it is about and only a salted commitment goes into the leaf, so a person can
// be erased (EraseSubject) while the root stays what it was.
package journal

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"

	"spolupis/security"
	"spolupis/security/database"
	"spolupis/security/fault"
)

// Migrations creates the tables of the journal.
//
//go:embed *.sql
var Migrations embed.FS

// MaxBody is the largest Body and the largest Personal, in bytes. A leaf must
// fit the 16-bit length of an entry bundle (C2SP tlog-tiles).
const MaxBody = 32 << 10

// Entry is one thing that happened.
type Entry struct {
	Seq        int64     // 1, 2, 3 … without gaps; assigned by the journal
	At         time.Time // UTC, microseconds
	Actor      security.ActorID
	OnBehalfOf security.ActorID
	Kind       string          // in the past, such as "documents.frozen"
	Subject    string          // what it happened to, such as "document:m-12"
	Body       json.RawMessage // an object without personal data; nil means {}
	Personal   json.RawMessage // sealed; nil when there is none, or when it was erased
	About      security.ActorID
	Erased     bool // a personal part was there and its key has been destroyed
}

// Config says how a journal works. The zero Config is usable.
type Config struct {
	Now    func() time.Time // nil = time.Now
	Origin string           // name of the log in checkpoints; "" = "spolupis.local/journal"
	// Key is the log's signing key in the form of x/mod/sumdb/note
	// ("PRIVATE+KEY+…"), see LoadKey. Empty: a key kept in the database,
	// shared by all nodes; good enough for a demo, since without an outside
	// witness the holder of the database can re-sign anything anyway.
	Key string
	// Every and Entries bound how old and how long the unpublished tail may
	// grow before a checkpoint is made; 0 = 60 s and 1000 entries.
	Every   time.Duration
	Entries int64
}

// Journal appends to and reads one log. It is safe for concurrent use; several
// processes may share the database.
type Journal struct {
	db      *database.DB
	readers *database.Together // notes of what many read at once
	now     func() time.Time
	every   time.Duration
	count   int64
	signer  note.Signer
	vkey    string
	node    string // random name of this process, holder of reaction leases

	dirty chan struct{} // an Append happened, its commit is near

	mu   sync.Mutex
	wake chan struct{} // guarded by mu; closed and replaced when the log grew
	size int64         // guarded by mu; largest size seen

	readMu sync.Mutex
	reads  map[readKey]time.Time // guarded by readMu; recently recorded reads
}

// New returns the journal kept in db, whose schema must include Migrations.
func New(db *database.DB, cfg Config) (*Journal, error) {
	j := &Journal{
		db: db, readers: database.NewTogether(db), now: cfg.Now, every: cfg.Every, count: cfg.Entries, node: rand.Text(),
		dirty: make(chan struct{}, 1), wake: make(chan struct{}), reads: map[readKey]time.Time{},
	}
	if j.now == nil {
		j.now = time.Now
	}
	if j.every <= 0 {
		j.every = time.Minute
	}
	if j.count <= 0 {
		j.count = 1000
	}
	if err := j.openKey(cfg); err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	return j, nil
}

// Append records entries within tx, the transaction of the change they
// describe; if tx rolls back, nothing happened. A zero At means now. It fails
// with fault.Invalid or fault.TooLarge when an entry is malformed, and the
// caller must then roll back.
//
// On SQLite the entries are sequenced here. On PostgreSQL they wait in a
// pending table until Run, or any reader, sequences them after the commit.
func (j *Journal) Append(ctx context.Context, tx *sql.Tx, entries ...Entry) error {
	if len(entries) == 0 {
		return nil
	}
	rows := make([]row, len(entries))
	secrets := map[string][]byte{}
	for i, e := range entries {
		r, err := j.seal(ctx, tx, e, secrets)
		if err != nil {
			return fmt.Errorf("journal %s: %w", e.Kind, err)
		}
		rows[i] = r
	}
	var err error
	if j.db.Postgres {
		err = insertPending(ctx, tx, rows)
	} else {
		err = extend(ctx, j.db.Often(tx), rows)
	}
	if err != nil {
		return fmt.Errorf("journal %s: %w", entries[0].Kind, err)
	}
	j.stir()
	return nil
}

// row is an entry as it is stored: its personal part sealed.
type row struct {
	seq                                       int64
	at                                        int64
	actor, behalf, about, kind, subject, body string
	commitment, nonce, sealed                 []byte
	leaf                                      []byte
}

// seal checks e and turns it into its stored form. secrets are the keys of
// people already looked up in this transaction.
func (j *Journal) seal(ctx context.Context, tx *sql.Tx, e Entry, secrets map[string][]byte) (row, error) {
	at := e.At
	if at.IsZero() {
		at = j.now()
	}
	r := row{
		at: at.UnixMicro(), actor: string(e.Actor), behalf: string(e.OnBehalfOf),
		kind: e.Kind, subject: e.Subject, body: "{}",
		commitment: []byte{}, nonce: []byte{}, sealed: []byte{},
	}
	for _, s := range []string{r.actor, r.behalf, string(e.About), r.kind, r.subject} {
		if len(s) > 200 || strings.ContainsAny(s, "\n\x00") || !utf8.ValidString(s) {
			return row{}, fault.New(fault.Invalid, "audit.fault.entry")
		}
	}
	if r.kind == "" {
		return row{}, fault.New(fault.Invalid, "audit.fault.entry")
	}
	body, err := compactJSON(e.Body)
	if err != nil {
		return row{}, err
	}
	if body != nil {
		r.body = string(body)
	}
	personal, err := compactJSON(e.Personal)
	if err != nil || personal == nil {
		return r, err
	}
	r.about = string(e.About)
	if r.about == "" {
		r.about = r.actor
	}
	if secrets[r.about] == nil {
		if secrets[r.about], err = j.subjectSecret(ctx, tx, r.about); err != nil {
			return row{}, err
		}
	}
	r.nonce, r.sealed, r.commitment, err = sealPersonal(secrets[r.about], personal)
	return r, err
}

func compactJSON(raw json.RawMessage) ([]byte, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var b bytes.Buffer
	if !utf8.Valid(raw) || json.Compact(&b, raw) != nil {
		return nil, fault.New(fault.Invalid, "audit.fault.entry")
	}
	if b.Len() > MaxBody {
		return nil, fault.New(fault.TooLarge, "audit.fault.entry")
	}
	return b.Bytes(), nil
}

// Read returns up to limit entries after seq, oldest first, with the personal
// parts that still can be opened.
func (j *Journal) Read(ctx context.Context, after int64, limit int) ([]Entry, error) {
	if err := j.catchUp(ctx); err != nil {
		return nil, err
	}
	return j.read(ctx, after, limit)
}

func (j *Journal) read(ctx context.Context, after int64, limit int) ([]Entry, error) {
	rows, err := j.db.QueryContext(ctx, selectEntry+` WHERE e.seq > $1 ORDER BY e.seq LIMIT $2`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	return scanEntries(rows)
}

const selectEntry = `
	SELECT e.seq, e.at, e.actor, e.behalf, e.about, e.kind, e.subject, e.body, e.commitment, e.nonce, e.sealed, e.leaf, k.secret
	FROM journal_entry e LEFT JOIN journal_subject_key k ON k.subject = e.about`

func scanRow(rows *sql.Rows) (r row, secret []byte, err error) {
	err = rows.Scan(&r.seq, &r.at, &r.actor, &r.behalf, &r.about, &r.kind, &r.subject, &r.body,
		&r.commitment, &r.nonce, &r.sealed, &r.leaf, &secret)
	for _, b := range []*[]byte{&r.commitment, &r.nonce, &r.sealed} {
		if *b == nil { // SQLite gives nil for an empty blob
			*b = []byte{}
		}
	}
	return r, secret, err
}

func scanEntries(rows *sql.Rows) ([]Entry, error) {
	defer rows.Close()
	var out []Entry
	for rows.Next() {
		r, secret, err := scanRow(rows)
		if err != nil {
			return nil, fmt.Errorf("read journal: %w", err)
		}
		out = append(out, r.entry(secret))
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	return out, nil
}

func (r row) entry(secret []byte) Entry {
	e := Entry{
		Seq: r.seq, At: time.UnixMicro(r.at).UTC(), Actor: security.ActorID(r.actor), OnBehalfOf: security.ActorID(r.behalf),
		About: security.ActorID(r.about), Kind: r.kind, Subject: r.subject, Body: json.RawMessage(r.body),
	}
	if len(r.commitment) > 0 {
		if _, personal, err := openPersonal(secret, r.nonce, r.sealed); err == nil {
			e.Personal = personal
		} else {
			e.Erased = len(r.sealed) == 0
		}
	}
	return e
}

// Size returns the number of entries in the log.
func (j *Journal) Size(ctx context.Context) (int64, error) {
	var n int64
	if err := j.db.QueryRowContext(ctx, `SELECT size FROM journal_head WHERE id = 1`).Scan(&n); err != nil {
		return 0, fmt.Errorf("journal head: %w", err)
	}
	return n, nil
}
