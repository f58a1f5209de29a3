// Package store keeps the update log, the leases and the snapshots of live documents in the database, SQLite or
// PostgreSQL, and tells the journal who wrote when.
//
// One committer per process takes whatever updates are waiting, of all rooms, writes them in one transaction and answers
// each room after the commit: the busier the service, the larger the batches, and one flush of the disk serves all.
package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"time"

	"spolupis/collab"
	"spolupis/security"
	"spolupis/security/database"
	"spolupis/security/journal"
)

//go:embed *.sql
var files embed.FS

// Migrations creates the tables of live editing.
var Migrations fs.FS = files

// Journal is what the store needs of security/journal.
type Journal interface {
	Append(ctx context.Context, tx *sql.Tx, entries ...journal.Entry) error
	Recorded(ctx context.Context, who security.Actor, kind, subject string, body any) error
}

// Config says how a Store works. Journal and Now are required.
type Config struct {
	Journal Journal
	Now     func() time.Time
	Logger  *slog.Logger // nil = slog.Default()

	// Epochs, when given, is asked within the transaction that stores updates, once for all of them, so that not one is
	// stored after the commit that withdrew a right. For each of writers it must return what collab.Rights.Epoch returns.
	Epochs func(ctx context.Context, tx database.Tx, writers []Writer) ([]int64, error)
}

// Writer is somebody who writes in a document.
type Writer struct {
	Person   security.ActorID
	Document collab.DocumentID
}

// Store implements collab.Log, collab.Leases and collab.Witness. It is safe for concurrent use.
type Store struct {
	db       *database.DB
	together *database.Together // leases of many who come at once
	cfg      Config

	stop context.CancelFunc
	wg   sync.WaitGroup
	wake chan struct{}
	held map[collab.DocumentID]leases // owned by commitLoop
	ends map[collab.DocumentID]*head  // owned by commitLoop; of the transaction at hand, on SQLite

	mu     sync.Mutex
	queue  []*request      // guarded by mu; waiting for the committer
	left   []journal.Entry // guarded by mu; departures the journal has not been told yet
	broken error           // guarded by mu; set once when the disk reported an error: nothing is acknowledged any more
	closed bool            // guarded by mu
}

var (
	_ collab.Log     = (*Store)(nil)
	_ collab.Leases  = (*Store)(nil)
	_ collab.Witness = (*Store)(nil)
)

// New returns a Store on db, whose schema must include Migrations, and starts its committer. Close stops it.
func New(db *database.DB, cfg Config) *Store {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Store{db: db, together: database.NewTogether(db), cfg: cfg, stop: stop, wake: make(chan struct{}, 1), held: map[collab.DocumentID]leases{}, ends: map[collab.DocumentID]*head{}}
	s.wg.Go(func() { s.commitLoop(ctx) })
	s.wg.Go(func() { s.journalLoop(ctx) })
	return s
}

// Close writes what waits, tells the journal what is left and stops. Close the Hub first.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.wg.Wait()
	ctx, done := context.WithTimeout(context.Background(), 5*time.Second)
	defer done()
	return s.tellJournal(ctx, s.cfg.Now().Add(time.Minute))
}

// Load implements collab.Log. A snapshot whose hash does not fit is passed over for an older one or the whole log.
func (s *Store) Load(ctx context.Context, doc collab.DocumentID) (collab.Stored, error) {
	out := collab.Stored{}
	state, err := s.state(ctx, doc)
	if err != nil {
		return out, fmt.Errorf("load %s: %w", doc, err)
	}
	out.State = state
	if state.Seq > 0 {
		if out.Snapshot, out.SnapshotSeq, err = s.snapshot(ctx, doc); err != nil {
			return out, fmt.Errorf("load %s: %w", doc, err)
		}
		if out.Rows, err = s.rows(ctx, doc, out.SnapshotSeq, 1<<31-1); err != nil {
			return out, fmt.Errorf("load %s: %w", doc, err)
		}
	}
	last := out.SnapshotSeq
	if n := len(out.Rows); n > 0 {
		last = out.Rows[n-1].Seq
	}
	if last < state.Seq {
		return out, fmt.Errorf("load %s: log ends at %d, head says %d", doc, last, state.Seq)
	}
	out.Seq = last // rows may have been added since the head was read
	return out, nil
}

// endOnSQLite is the number of the last row of document d: there seq in its head row is brought up to date now and then only.
const endOnSQLite = `max(d.seq, coalesce((SELECT max(u.seq) FROM collab_update u WHERE u.document = d.document), 0))`

