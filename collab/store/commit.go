package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"spolupis/collab"
	"spolupis/security/database"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
)

// request is one room's batch on its way through the committer.
type request struct {
	ctx    context.Context
	batch  collab.Batch
	hashes []string
	tried  bool // an attempt ended with an unknown outcome: look before storing again

	last int64 // result, valid once done is closed
	err  error
	done chan struct{}
}

// Limits of one transaction: beyond them a commit no longer gets cheaper per row, only later for those who wait.
const (
	maxRows  = 4000
	maxBytes = 16 << 20
)

// ChecksClaims implements collab.Log.
func (s *Store) ChecksClaims() bool { return s.cfg.Epochs != nil }

// Append implements collab.Log.
func (s *Store) Append(ctx context.Context, b collab.Batch) (int64, error) {
	if len(b.Rows) == 0 {
		return b.Known, nil
	}
	r := &request{ctx: ctx, batch: b, hashes: make([]string, len(b.Rows)), done: make(chan struct{})}
	for i, row := range b.Rows {
		r.hashes[i] = hash(row.Update)
	}
	if err := s.enqueue(r); err != nil {
		return 0, fmt.Errorf("append to %s: %w", b.Document, err)
	}
	<-r.done
	if r.err != nil {
		return 0, fmt.Errorf("append to %s: %w", b.Document, r.err)
	}
	return r.last, nil
}

func (s *Store) enqueue(r *request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	if s.closed {
		return errors.New("store is closed")
	}
	s.queue = append(s.queue, r)
	s.nudge()
	return nil
}

func (s *Store) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take returns the requests of the next transaction, oldest first.
func (s *Store) take() []*request {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows, bytes, n := 0, 0, 0
	for ; n < len(s.queue) && rows < maxRows && bytes < maxBytes; n++ {
		for _, row := range s.queue[n].batch.Rows {
			rows++
			bytes += len(row.Update)
		}
	}
	part := s.queue[:n:n]
	s.queue = s.queue[n:]
	if len(s.queue) == 0 {
		s.queue = nil
	}
	return part
}

// commitLoop owns every request between take and answer.
func (s *Store) commitLoop(ctx context.Context) {
	for {
		part := s.take()
		if len(part) == 0 {
			select {
			case <-s.wake:
				continue
			case <-ctx.Done():
				if part = s.take(); len(part) == 0 {
					return
				}
			}
		}
		began := time.Now()
		s.commitAll(ctx, part)
		if len(part) >= gatherFrom {
			s.gather(ctx, s.gatherTime()-time.Since(began))
		}
	}
}

// gather lets more come together before the next transaction, where many rooms are writing: what each costs by itself, the
// flush above all, is then paid less often. Who writes alone is never kept waiting, nor anybody where commits are slow.
func (s *Store) gather(ctx context.Context, rest time.Duration) {
	if rest <= 0 {
		return
	}
	select {
	case <-time.After(rest):
	case <-ctx.Done():
	}
}

// gatherFrom is from how many rooms in one transaction on the next is waited for.
const gatherFrom = 4

// gatherTime is until how long after the last began. On PostgreSQL larger transactions of several nodes would wait longer for each
// other's documents.
func (s *Store) gatherTime() time.Duration {
	if s.db.Postgres {
		return 5 * time.Millisecond
	}
	return 10 * time.Millisecond
}

// commitAll answers every request of part. While the database is away it tries again; a request whose caller has given up
// is dropped. An error that is the fault of one request must not fail the others, so then each goes alone.
func (s *Store) commitAll(ctx context.Context, part []*request) {
	slices.SortStableFunc(part, func(a, b *request) int { // nodes lock heads in one order: no deadlock
		return strings.Compare(string(a.batch.Document), string(b.batch.Document))
	})
	wait := 5 * time.Millisecond
	for len(part) > 0 {
		part = slices.DeleteFunc(part, func(r *request) bool {
			if r.ctx.Err() == nil {
				return false
			}
			r.answer(r.ctx.Err())
			return true
		})
		if len(part) == 0 {
			return
		}
		err := s.commit(part)
		switch kind := judge(err); {
		case err == nil:
			for _, r := range part {
				r.answer(r.err)
			}
			return
		case kind == fatal:
			s.breakDown(err, part)
			return
		case kind == permanent && len(part) == 1:
			part[0].answer(err)
			return
		case kind == permanent:
			for i := range part {
				s.commitAll(ctx, part[i:i+1:i+1])
			}
			return
		}
		s.cfg.Logger.Warn("database does not take updates, trying again", "error", err, "requests", len(part))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			for _, r := range part {
				r.answer(err)
			}
			return
		}
		wait = min(2*wait, time.Second)
	}
}

func (r *request) answer(err error) {
	r.err = err
	close(r.done)
}

