package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// List returns one page of the materials who may see, by keyset: a page is as
// quick at the end of the list as at its beginning.
func (s *Store) List(ctx context.Context, who security.Actor, q documents.Query) (documents.Page, error) {
	text, args := selectMaterial+` WHERE m.state <> $1`, []any{documents.Importing}
	and := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(args)), 1)
		}
		text += " AND " + condition
	}
	if q.State != "" {
		and(`m.state = ?`, q.State)
	}
	if q.Agenda != "" {
		and(`m.agenda = ?`, q.Agenda)
	}
	if q.Unit != "" {
		and(`m.unit = ?`, q.Unit)
	}
	for _, word := range strings.Fields(q.Text) {
		and(`m.folded LIKE ? ESCAPE '\'`, "%"+strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(word)+"%")
	}
	if q.After != "" {
		changed, id, err := cursor(q.After)
		if err != nil {
			return documents.Page{}, err
		}
		and(`(m.changed_at, m.id) < (?, ?)`, changed, id)
	}
	visible, more := s.rights.Filter(who, len(args)+1)
	// The || keeps planners from fetching every visible material by id and
	// sorting them all: the order comes from the index, the list only filters.
	text += ` AND m.id || '' IN (` + visible + `)`
	args = append(append(args, more...), q.Limit+1)
	text += ` ORDER BY m.changed_at DESC, m.id DESC LIMIT $` + strconv.Itoa(len(args))
	found, err := query(ctx, s.db, scanMaterial, text, args...)
	if err != nil {
		return documents.Page{}, fmt.Errorf("list materials: %w", err)
	}
	if len(found) <= q.Limit {
		return documents.Page{Materials: found}, nil
	}
	found = found[:q.Limit]
	last := found[len(found)-1]
	return documents.Page{Materials: found, Next: fmt.Sprintf("%d.%s", micros(last.ChangedAt), last.ID)}, nil
}

func cursor(after string) (changed int64, id string, err error) {
	number, id, ok := strings.Cut(after, ".")
	changed, err = strconv.ParseInt(number, 10, 64)
	if !ok || err != nil {
		return 0, "", fault.New(fault.Invalid, "documents.fault.page")
	}
	return changed, id, nil
}

func (s *Store) Notices(ctx context.Context, who security.ActorID, before int64, limit int) ([]documents.Notice, error) {
	if before == 0 {
		before = 1 << 62
	}
	return query(ctx, s.db, func(r row) (n documents.Notice, err error) {
		var made, seen int64
		var args string
		if err = r.Scan(&n.Seq, &n.Person, &n.Kind, &n.Material, &n.Version, &args, &n.Link, &made, &seen); err != nil {
			return n, err
		}
		n.At, n.SeenAt = at(made), at(seen)
		return n, json.Unmarshal([]byte(args), &n.Args)
	}, `SELECT seq, person, kind, material, version, args, link, at, seen_at FROM documents_notice WHERE person = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3`,
		who, before, limit)
}

func (s *Store) Unseen(ctx context.Context, who security.ActorID) (n int, err error) {
	return n, s.db.QueryRowContext(ctx, `SELECT count(*) FROM documents_notice WHERE person = $1 AND seen_at = 0`, who).Scan(&n)
}

func (t *tx) AddNotice(ctx context.Context, n documents.Notice) error {
	args, err := json.Marshal(n.Args)
	if err != nil {
		return err
	}
	var cause sql.NullInt64
	if n.Cause != 0 {
		cause = sql.NullInt64{Int64: n.Cause, Valid: true}
	}
	return t.exec(ctx, `
		INSERT INTO documents_notice (person, kind, material, version, args, link, at, seen_at, cause) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8)
		ON CONFLICT DO NOTHING`, n.Person, n.Kind, n.Material, n.Version, string(args), n.Link, micros(n.At), cause)
}

func (t *tx) SeeNotices(ctx context.Context, who security.ActorID, upTo int64, when time.Time) error {
	return t.exec(ctx, `UPDATE documents_notice SET seen_at = $1 WHERE person = $2 AND seq <= $3 AND seen_at = 0`, micros(when), who, upTo)
}

func scanTask(r row) (t documents.Task, err error) {
	var due, since int64
	err = r.Scan(&t.What, &t.Title, &t.Number, &t.Link, &t.Count, &due, &since)
	t.Due, t.Since = at(due), at(since)
	return t, err
}

// maxTasks is how many tasks of one kind an inbox shows.
const maxTasks = 200