// end is the number of the last row of document d.
func (s *Store) end() string {
	if s.db.Postgres {
		return `d.seq`
	}
	return endOnSQLite
}

func (s *Store) state(ctx context.Context, doc collab.DocumentID) (collab.State, error) {
	st := collab.State{Epoch: 1}
	var sealed int
	err := s.db.QueryRowContext(ctx, `SELECT `+s.end()+`, epoch, sealed FROM collab_document d WHERE document = $1`, doc).
		Scan(&st.Seq, &st.Epoch, &sealed)
	st.Sealed = sealed != 0
	if errors.Is(err, sql.ErrNoRows) {
		return st, nil
	}
	return st, err
}

func (s *Store) snapshot(ctx context.Context, doc collab.DocumentID) ([]byte, int64, error) {
	rows, err := s.db.QueryContext(ctx,
		`SELECT seq, hash, bytes FROM collab_snapshot WHERE document = $1 ORDER BY seq DESC LIMIT 3`, doc)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var seq int64
		var want string
		var b []byte
		if err := rows.Scan(&seq, &want, &b); err != nil {
			return nil, 0, err
		}
		if hash(b) == want {
			return b, seq, nil
		}
		s.cfg.Logger.Error("snapshot is damaged, passing it over", "document", doc, "seq", seq)
	}
	return nil, 0, rows.Err()
}

func (s *Store) rows(ctx context.Context, doc collab.DocumentID, after int64, limit int) ([]collab.Row, error) {
	rows, err := s.db.QueryContext(ctx,
		`SELECT seq, person, session, client, received_at, hash, bytes FROM collab_update
		WHERE document = $1 AND seq > $2 ORDER BY seq LIMIT $3`, doc, after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []collab.Row
	for rows.Next() {
		var r collab.Row
		var at, client int64
		var want string
		if err := rows.Scan(&r.Seq, &r.Person, &r.Session, &client, &at, &want, &r.Update); err != nil {
			return nil, err
		}
		if after++; r.Seq != after {
			return nil, fmt.Errorf("row %d is missing", after)
		}
		if hash(r.Update) != want {
			return nil, fmt.Errorf("row %d is damaged", r.Seq)
		}
		r.Client, r.At = uint64(client), time.UnixMicro(at).UTC()
		out = append(out, r)
	}
	return out, rows.Err()
}

// Since implements collab.Log.
func (s *Store) Since(ctx context.Context, doc collab.DocumentID, seq int64, limit int) ([]collab.Row, collab.State, error) {
	st, err := s.state(ctx, doc)
	if err != nil {
		return nil, st, fmt.Errorf("read %s after %d: %w", doc, seq, err)
	}
	if st.Seq <= seq {
		return nil, st, nil
	}
	rows, err := s.rows(ctx, doc, seq, limit)
	if err != nil {
		return nil, st, fmt.Errorf("read %s after %d: %w", doc, seq, err)
	}
	return rows, st, nil
}

// Heads implements collab.Log.
func (s *Store) Heads(ctx context.Context, docs []collab.DocumentID) (map[collab.DocumentID]collab.State, error) {
	out := make(map[collab.DocumentID]collab.State, len(docs))
	for len(docs) > 0 {
		part := docs[:min(len(docs), 500)]
		docs = docs[len(part):]
		if err := s.heads(ctx, part, out); err != nil {
			return nil, fmt.Errorf("read heads: %w", err)
		}
	}
	return out, nil
}

func (s *Store) heads(ctx context.Context, docs []collab.DocumentID, out map[collab.DocumentID]collab.State) error {
	args := make([]any, len(docs))
	for i, d := range docs {
		args[i] = d
	}
	rows, err := s.db.QueryContext(ctx,
		`SELECT document, `+s.end()+`, epoch, sealed FROM collab_document d WHERE document IN (`+places(1, len(docs))+`)`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var d collab.DocumentID
		var st collab.State
		var sealed int
		if err := rows.Scan(&d, &st.Seq, &st.Epoch, &sealed); err != nil {
			return err
		}
		st.Sealed = sealed != 0
		out[d] = st
	}
	return rows.Err()
}

// places returns "$from, $from+1, …" of n places.
func places(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", from+i)
	}
	return b.String()
}

// Seal implements collab.Log.
func (s *Store) Seal(ctx context.Context, doc collab.DocumentID) (collab.State, error) {
	return s.setSealed(ctx, doc, 1)
}

// Reopen implements collab.Log.
func (s *Store) Reopen(ctx context.Context, doc collab.DocumentID) (collab.State, error) {
	return s.setSealed(ctx, doc, 0)
}