// breakDown refuses everything from now on: the file is damaged, and somebody must look at it.
func (s *Store) breakDown(err error, part []*request) {
	s.cfg.Logger.Error("the database is damaged, no update is acknowledged until restart", "error", err)
	s.mu.Lock()
	s.broken = err
	rest := s.queue
	s.queue = nil
	s.mu.Unlock()
	for _, r := range append(part, rest...) {
		r.answer(err)
	}
}

// commit stores all of part in one transaction. Requests that the log refuses have their err set; the transaction commits
// without them. An error means that the outcome is open for all.
func (s *Store) commit(part []*request) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	defer func() {
		if err != nil {
			for _, r := range part {
				r.tried = true
			}
		}
	}()
	begun, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer begun.Rollback()
	tx := s.db.Often(begun)
	if err := s.readEnds(ctx, tx, part); err != nil {
		return err
	}
	var rows []line
	fresh := make([]*request, 0, len(part)) // not those that are stored already, or refused
	for _, r := range part {
		r.err = nil
		saved, err := s.reserve(ctx, tx, r)
		if err != nil {
			return err
		}
		if !saved && r.err == nil {
			fresh = append(fresh, r)
		}
	}
	if err := s.checkClaims(ctx, tx, fresh); err != nil {
		return err
	}
	for _, r := range fresh {
		if r.err == nil {
			rows = r.lines(rows)
		}
	}
	if err := s.insert(ctx, tx, rows); err != nil {
		return err
	}
	marks, err := s.mark(ctx, tx, rows)
	if err != nil {
		return err
	}
	if err := begun.Commit(); err != nil {
		return err
	}
	s.marked(marks)
	return nil
}

// reserve gives the rows of r their numbers, or sets r.err. It reports true when they were stored by an earlier attempt.
func (s *Store) reserve(ctx context.Context, tx database.Tx, r *request) (saved bool, err error) {
	h, err := s.advance(ctx, tx, r.batch.Document, int64(len(r.batch.Rows)))
	if err != nil {
		return false, err
	}
	if h.sealed {
		if r.tried { // sealed after an attempt that did store
			if r.last, err = s.earlier(ctx, tx, r); err != nil || r.last > 0 {
				return true, err
			}
		}
		r.err = collab.ErrSealed
		return false, nil
	}
	r.last = h.seq
	if r.tried {
		if last, err := s.earlier(ctx, tx, r); err != nil || last > 0 {
			r.last = last
			return true, errors.Join(err, s.giveBack(ctx, tx, r))
		}
	}
	if r.err, err = s.checkHolds(ctx, tx, r.batch, h.leases); err != nil {
		return false, err
	}
	if r.err != nil {
		return false, s.giveBack(ctx, tx, r)
	}
	return false, nil
}

// head is where a document's log stands within a transaction, under the lock of its head row.
type head struct {
	seq, leases int64
	sealed      bool
}

