package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"spolupis/documents"
	"spolupis/documents/search"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/database"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// How many materials somebody may see decides how his list is made. Up to few,
// it begins with those. Up to some, it goes through all materials in their
// order and looks each up among his, which are collected first. With more, it
// asks for the rights to each: he finds enough soon.
const (
	few  = 2000
	some = 15_000
)

// order is how a list is sorted.
type order struct {
	column string
	desc   bool
	value  func(m documents.Material) string // of the column, for the cursor
	parse  func(s string) (any, error)
}

var orders = map[documents.Sort]order{
	documents.ByChange:   {"m.changed_at", true, func(m documents.Material) string { return strconv.FormatInt(micros(m.ChangedAt), 10) }, parseNumber},
	documents.ByCreation: {"m.created_at", true, func(m documents.Material) string { return strconv.FormatInt(micros(m.CreatedAt), 10) }, parseNumber},
	documents.ByTitle:    {"m.collated", false, func(m documents.Material) string { return collated(m.Title) }, func(s string) (any, error) { return s, nil }},
}

func parseNumber(s string) (any, error) { return strconv.ParseInt(s, 10, 64) }

// List returns one page of the materials who may see, by keyset: a page is as
// quick at the end of the list as at its beginning.
func (s *Store) List(ctx context.Context, who security.Actor, q documents.Query) (documents.Page, error) {
	o, ok := orders[q.Sort]
	if !ok {
		return documents.Page{}, fault.New(fault.Invalid, "documents.fault.page")
	}
	eyes, err := s.rights.Eyes(ctx, who)
	if err != nil {
		return documents.Page{}, fmt.Errorf("list materials: %w", err)
	}
	sees, err := s.rights.CountSeen(ctx, eyes, some)
	if err != nil {
		return documents.Page{}, fmt.Errorf("list materials: %w", err)
	}
	c := conditions{args: []any{documents.Importing}}
	c.filing(q.Filing())
	if err := s.titled(ctx, q.Text, &c); err != nil {
		return documents.Page{}, fmt.Errorf("list materials: %w", err)
	}
	all := c // of which page is a part
	if q.After != "" {
		value, id, err := cursor(q.After, o)
		if err != nil {
			return documents.Page{}, err
		}
		c.and(`(`+o.column+`, m.id) `+map[bool]string{true: "<", false: ">"}[o.desc]+` (?, ?)`, value, id)
	}
	db := database.Planned{DB: s.db}
	direction := map[bool]string{true: " DESC", false: ""}[o.desc]
	sorted := ` ORDER BY ` + o.column + direction + `, m.id` + direction + ` LIMIT $`
	found, err := query(ctx, db, scanMaterial, selectMaterial+` WHERE m.state <> $1`+c.text+s.seen(eyes, sees, &c)+
		sorted+strconv.Itoa(len(c.args)+1), append(c.args, q.Limit+1)...)
	if err != nil {
		return documents.Page{}, fmt.Errorf("list materials: %w", err)
	}
	page := documents.Page{Materials: found}
	if len(found) > q.Limit {
		page.Materials = found[:q.Limit]
		last := page.Materials[q.Limit-1]
		page.Next = o.value(last) + "." + string(last.ID)
	}
	if !q.Count {
		return page, nil
	}
	if q.After == "" && page.Next == "" {
		page.Count = len(found)
		return page, nil
	}
	// In the same order, so that it ends where enough are found.
	err = db.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1 AS one FROM documents_material m WHERE m.state <> $1`+all.text+s.seen(eyes, sees, &all)+
		sorted+strconv.Itoa(len(all.args)+1)+`) AS found`, append(all.args, documents.MaxCount+1)...).Scan(&page.Count)
	if err != nil {
		return page, fmt.Errorf("count materials: %w", err)
	}
	return page, nil
}

// lately is for how long before the last change of any a material counts as
// one that the index may not know by its present title.
const lately = 24 * time.Hour

// titled narrows a list to words in number and title. When few materials have
// words that begin so, the index finds them, and those changed lately are
// looked at themselves; otherwise the list comes upon enough of them in its
// order.
func (s *Store) titled(ctx context.Context, text string, c *conditions) error {
	var like conditions
	for _, word := range strings.Fields(text) {
		like.text += ` AND m.folded LIKE ? ESCAPE '\'`
		like.args = append(like.args, "%"+strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(word)+"%")
	}
	match := s.beginnings(text)
	if match == "" {
		c.and(`1 = 1`+like.text, like.args...)
		return nil
	}
	index := `SELECT rowid FROM documents_fts WHERE documents_fts MATCH ?`
	if s.db.Postgres {
		index = `SELECT id FROM documents_fts WHERE head @@ CAST(? AS TEXT)::tsquery`
	}
	var found int
	if err := (database.Planned{DB: s.db}).QueryRowContext(ctx, `SELECT count(*) FROM (`+strings.Replace(index, "?", "$1", 1)+` LIMIT $2) AS f`, match, few+1).Scan(&found); err != nil {
		return err
	}
	if found > few {
		c.and(`1 = 1`+like.text, like.args...)
		return nil
	}
	c.and(`m.id IN (SELECT material FROM documents_search WHERE id IN (`+index+`)
		UNION SELECT m.id FROM documents_material m WHERE m.changed_at >= (SELECT max(changed_at) FROM documents_material) - ?`+like.text+`)`,
		append([]any{match, lately.Microseconds()}, like.args...)...)
	return nil
}

