package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"spolupis/documents"
	"spolupis/documents/mail"
	"spolupis/security"
	"spolupis/security/database"
)

// Outbox implements mail.Store. Zone is that of the hour of digests.
type Outbox struct {
	DB   *database.DB
	Zone *time.Location
}

var _ mail.Store = Outbox{}

const selectMail = `SELECT person, address, lang, mode, kinds, hour FROM documents_mail`

func scanMail(r row) (m documents.MailSetting, err error) {
	var kinds string
	if err = r.Scan(&m.Person, &m.Address, &m.Lang, &m.Mode, &kinds, &m.Hour); err != nil {
		return m, err
	}
	return m, json.Unmarshal([]byte(kinds), &m.Kinds)
}

func (r reader) MailSetting(ctx context.Context, who security.ActorID) (documents.MailSetting, error) {
	m, err := scanMail(r.q.QueryRowContext(ctx, selectMail+` WHERE person = $1`, who))
	if errors.Is(err, sql.ErrNoRows) {
		return documents.MailSetting{Person: who}, nil
	}
	return m, err
}

func (r reader) MailedNow(ctx context.Context, kind string) ([]security.ActorID, error) {
	all, err := query(ctx, r.q, scanMail, selectMail+` WHERE address <> '' AND (mode = 'now' OR kinds LIKE $1)`, `%"`+kind+`":"now"%`)
	var out []security.ActorID
	for _, m := range all {
		if m.Of(kind) == documents.MailNow {
			out = append(out, m.Person)
		}
	}
	return out, err
}

func (t *tx) SetMailSetting(ctx context.Context, m documents.MailSetting, digest time.Time) error {
	kinds, err := json.Marshal(m.Kinds)
	if err != nil {
		return err
	}
	if m.Kinds == nil {
		kinds = []byte("{}")
	}
	return t.exec(ctx, `
		INSERT INTO documents_mail (person, address, lang, mode, kinds, hour, digest_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (person) DO UPDATE SET address = excluded.address, lang = excluded.lang, mode = excluded.mode, kinds = excluded.kinds, hour = excluded.hour, digest_at = excluded.digest_at`,
		m.Person, m.Address, m.Lang, m.Mode, string(kinds), m.Hour, micros(digest))
}

// post puts a notice into the outbox, in the transaction that writes it, when
// its person wants to be told of it by mail.
func (t *tx) post(ctx context.Context, n documents.Notice) error {
	m, err := t.MailSetting(ctx, n.Person)
	if err != nil {
		return err
	}
	due, digest := n.At, 0
	switch m.Of(n.Kind) {
	case documents.MailNow:
	case documents.MailDaily:
		// With the next digest: when that is, is known when it comes.
		digest = 1
	default:
		return nil
	}
	return t.exec(ctx, `INSERT INTO documents_outbox (person, notice, digest, due_at, batch, attempts, error, done_at) VALUES ($1, $2, $3, $4, '', 0, '', 0)`,
		n.Person, n.Seq, digest, micros(due))
}

