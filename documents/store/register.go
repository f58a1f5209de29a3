package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"spolupis/documents"
	"spolupis/documents/register"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// Register implements register.Store beside the materials whose events it counts.
type Register struct {
	registerReader
	s *Store
}

var _ register.Store = (*Register)(nil)

// Register returns the agenda register kept in the same database.
func (s *Store) Register() *Register { return &Register{registerReader{s.reader}, s} }

type registerReader struct{ reader }

type registerTx struct {
	registerReader
	t *tx
}

// Write runs do in one transaction.
func (r *Register) Write(ctx context.Context, do func(register.Tx) error) error {
	return r.s.Write(ctx, func(t documents.Tx) error {
		x := t.(*tx)
		return do(&registerTx{registerReader{x.reader}, x})
	})
}

const selectRegister = `SELECT version, body, changed_by, changed_at, note FROM documents_register`

func scanEntry(r row) (k register.Kept, err error) {
	var raw string
	var changed int64
	if err = r.Scan(&k.Version, &raw, &k.ChangedBy, &changed, &k.Note); err != nil {
		return k, err
	}
	k.ChangedAt = at(changed)
	if err := json.Unmarshal([]byte(raw), &k.Entry); err != nil {
		return k, fmt.Errorf("entry of the register: %w", err)
	}
	return k, nil
}

func (r registerReader) Entries(ctx context.Context) ([]register.Kept, error) {
	return query(ctx, r.q, scanEntry, selectRegister+` WHERE kind = 'agenda' ORDER BY name, id LIMIT $1`, register.MaxAgendas)
}

func (r registerReader) Entry(ctx context.Context, id register.ID) (register.Kept, error) {
	k, err := scanEntry(r.q.QueryRowContext(ctx, selectRegister+` WHERE kind = 'agenda' AND id = $1`, id))
	return k, gone(err, "register.fault.gone")
}

func (r registerReader) Past(ctx context.Context, id register.ID, before, limit int) ([]register.Kept, error) {
	if before <= 0 {
		before = 1 << 30
	}
	return query(ctx, r.q, scanEntry, `
		SELECT version, body, changed_by, changed_at, note FROM documents_register_version
		WHERE kind = 'agenda' AND id = $1 AND version < $2 ORDER BY version DESC LIMIT $3`, id, before, limit)
}

func (r registerReader) Plan(ctx context.Context) (k register.KeptPlan, err error) {
	var raw, note string
	var changed int64
	err = r.q.QueryRowContext(ctx, selectRegister+` WHERE kind = 'plan' AND id = 'plan'`).Scan(&k.Version, &raw, &k.ChangedBy, &changed, &note)
	if errors.Is(err, sql.ErrNoRows) {
		return register.KeptPlan{}, nil
	}
	if err != nil {
		return k, err
	}
	k.ChangedAt = at(changed)
	return k, json.Unmarshal([]byte(raw), &k.Plan)
}

func (t *registerTx) Lock(ctx context.Context) error {
	return t.t.exec(ctx, `UPDATE documents_register_lock SET n = n + 1 WHERE id = 1`)
}

func (t *registerTx) Put(ctx context.Context, k register.Kept) error {
	raw, err := json.Marshal(k.Entry)
	if err != nil {
		return err
	}
	return t.put(ctx, "agenda", string(k.ID), documents.Fold(k.Name), k.Version, string(raw), string(k.ChangedBy), k.ChangedAt, k.Note)
}

func (t *registerTx) PutPlan(ctx context.Context, k register.KeptPlan) error {
	raw, err := json.Marshal(k.Plan)
	if err != nil {
		return err
	}
	return t.put(ctx, "plan", "plan", "", k.Version, string(raw), string(k.ChangedBy), k.ChangedAt, "")
}