func (s *Store) Asked(ctx context.Context, who security.ActorID) ([]documents.Task, error) {
	return query(ctx, s.db, scanTask, `
		SELECT 'approve', m.title, m.number, '/documents/' || m.id || '/route', 0, 0, o.started_at
		FROM documents_member b
		JOIN documents_route o ON o.id = b.route AND o.state = 'running' AND o.current = b.step
		JOIN documents_material m ON m.id = o.material
		WHERE b.person = $1 AND b.act = '' ORDER BY o.started_at LIMIT $2`, who, maxTasks)
}

func (s *Store) ToComment(ctx context.Context, who security.ActorID, unit security.UnitID) ([]documents.Task, error) {
	return query(ctx, s.db, scanTask, `
		SELECT 'comment', m.title, m.number, '/documents/' || m.id || '/comments', 0, o.due, o.started_at
		FROM documents_round_unit u
		JOIN documents_round o ON o.id = u.round AND o.closed_at = 0
		JOIN documents_material m ON m.id = o.material AND m.state = 'commenting'
		WHERE u.unit = $1 AND m.drafter <> $2
		AND NOT EXISTS (SELECT 1 FROM documents_comment c WHERE c.material = m.id AND c.author = $2 AND c.at >= o.started_at)
		ORDER BY o.due LIMIT $3`, unit, who, maxTasks)
}

func (s *Store) ToSettle(ctx context.Context, who security.ActorID) ([]documents.Task, error) {
	return query(ctx, s.db, scanTask, `
		SELECT 'settle', m.title, m.number, '/documents/' || m.id || '/comments', count(*), 0, min(c.at)
		FROM documents_material m JOIN documents_comment c ON c.material = m.id AND c.state = 'open'
		WHERE m.drafter = $1 AND m.state IN ('draft', 'commenting', 'settling')
		GROUP BY m.id, m.title, m.number ORDER BY min(c.at) LIMIT $2`, who, maxTasks)
}

// Follow brings the history of materials up to the journal; run it whenever the
// journal grows (journal.Keep).
func (s *Store) Follow(ctx context.Context) (int, error) {
	return s.journal.Follow(ctx, "documents.history", s.Project)
}

// Project keeps the history of materials and their time of last change, one
// journal entry at a time, in the transaction that moves the follower's cursor.
func (s *Store) Project(ctx context.Context, t *sql.Tx, e journal.Entry) error {
	id, reading := "", false
	switch e.Kind {
	case "documents.read", "documents.version_read", "documents.derivative_read", "collab.opened":
		reading = true
	case "collab.closed":
		return nil
	}
	if of, ok := strings.CutPrefix(e.Subject, "document:"); ok {
		id = of
	} else {
		var body struct {
			Document string `json:"document"`
			Version  string `json:"version"`
		}
		if err := json.Unmarshal(e.Body, &body); err != nil {
			return nil // another domain's entry, in a shape that does not concern us
		}
		id = body.Document
		if id == "" && body.Version != "" {
			v, err := reader{t}.Version(ctx, documents.VersionID(body.Version))
			if err != nil {
				return nil
			}
			id = string(v.Material)
		}
	}
	if id == "" {
		return nil
	}
	read := 0
	if reading {
		read = 1
	}
	if _, err := t.ExecContext(ctx, `
		INSERT INTO documents_history (material, seq, at, actor, behalf, kind, body, reading) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
		id, e.Seq, micros(e.At), e.Actor, e.OnBehalfOf, e.Kind, string(e.Body), read); err != nil {
		return err
	}
	if e.Kind != "collab.edited" {
		return nil
	}
	_, err := t.ExecContext(ctx, `UPDATE documents_material SET changed_at = $1 WHERE id = $2 AND changed_at < $1`, micros(e.At), id)
	return err
}

func (s *Store) History(ctx context.Context, id documents.MaterialID, reads bool, before int64, limit int) ([]journal.Entry, error) {
	if before == 0 {
		before = 1 << 62
	}
	most := 0
	if reads {
		most = 1
	}
	return query(ctx, s.db, func(r row) (e journal.Entry, err error) {
		var when int64
		var body string
		err = r.Scan(&e.Seq, &when, &e.Actor, &e.OnBehalfOf, &e.Kind, &body)
		e.At, e.Body, e.Subject = at(when), json.RawMessage(body), "document:"+string(id)
		return e, err
	}, `SELECT seq, at, actor, behalf, kind, body FROM documents_history WHERE material = $1 AND seq < $2 AND reading <= $3 ORDER BY seq DESC LIMIT $4`,
		id, before, most, limit)
}