func (s *Store) setSealed(ctx context.Context, doc collab.DocumentID, sealed int) (collab.State, error) {
	st := collab.State{Sealed: sealed != 0}
	err := s.db.QueryRowContext(ctx,
		`INSERT INTO collab_document AS d (document, seq, epoch, sealed) VALUES ($1, 0, 1, $2)
		ON CONFLICT (document) DO UPDATE SET sealed = excluded.sealed, seq = `+s.end()+` RETURNING seq, epoch`, doc, sealed).Scan(&st.Seq, &st.Epoch)
	if err != nil {
		return st, fmt.Errorf("set sealed=%d on %s: %w", sealed, doc, err)
	}
	return st, nil
}

// Snapshot implements collab.Log. The two newest are kept, so that a damaged one costs time only.
func (s *Store) Snapshot(ctx context.Context, doc collab.DocumentID, seq int64, state []byte) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("snapshot %s at %d: %w", doc, seq, err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx,
		`INSERT INTO collab_snapshot (document, seq, at, hash, bytes) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
		doc, seq, s.cfg.Now().UnixMicro(), hash(state), state); err != nil {
		return fmt.Errorf("snapshot %s at %d: %w", doc, seq, err)
	}
	if _, err := tx.ExecContext(ctx,
		`DELETE FROM collab_snapshot WHERE document = $1 AND seq NOT IN
		(SELECT seq FROM collab_snapshot WHERE document = $1 ORDER BY seq DESC LIMIT 2)`, doc); err != nil {
		return fmt.Errorf("drop old snapshots of %s: %w", doc, err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("snapshot %s at %d: %w", doc, seq, err)
	}
	return nil
}

// Hold implements collab.Leases. It locks the head of the log: an Append either commits before it, and whoever asked finds
// the rows in the log, or comes after it and is fenced.
func (s *Store) Hold(ctx context.Context, doc collab.DocumentID, who security.Actor, client uint64, holder string) (uint64, error) {
	for range 8 { // a drawn id that is taken already: draw again
		drawn := client
		if client == 0 {
			drawn = draw()
		}
		owner, err := s.hold(ctx, doc, who, drawn, holder)
		if err != nil {
			return 0, fmt.Errorf("lease client id in %s: %w", doc, err)
		}
		if owner == who.ID {
			return drawn, nil
		}
		if client != 0 {
			return 0, collab.ErrLeased
		}
	}
	return 0, fmt.Errorf("lease client id in %s: no free one found", doc)
}

func (s *Store) hold(ctx context.Context, doc collab.DocumentID, who security.Actor, client uint64, holder string) (owner security.ActorID, err error) {
	err = s.together.Do(ctx, func(ctx context.Context, begun *sql.Tx) error {
		tx := s.db.Often(begun)
		if s.db.Postgres { // on SQLite nobody else writes until the end of the transaction
			if _, err := tx.ExecContext(ctx,
				`INSERT INTO collab_document (document, seq, epoch, sealed) VALUES ($1, 0, 1, 0)
				ON CONFLICT (document) DO UPDATE SET seq = collab_document.seq`, doc); err != nil {
				return err
			}
		}
		res, err := tx.ExecContext(ctx,
			`INSERT INTO collab_lease (document, client, person, session, holder, leased_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (document, client) DO UPDATE SET session = excluded.session, holder = excluded.holder
			WHERE collab_lease.person = excluded.person`,
			doc, int64(client), who.ID, who.Session, holder, s.cfg.Now().UnixMicro())
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n > 0 {
			owner = who.ID
			return err
		}
		return tx.QueryRowContext(ctx,
			`SELECT person FROM collab_lease WHERE document = $1 AND client = $2`, doc, int64(client)).Scan(&owner)
	})
	return owner, err
}

// Owner implements collab.Leases.
func (s *Store) Owner(ctx context.Context, doc collab.DocumentID, client uint64) (owner security.ActorID, err error) {
	err = s.db.QueryRowContext(ctx,
		`SELECT person FROM collab_lease WHERE document = $1 AND client = $2`, doc, int64(client)).Scan(&owner)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read lease in %s: %w", doc, err)
	}
	return owner, nil
}

// draw returns a random client id of 53 bits that no browser draws for itself: those of Yjs 13 have 32.
func draw() uint64 {
	var b [8]byte
	for {
		rand.Read(b[:])
		if id := binary.LittleEndian.Uint64(b[:]) >> 11; id >= 1<<32 {
			return id
		}
	}
}

func hash(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