// Batches implements mail.Store.
func (o Outbox) Batches(ctx context.Context, now, until time.Time, limit int) ([]mail.Batch, error) {
	if err := o.digests(ctx, now, limit); err != nil {
		return nil, err
	}
	if err := o.bind(ctx, now, limit); err != nil {
		return nil, err
	}
	due, err := query(ctx, o.DB, func(r row) (b string, err error) { return b, r.Scan(&b) },
		`SELECT DISTINCT batch FROM documents_outbox WHERE done_at = 0 AND due_at <= $1 AND batch <> '' LIMIT $2`, micros(now), limit)
	if err != nil {
		return nil, err
	}
	var out []mail.Batch
	for _, id := range due {
		res, err := o.DB.ExecContext(ctx, `UPDATE documents_outbox SET due_at = $1 WHERE batch = $2 AND done_at = 0 AND due_at <= $3`, micros(until), id, micros(now))
		if err != nil {
			return nil, err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			continue // another node was first
		}
		b, err := o.batch(ctx, id)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// digests begins the digests whose hour has come.
func (o Outbox) digests(ctx context.Context, now time.Time, limit int) error {
	due, err := query(ctx, o.DB, scanMail, selectMail+` WHERE mode = 'daily' AND digest_at <= $1 LIMIT $2`, micros(now), limit)
	if err != nil {
		return err
	}
	for _, m := range due {
		if err := o.within(ctx, func(tx *sql.Tx) error {
			res, err := tx.ExecContext(ctx, `UPDATE documents_mail SET digest_at = $1 WHERE person = $2 AND mode = 'daily' AND digest_at <= $3`,
				micros(m.NextDigest(now, o.Zone)), m.Person, micros(now))
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil || n == 0 || m.Address == "" {
				return err
			}
			_, err = tx.ExecContext(ctx, `INSERT INTO documents_outbox (person, notice, digest, due_at, batch, attempts, error, done_at) VALUES ($1, 0, 1, $2, '', 0, '', 0)`, m.Person, micros(now))
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// bind makes messages of loose rows: those to be sent at once, and digests with
// the notices that waited for them.
func (o Outbox) bind(ctx context.Context, now time.Time, limit int) error {
	type loose struct {
		person security.ActorID
		digest int
	}
	some, err := query(ctx, o.DB, func(r row) (l loose, err error) { return l, r.Scan(&l.person, &l.digest) }, `
		SELECT DISTINCT person, digest FROM documents_outbox WHERE done_at = 0 AND batch = '' AND due_at <= $1 AND (digest = 0 OR notice = 0) LIMIT $2`, micros(now), limit)
	if err != nil {
		return err
	}
	for _, l := range some {
		if _, err := o.DB.ExecContext(ctx, `UPDATE documents_outbox SET batch = $1, due_at = $2 WHERE person = $3 AND digest = $4 AND batch = '' AND done_at = 0 AND due_at <= $2`,
			"m-"+strings.ToLower(rand.Text()), micros(now), l.person, l.digest); err != nil {
			return err
		}
	}
	return nil
}

func (o Outbox) batch(ctx context.Context, id string) (b mail.Batch, err error) {
	b.ID = id
	var person security.ActorID
	var digest int
	if err := o.DB.QueryRowContext(ctx, `SELECT person, max(digest), max(attempts) FROM documents_outbox WHERE batch = $1 GROUP BY person`, id).Scan(&person, &digest, &b.Attempts); err != nil {
		return b, err
	}
	b.Digest = digest == 1
	if b.Setting, err = (reader{o.DB}).MailSetting(ctx, person); err != nil {
		return b, err
	}
	b.Notices, err = query(ctx, o.DB, scanNotice, `
		SELECT n.seq, n.person, n.kind, n.material, n.version, n.args, n.link, n.at, n.seen_at
		FROM documents_outbox x JOIN documents_notice n ON n.seq = x.notice WHERE x.batch = $1 AND n.person = x.person ORDER BY n.seq LIMIT 200`, id)
	return b, err
}

// Sent implements mail.Store.
func (o Outbox) Sent(ctx context.Context, batch string, at time.Time) error {
	_, err := o.DB.ExecContext(ctx, `UPDATE documents_outbox SET done_at = $1, error = '', attempts = attempts + 1 WHERE batch = $2 AND done_at = 0`, micros(at), batch)
	return err
}

// Failed implements mail.Store.
func (o Outbox) Failed(ctx context.Context, batch, why string, next time.Time) error {
	why = strings.ToValidUTF8(why[:min(len(why), 500)], "")
	if next.IsZero() {
		_, err := o.DB.ExecContext(ctx, `UPDATE documents_outbox SET done_at = due_at, error = $1, attempts = attempts + 1 WHERE batch = $2 AND done_at = 0`, why, batch)
		return err
	}
	_, err := o.DB.ExecContext(ctx, `UPDATE documents_outbox SET due_at = $1, error = $2, attempts = attempts + 1 WHERE batch = $3 AND done_at = 0`, micros(next), why, batch)
	return err
}

func (o Outbox) within(ctx context.Context, do func(tx *sql.Tx) error) error {
	tx, err := o.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// Outgoing lists what was and will be sent, newest first.
func (s *Store) Outgoing(ctx context.Context, limit int) ([]documents.Outgoing, error) {
	return query(ctx, s.db, func(r row) (x documents.Outgoing, err error) {
		var due, done int64
		var digest int
		err = r.Scan(&x.Person, &x.Kind, &digest, &due, &x.Attempts, &x.Error, &done)
		x.Due, x.Done, x.Digest = at(due), at(done), digest == 1
		return x, err
	}, `SELECT x.person, coalesce(n.kind, ''), x.digest, x.due_at, x.attempts, x.error, x.done_at
		FROM documents_outbox x LEFT JOIN documents_notice n ON n.seq = x.notice ORDER BY x.id DESC LIMIT $1`, limit)
}