// put adds a version and makes it the one in force. A version that is there
// already is somebody else's, and refused by the table.
func (t *registerTx) put(ctx context.Context, kind, id, name string, version int, raw, by string, when time.Time, note string) error {
	if err := t.t.exec(ctx, `
		INSERT INTO documents_register_version (kind, id, version, body, changed_by, changed_at, note) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		kind, id, version, raw, by, micros(when), note); err != nil {
		return err
	}
	return t.t.exec(ctx, `
		INSERT INTO documents_register (kind, id, name, version, body, changed_by, changed_at, note) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (kind, id) DO UPDATE SET name = excluded.name, version = excluded.version, body = excluded.body,
			changed_by = excluded.changed_by, changed_at = excluded.changed_at, note = excluded.note`,
		kind, id, name, version, raw, by, micros(when), note)
}

func (t *registerTx) Record(ctx context.Context, entries ...journal.Entry) error {
	return t.t.Record(ctx, entries...)
}

func (t *registerTx) AddPaper(ctx context.Context, p register.PaperIn) error {
	return t.t.exec(ctx, `INSERT INTO documents_register_paper (id, agenda, day, count, phase, note, person, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		p.ID, p.Agenda, p.Day, p.Count, p.Phase, p.Note, p.By, micros(p.At))
}

func (r *Register) Papers(ctx context.Context, id register.ID, limit int) ([]register.PaperIn, error) {
	return query(ctx, r.q, func(r row) (p register.PaperIn, err error) {
		var when int64
		err = r.Scan(&p.ID, &p.Agenda, &p.Day, &p.Count, &p.Phase, &p.Note, &p.By, &when)
		p.At = at(when)
		return p, err
	}, `SELECT id, agenda, day, count, phase, note, person, at FROM documents_register_paper WHERE agenda = $1 ORDER BY day DESC, id DESC LIMIT $2`, id, limit)
}

func (r *Register) PaperSums(ctx context.Context, since register.Day) (map[register.ID]int, error) {
	out := map[register.ID]int{}
	_, err := query(ctx, r.q, func(r row) (struct{}, error) {
		var id register.ID
		var n int
		err := r.Scan(&id, &n)
		out[id] = n
		return struct{}{}, err
	}, `SELECT agenda, CAST(sum(count) AS BIGINT) FROM documents_register_paper WHERE day >= $1 GROUP BY agenda`, since)
	return out, err
}

func (r *Register) Counts(ctx context.Context, since register.Month) (map[documents.AgendaID]map[register.Event]int, error) {
	out := map[documents.AgendaID]map[register.Event]int{}
	_, err := query(ctx, r.q, func(r row) (struct{}, error) {
		var id documents.AgendaID
		var e register.Event
		var n int
		err := r.Scan(&id, &e, &n)
		if out[id] == nil {
			out[id] = map[register.Event]int{}
		}
		out[id][e] = n
		return struct{}{}, err
	}, `SELECT agenda, event, CAST(sum(n) AS BIGINT) FROM documents_register_count WHERE month >= $1 GROUP BY agenda, event`, since)
	return out, err
}

// Follow counts the events of materials; run it whenever the journal grows
// (journal.Keep). Each event counts once: the count and the follower's cursor
// are one transaction.
func (r *Register) Follow(ctx context.Context) (int, error) {
	return r.s.journal.Follow(ctx, "documents.register", r.s.count)
}

func (s *Store) count(ctx context.Context, t *sql.Tx, e journal.Entry) error {
	event := register.EventOf(e.Kind)
	if event == "" {
		return nil
	}
	id, ok := strings.CutPrefix(e.Subject, "document:")
	if !ok {
		return nil
	}
	m, err := reader{t}.Material(ctx, documents.MaterialID(id))
	if errors.Is(err, fault.NotFound) { // an import that was undone
		return nil
	}
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `
		INSERT INTO documents_register_count (agenda, event, month, n) VALUES ($1, $2, $3, 1)
		ON CONFLICT (agenda, event, month) DO UPDATE SET n = documents_register_count.n + 1`, m.Agenda, event, e.At.UTC().Format("2006-01"))
	return err
}