// beginnings is the question for materials in whose number and title each word
// of a text stands, or the beginning of one; "" when there is no word.
func (s *Store) beginnings(text string) string {
	f := finding{Store: s}
	var terms []string
	for _, word := range strings.Fields(text) {
		f.words = search.Parse(word)
		if len(f.words) == 0 {
			continue
		}
		either := []string{f.terms()}
		if begun := search.Parse(word + "*"); len(begun) > 0 && begun[len(begun)-1].Prefix {
			f.words = begun
			either = append(either, f.terms())
		}
		terms = append(terms, "("+strings.Join(either, map[bool]string{true: " | ", false: " OR "}[s.db.Postgres])+")")
	}
	if len(terms) == 0 {
		return ""
	}
	if s.db.Postgres {
		return strings.Join(terms, " & ")
	}
	return "head : (" + strings.Join(terms, " AND ") + ")"
}

// seen is the condition that eyes see material m, with its arguments added
// to c; count is how many they see.
func (s *Store) seen(eyes access.Eyes, count int, c *conditions) string {
	var text string
	var args []any
	switch {
	case count <= few, count <= some && s.db.Postgres: // which knows by itself where to begin
		text, args = eyes.FilterFew(len(c.args) + 1)
		text = `m.id IN (` + text + `)`
	case count <= some:
		text, args = eyes.FilterFew(len(c.args) + 1)
		text = `m.id || '' IN (` + text + `)` // the || keeps planners from beginning with these
	default:
		text, args = eyes.Sees("m.id", len(c.args)+1)
	}
	c.args = append(c.args[:len(c.args):len(c.args)], args...)
	return " AND " + text
}

func cursor(after string, o order) (value any, id string, err error) {
	v, id, ok := strings.Cut(after, ".")
	value, err = o.parse(v)
	if !ok || err != nil {
		return nil, "", fault.New(fault.Invalid, "documents.fault.page")
	}
	return value, id, nil
}

func (s *Store) Notices(ctx context.Context, who security.ActorID, before int64, limit int) ([]documents.Notice, error) {
	if before == 0 {
		before = 1 << 62
	}
	return query(ctx, s.db, scanNotice, `SELECT seq, person, kind, material, version, args, link, at, seen_at FROM documents_notice WHERE person = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3`,
		who, before, limit)
}