// readEnds looks up where the documents of part stand, on SQLite: nobody else can write in the transaction, so that one look
// serves all of it. The number follows from the rows, and the head row, a page of it for every few documents, is left alone.
func (s *Store) readEnds(ctx context.Context, tx database.Tx, part []*request) error {
	if s.db.Postgres {
		return nil
	}
	clear(s.ends)
	docs := make([]any, 0, len(part))
	for _, r := range part {
		if _, ok := s.ends[r.batch.Document]; !ok {
			s.ends[r.batch.Document] = nil
			docs = append(docs, r.batch.Document)
		}
	}
	for len(docs) > 0 {
		n, query := 1, selectEnd
		if len(docs) >= endsAtOnce {
			n, query = endsAtOnce, selectEnds
		}
		rows, err := tx.QueryContext(ctx, query, docs[:n]...)
		if err != nil {
			return err
		}
		for rows.Next() {
			var doc collab.DocumentID
			h := new(head)
			if err := rows.Scan(&doc, &h.seq, &h.leases, &h.sealed); err != nil {
				rows.Close()
				return err
			}
			s.ends[doc] = h
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		docs = docs[n:]
	}
	return nil
}

// Two texts only, which stay prepared, as in inserting.
const endsAtOnce = 8

var (
	selectEnd  = `SELECT document, ` + endOnSQLite + `, leases, sealed FROM collab_document d WHERE document = ?`
	selectEnds = strings.Replace(selectEnd, "= ?", "IN (?"+strings.Repeat(", ?", endsAtOnce-1)+")", 1)
)

// advance takes the next n numbers of doc, unless it is sealed, and returns where it stands then. On PostgreSQL the head row
// is changed, which keeps the other nodes waiting until the end of the transaction.
func (s *Store) advance(ctx context.Context, tx database.Tx, doc collab.DocumentID, n int64) (h head, err error) {
	if !s.db.Postgres {
		known := s.ends[doc]
		if known == nil {
			if _, err := s.addHead(ctx, tx, doc); err != nil {
				return h, err
			}
			known = new(head)
			s.ends[doc] = known
		}
		if !known.sealed {
			known.seq += n
		}
		return *known, nil
	}
	for {
		err = tx.QueryRowContext(ctx,
			`UPDATE collab_document SET seq = seq + $1 WHERE document = $2 AND sealed = 0 RETURNING seq, leases`,
			n, doc).Scan(&h.seq, &h.leases)
		if !errors.Is(err, sql.ErrNoRows) {
			return h, err
		}
		if added, err := s.addHead(ctx, tx, doc); err != nil || !added {
			return head{sealed: true}, err
		}
	}
}

// addHead adds the head row of a document nobody has written to. It reports false when there is one.
func (s *Store) addHead(ctx context.Context, tx database.Tx, doc collab.DocumentID) (bool, error) {
	res, err := tx.ExecContext(ctx,
		`INSERT INTO collab_document (document, seq, epoch, sealed) VALUES ($1, 0, 1, 0) ON CONFLICT DO NOTHING`, doc)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// giveBack returns reserved numbers that stay unused. The head is locked since they were taken, so nobody saw them.
func (s *Store) giveBack(ctx context.Context, tx database.Tx, r *request) error {
	n := int64(len(r.batch.Rows))
	if !s.db.Postgres {
		s.ends[r.batch.Document].seq -= n
		return nil
	}
	_, err := tx.ExecContext(ctx, `UPDATE collab_document SET seq = seq - $1 WHERE document = $2`, n, r.batch.Document)
	return err
}

// leases are who holds which client ids of a document, as far as was asked for, at one count of its leases, and which minute of
// it is marked.
type leases struct {
	version int64
	holders map[uint64]string
	minute  int64
}

// mostHeld is of how many documents the leases are remembered; beyond, all are forgotten and asked for again.
const mostHeld = 5000

// checkHolds reports whether the holds of b are still in force, at the document's count of leases under the lock of its head.
func (s *Store) checkHolds(ctx context.Context, tx database.Tx, b collab.Batch, version int64) (refusal, err error) {
	known, ok := s.held[b.Document]
	if !ok || known.version != version {
		if len(s.held) >= mostHeld {
			clear(s.held)
		}
		known = leases{version: version, holders: map[uint64]string{}}
		s.held[b.Document] = known
	}
	for _, h := range b.Holds {
		holder, ok := known.holders[h.Client]
		if !ok {
			err := tx.QueryRowContext(ctx,
				`SELECT holder FROM collab_lease WHERE document = $1 AND client = $2`, b.Document, int64(h.Client)).Scan(&holder)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return nil, err
			}
			known.holders[h.Client] = holder
		}
		if holder != h.Holder {
			return collab.ErrFenced, nil
		}
	}
	return nil, nil
}

// checkClaims refuses those of part in which somebody's rights have changed since they were looked up.
func (s *Store) checkClaims(ctx context.Context, tx database.Tx, part []*request) error {
	if s.cfg.Epochs == nil {
		return nil
	}
	var writers []Writer
	for _, r := range part {
		for _, c := range r.batch.Claims {
			writers = append(writers, Writer{c.Person, r.batch.Document})
		}
	}
	if len(writers) == 0 {
		return nil
	}
	epochs, err := s.cfg.Epochs(ctx, tx, writers)
	if err != nil {
		return err
	}
	for i, r := range part {
		for _, c := range r.batch.Claims {
			if epochs[0] != c.Epoch {
				r.err = collab.ErrRevoked
			}
			epochs = epochs[1:]
		}
		if r.err == nil {
			continue
		}
		if err := s.giveBack(ctx, tx, r); err != nil {
			return err
		}
		for _, later := range part[i+1:] {
			if later.batch.Document == r.batch.Document {
				later.last -= int64(len(r.batch.Rows))
			}
		}
	}
	return nil
}

// earlier looks for the rows of r among those stored after what the room knew, and returns the number of the last, or 0.
func (s *Store) earlier(ctx context.Context, tx database.Tx, r *request) (int64, error) {
	rows, err := tx.QueryContext(ctx,
		`SELECT seq, client, hash FROM collab_update WHERE document = $1 AND seq > $2 ORDER BY seq`,
		r.batch.Document, r.batch.Known)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var seqs []int64
	var keys []string
	for rows.Next() {
		var seq, client int64
		var h string
		if err := rows.Scan(&seq, &client, &h); err != nil {
			return 0, err
		}
		seqs, keys = append(seqs, seq), append(keys, fmt.Sprint(client, h))
	}
	n := len(r.batch.Rows)
	for i := 0; i+n <= len(keys); i++ {
		same := true
		for k := 0; k < n && same; k++ {
			same = keys[i+k] == fmt.Sprint(int64(r.batch.Rows[k].Client), r.hashes[k])
		}
		if same {
			return seqs[i+n-1], rows.Err()
		}
	}
	return 0, rows.Err()
}

// line is a row of collab_update with its place.
type line struct {
	doc  collab.DocumentID
	row  collab.Row
	hash string
}

// lines appends the rows of r, numbered.
func (r *request) lines(to []line) []line {
	seq := r.last - int64(len(r.batch.Rows))
	for i, row := range r.batch.Rows {
		seq++
		row.Seq = seq
		to = append(to, line{r.batch.Document, row, r.hashes[i]})
	}
	return to
}

// insert adds rows, several with one statement.
func (s *Store) insert(ctx context.Context, tx database.Tx, rows []line) error {
	args := make([]any, 0, columns*min(len(rows), mostAtOnce))
	for len(rows) > 0 {
		n, query := s.inserting(len(rows))
		args = args[:0]
		for _, l := range rows[:n] {
			args = append(args, l.doc, l.row.Seq, l.row.Person, l.row.Session, int64(l.row.Client), l.row.At.UnixMicro(), l.hash, l.row.Update)
		}
		if _, err := tx.ExecContext(ctx, query, args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

const (
	columns    = 8 // of collab_update
	mostAtOnce = 400
)

// inserting returns how many of left rows to add next and the statement for it. PostgreSQL is asked as seldom as possible. For
// SQLite there are two texts only, which stay prepared, and their parameters have no names: the driver looks for
// each name among all values.
func (s *Store) inserting(left int) (n int, query string) {
	if s.db.Postgres {
		n = min(left, mostAtOnce)
		var q strings.Builder
		for i := range n {
			q.WriteString(", (" + places(1+columns*i, columns) + ")")
		}
		return n, insertInto + q.String()[2:]
	}
	if left >= 16 {
		return 16, insertSixteen
	}
	return 1, insertOne
}

const insertInto = `INSERT INTO collab_update (document, seq, person, session, client, received_at, hash, bytes) VALUES `

// OR FAIL: the transaction is given up after an error anyway, so SQLite need not copy each page before, to undo the statement alone.
var (
	insertOne     = strings.Replace(insertInto, "INSERT", "INSERT OR FAIL", 1) + `(?, ?, ?, ?, ?, ?, ?, ?)`
	insertSixteen = insertOne + strings.Repeat(`, (?, ?, ?, ?, ?, ?, ?, ?)`, 15)
)

// minute is one in which a document was written to.
type minute struct {
	n   int64
	doc collab.DocumentID
}

func minuteOf(at time.Time) int64 { return at.UnixMicro() / 60e6 }

// mark notes in which minutes rows were written, for the journal: who wrote how many is counted from the rows when the minute
// is over, instead of once for each of them. It returns the marks that hold once tx is committed. A mark that is known to be there
// is not made again: whoever takes one away counts the leases of its document, under the lock of its head, so that it is no
// longer known.
func (s *Store) mark(ctx context.Context, tx database.Tx, rows []line) ([]minute, error) {
	var marks []minute
	for _, l := range rows {
		m := minute{minuteOf(l.row.At), l.doc}
		if s.held[l.doc].minute == m.n || slices.Contains(marks, m) {
			continue
		}
		if _, err := tx.ExecContext(ctx,
			`INSERT INTO collab_edit_mark (minute, document, first_seq) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			m.n, m.doc, l.row.Seq); err != nil {
			return nil, err
		}
		marks = append(marks, m)
	}
	return marks, nil
}

// marked remembers marks that are durable.
func (s *Store) marked(marks []minute) {
	for _, m := range marks {
		if known, ok := s.held[m.doc]; ok {
			known.minute = m.n
			s.held[m.doc] = known
		}
	}
}

type judgement int

const (
	again     judgement = iota // the database is away, full, busy or its disk fails: wait and try again
	permanent                  // the statement will never succeed
	fatal                      // the file is damaged: nothing may be acknowledged any more
)

// judge says what to do about an error of a transaction.
func judge(err error) judgement {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case 5, 6, 13, 14: // SQLITE_BUSY, LOCKED, FULL, CANTOPEN
			return again
		case 10: // SQLITE_IOERR; a flush is never repeated alone: the next attempt writes the same frames of the WAL again
			return again
		case 11, 26: // SQLITE_CORRUPT, NOTADB
			return fatal
		}
		return permanent
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code[:2] {
		case "08", "25", "40", "53", "55", "57": // connection, read-only, rollback, resources, locks, shutdown
			return again
		}
		return permanent
	}
	return again // the connection broke, or the deadline passed
}