func scanNotice(r row) (n documents.Notice, err error) {
	var made, seen int64
	var args string
	if err = r.Scan(&n.Seq, &n.Person, &n.Kind, &n.Material, &n.Version, &args, &n.Link, &made, &seen); err != nil {
		return n, err
	}
	n.At, n.SeenAt = at(made), at(seen)
	return n, json.Unmarshal([]byte(args), &n.Args)
}

func (s *Store) Unseen(ctx context.Context, who security.ActorID) (n int, err error) {
	return n, s.db.QueryRowContext(ctx, `SELECT count(*) FROM documents_notice WHERE person = $1 AND seen_at = 0`, who).Scan(&n)
}

func (t *tx) AddNotice(ctx context.Context, n documents.Notice) error {
	if n.Asks() {
		if m, err := t.MailSetting(ctx, n.Person); err != nil || m.Of(n.Kind) != documents.MailNow {
			return err
		}
	}
	args, err := json.Marshal(n.Args)
	if err != nil {
		return err
	}
	var cause sql.NullInt64
	if n.Cause != 0 {
		cause = sql.NullInt64{Int64: n.Cause, Valid: true}
	}
	err = t.tx.QueryRowContext(ctx, `
		INSERT INTO documents_notice (person, kind, material, version, args, link, at, seen_at, cause) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT DO NOTHING RETURNING seq`, n.Person, n.Kind, n.Material, n.Version, string(args), n.Link, micros(n.At), micros(n.SeenAt), cause).Scan(&n.Seq)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // he was told
	}
	if err != nil {
		return err
	}
	return t.post(ctx, n)
}

func (t *tx) SeeNotices(ctx context.Context, who security.ActorID, upTo int64, when time.Time) error {
	return t.exec(ctx, `UPDATE documents_notice SET seen_at = $1 WHERE person = $2 AND seq <= $3 AND seen_at = 0`, micros(when), who, upTo)
}

func (t *tx) SeeNotice(ctx context.Context, who security.ActorID, seq int64, when time.Time) error {
	return t.exec(ctx, `UPDATE documents_notice SET seen_at = $1 WHERE person = $2 AND seq = $3 AND seen_at = 0`, micros(when), who, seq)
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
	case "documents.searched":
		return projectSearch(ctx, t, e)
	case "documents.read", "documents.version_read", "documents.derivative_read", "documents.attachment_read", "collab.opened":
		reading = true
	case "collab.closed":
		return nil
	case journal.Erased:
		person := strings.TrimPrefix(e.Subject, "account:")
		for _, statement := range []string{`DELETE FROM documents_mail WHERE person = $1`, `DELETE FROM documents_calendar WHERE person = $1`} {
			if _, err := t.ExecContext(ctx, statement, person); err != nil {
				return err
			}
		}
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
	if err := keepHistory(ctx, t, id, e, string(e.Body), reading); err != nil {
		return err
	}
	if !reading && e.Kind != "collab.refused" {
		if err := stale(ctx, t, e, id); err != nil {
			return err
		}
	}
	if e.Kind != "collab.edited" {
		return nil
	}
	_, err := t.ExecContext(ctx, `UPDATE documents_material SET changed_at = $1 WHERE id = $2 AND changed_at < $1`, micros(e.At), id)
	return err
}

func keepHistory(ctx context.Context, t *sql.Tx, id string, e journal.Entry, body string, reading bool) error {
	read := 0
	if reading {
		read = 1
	}
	_, err := t.ExecContext(ctx, `
		INSERT INTO documents_history (material, seq, at, actor, behalf, kind, body, reading) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
		id, e.Seq, micros(e.At), e.Actor, e.OnBehalfOf, e.Kind, body, read)
	return err
}

// projectSearch puts a search into the history of every material of which it
// showed a passage.
func projectSearch(ctx context.Context, t *sql.Tx, e journal.Entry) error {
	var body struct {
		Documents []string `json:"documents"`
	}
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return nil
	}
	for _, id := range body.Documents {
		if err := keepHistory(ctx, t, id, e, "{}", true); err != nil {
			return err
		}
	}
	return nil
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
