package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
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

// The index has a row for each material: the stems of its number and title, of
// all its texts, and marks. A mark stands for who may see it (a subject with a
// relation to it, an object above it) or for how it is filed, so that a page
// of results comes from the index alone, however many materials have the words
// and however few of them somebody may see. Because the index lags behind, the
// rights and the filing are then checked in the tables; a mark too many costs
// a row, a mark too few is made up for within seconds.

// mark is a word that nobody types.
func mark(kind, value string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + value))
	return "q" + hex.EncodeToString(sum[:9])
}

func marksOf(m documents.Material, seen access.Sight) []string {
	out := []string{mark("state", string(m.State)), mark("agenda", string(m.Agenda)), mark("filed", string(m.Unit)), mark("drafter", string(m.Drafter))}
	for _, s := range seen.Subjects {
		out = append(out, mark("subject", string(s)))
	}
	for _, o := range seen.Objects {
		out = append(out, mark("object", string(o)))
	}
	return out
}

// stale notes, within the follower's transaction, that a material changed and
// must be indexed. A change waits for those that follow it at once.
func stale(ctx context.Context, t *sql.Tx, e journal.Entry, material string) error {
	if e.Kind == "documents.created" {
		if _, err := t.ExecContext(ctx, `INSERT INTO documents_search (material, key) SELECT id, '' FROM documents_material WHERE id = $1 ON CONFLICT DO NOTHING`, material); err != nil {
			return err
		}
	}
	_, err := t.ExecContext(ctx, `
		INSERT INTO documents_stale (material, seq, due_at, until) VALUES ($1, $2, $3, 0)
		ON CONFLICT (material) DO UPDATE SET seq = excluded.seq`, material, e.Seq, micros(e.At))
	return err
}

// Stale implements documents.Index.
func (s *Store) Stale(ctx context.Context, due, now, until time.Time, limit int) ([]documents.Stale, error) {
	var some bool // an idle service takes no write lock
	if err := s.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM documents_stale WHERE due_at <= $1 AND until < $2)`, micros(due), micros(now)).Scan(&some); err != nil || !some {
		return nil, err
	}
	skip := ""
	if s.db.Postgres { // the follower of the history notes several in one transaction: each could wait for the other
		skip = ` FOR UPDATE SKIP LOCKED`
	}
	return query(ctx, s.db, func(r row) (x documents.Stale, err error) { return x, r.Scan(&x.Material, &x.Seq) }, `
		UPDATE documents_stale SET until = $1 WHERE until < $2 AND material IN
			(SELECT material FROM documents_stale WHERE due_at <= $3 AND until < $2 ORDER BY due_at, material LIMIT $4`+skip+`) RETURNING material, seq`,
		micros(until), micros(now), micros(due), limit)
}

// Texts implements documents.Index.
func (s *Store) Texts(ctx context.Context, of ...documents.MaterialID) (map[documents.MaterialID]map[int]string, error) {
	out := map[documents.MaterialID]map[int]string{}
	if len(of) == 0 {
		return out, nil
	}
	args := make([]any, len(of))
	for i, id := range of {
		args[i] = id
	}
	_, err := query(ctx, s.db, func(r row) (struct{}, error) {
		var id documents.MaterialID
		var version int
		var text string
		err := r.Scan(&id, &version, &text)
		if out[id] == nil {
			out[id] = map[int]string{}
		}
		out[id][version] = text
		return struct{}{}, err
	}, `SELECT material, version, text FROM documents_search_text WHERE material IN (`+numbered(1, len(args))+`)`, args...)
	return out, err
}

// numbered is "$first, $first+1 …", n of them.
func numbered(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(first+i))
	}
	return b.String()
}

// Put implements documents.Index.
func (s *Store) Put(ctx context.Context, entries ...documents.Indexed) error {
	if len(entries) == 0 {
		return nil
	}
	marks := make([][]string, len(entries))
	for i, e := range entries {
		seen, err := s.rights.Seen(ctx, access.Document(string(e.Material.ID)))
		if err != nil {
			return err
		}
		marks[i] = marksOf(e.Material, seen)
	}
	t, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer t.Rollback()
	for i, e := range entries {
		if err := s.put(ctx, t, e, marks[i]); err != nil {
			return fmt.Errorf("index %s: %w", e.Material.ID, err)
		}
	}
	if err := t.Commit(); err != nil {
		return err
	}
	// One by one: a transaction with several of them and the follower's, which
	// has several as well, could wait for each other.
	for _, e := range entries {
		if e.Stale.Material == "" {
			continue // was never stale
		}
		// What happened since it was taken makes it stale again, for the next round.
		if _, err := s.db.ExecContext(ctx, `DELETE FROM documents_stale WHERE material = $1 AND seq = $2`, e.Stale.Material, e.Stale.Seq); err != nil {
			return err
		}
		if _, err := s.db.ExecContext(ctx, `UPDATE documents_stale SET until = 0 WHERE material = $1`, e.Stale.Material); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) put(ctx context.Context, t *sql.Tx, e documents.Indexed, marks []string) error {
	var id int64
	if err := t.QueryRowContext(ctx, `
		INSERT INTO documents_search (material, key) VALUES ($1, $2) ON CONFLICT (material) DO UPDATE SET key = excluded.key RETURNING id`,
		e.Material.ID, search.Key(e.Material.Number)).Scan(&id); err != nil {
		return err
	}
	// Titles from before there was an order of titles.
	if _, err := t.ExecContext(ctx, `UPDATE documents_material SET collated = $1 WHERE id = $2 AND collated = ''`, collated(e.Material.Title), e.Material.ID); err != nil {
		return err
	}
	for version, text := range e.Texts {
		// The text of a version never changes.
		if _, err := t.ExecContext(ctx, `
			INSERT INTO documents_search_text (material, version, text) VALUES ($1, $2, $3)
			ON CONFLICT (material, version) DO UPDATE SET text = excluded.text WHERE documents_search_text.version = 0 AND documents_search_text.text <> excluded.text`,
			e.Material.ID, version, text); err != nil {
			return err
		}
	}
	head := search.Stems(e.Material.Number + " " + e.Material.Title)
	if s.db.Postgres {
		_, err := t.ExecContext(ctx, `
			INSERT INTO documents_fts (id, head, words) VALUES ($1, CAST($2 AS TEXT)::tsvector, CAST($3 AS TEXT)::tsvector)
			ON CONFLICT (id) DO UPDATE SET head = excluded.head, words = excluded.words`, id, vector(head, nil, marks), vector(head, e.Words, marks))
		return err
	}
	_, err := t.ExecContext(ctx, `INSERT OR REPLACE INTO documents_fts (rowid, head, words, marks) VALUES ($1, $2, $3, $4)`,
		id, strings.Join(head, " "), strings.Join(e.Words, " "), strings.Join(marks, " "))
	return err
}

// Limits of PostgreSQL: a vector is under 1 MiB, a word keeps 255 places, and
// places beyond 16,383 are one.
const (
	maxVector = 900 << 10
	maxPlaces = 255
	lastPlace = 16_383
)

// vector writes words as a tsvector: those of the head, a gap, the others, and
// marks, which have no place. What would not fit is left out from the end.
func vector(head, words, marks []string) string {
	places := map[string][]int{}
	var order []string
	size := 0
	add := func(w string, at int) bool {
		p, known := places[w]
		if cost := 2; !known {
			cost += 12 + len(w)
			if size+cost > maxVector {
				return false
			}
			size += cost
			order = append(order, w)
		} else if len(p) < maxPlaces {
			size += cost
		}
		if len(p) < maxPlaces && at <= lastPlace {
			p = append(p, at)
		}
		places[w] = p
		return size < maxVector
	}
	for i, w := range head {
		add(w, i+1)
	}
	for i, w := range words {
		if !add(w, len(head)+i+10) {
			break
		}
	}
	var b strings.Builder
	for _, m := range marks {
		b.WriteString(m + " ")
	}
	for _, w := range order {
		b.WriteString(quoted(w))
		for i, at := range places[w] {
			b.WriteByte(":,"[min(i, 1)])
			b.WriteString(strconv.Itoa(at))
		}
		b.WriteByte(' ')
	}
	return b.String()
}

// quoted is a word as tsvector and tsquery read it. Stems are letters and
// digits only; whatever else came would end no string.
func quoted(w string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(w) + "'"
}

// Drop implements documents.Index.
func (s *Store) Drop(ctx context.Context, st documents.Stale) error {
	t, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer t.Rollback()
	fts := `DELETE FROM documents_fts WHERE rowid IN (SELECT id FROM documents_search WHERE material = $1)`
	if s.db.Postgres {
		fts = `DELETE FROM documents_fts WHERE id IN (SELECT id FROM documents_search WHERE material = $1)`
	}
	for _, statement := range []string{fts,
		`DELETE FROM documents_search WHERE material = $1`, `DELETE FROM documents_search_text WHERE material = $1`, `DELETE FROM documents_stale WHERE material = $1`} {
		if _, err := t.ExecContext(ctx, statement, st.Material); err != nil {
			return err
		}
	}
	return t.Commit()
}

// The tiers of results, in their order.
const (
	byNumber = iota // the number asked for
	byHead          // the words in number and title
	byWords         // the words anywhere
	tiers
)

// first is above every id.
const first = int64(1) << 62

// Find implements documents.Index.
func (s *Store) Find(ctx context.Context, who security.Actor, q documents.Search, words search.Query) (documents.Matches, error) {
	eyes, err := s.rights.Eyes(ctx, who)
	if err != nil {
		return documents.Matches{}, err
	}
	sight, err := s.rights.SightOf(ctx, eyes)
	if err != nil {
		return documents.Matches{}, err
	}
	tier, before := byNumber, first
	if q.After != "" {
		if tier, before, err = tierCursor(q.After); err != nil {
			return documents.Matches{}, err
		}
	}
	f := finding{s, eyes, q, words, sight}
	var out documents.Matches
	known := map[documents.MaterialID]bool{}
	for ; tier < tiers; tier, before = tier+1, first {
		for chunk := small; ; chunk = large {
			ids, err := f.candidates(ctx, tier, before, chunk)
			if err != nil {
				return out, err
			}
			found, err := f.visible(ctx, ids)
			if err != nil {
				return out, err
			}
			for _, m := range found {
				if known[m.ID] {
					continue
				}
				if len(out.Found) == q.Limit {
					out.Next = fmt.Sprintf("%d.%d", tier, before)
					return out, nil
				}
				known[m.ID], before = true, m.row
				out.Found = append(out.Found, documents.Match{Material: m.Material, Exact: tier == byNumber})
			}
			if len(ids) < chunk {
				break
			}
			before = ids[len(ids)-1]
		}
	}
	return out, nil
}

// Candidates come from the index in two sizes, so that there are few texts of
// statements.
const (
	small = 64
	large = 512
)

func tierCursor(after string) (tier int, before int64, err error) {
	t, id, ok := strings.Cut(after, ".")
	tier, err1 := strconv.Atoi(t)
	before, err2 := strconv.ParseInt(id, 10, 64)
	if !ok || err1 != nil || err2 != nil || tier < 0 || tier >= tiers {
		return 0, 0, fault.New(fault.Invalid, "documents.fault.page")
	}
	return tier, before, nil
}

// finding is one search.
type finding struct {
	*Store
	eyes  access.Eyes
	q     documents.Search
	words search.Query
	sight access.Sight
}

// candidates returns rows of the index below an id, the newest first.
func (f finding) candidates(ctx context.Context, tier int, before int64, limit int) ([]int64, error) {
	id := func(r row) (n int64, err error) { return n, r.Scan(&n) }
	if tier == byNumber {
		key := search.Key(f.q.Text)
		return query(ctx, f.db, id, `SELECT id FROM documents_search WHERE key = $1 AND id < $2 ORDER BY id DESC LIMIT $3`, key, before, limit)
	}
	if !f.sight.All && len(f.sight.Subjects)+len(f.sight.Objects) == 0 {
		return nil, nil
	}
	db := database.Planned{DB: f.db} // nearly all materials may have the words, or none
	if f.db.Postgres {
		if tier == byHead {
			return query(ctx, db, id, `SELECT id FROM documents_fts WHERE head @@ CAST($1 AS TEXT)::tsquery AND id < $2 ORDER BY id DESC LIMIT $3`, f.tsquery(true), before, limit)
		}
		return query(ctx, db, id, `SELECT id FROM documents_fts WHERE words @@ CAST($1 AS TEXT)::tsquery AND NOT head @@ CAST($2 AS TEXT)::tsquery AND id < $3 ORDER BY id DESC LIMIT $4`,
			f.tsquery(true), f.tsquery(false), before, limit)
	}
	return query(ctx, db, id, `SELECT rowid FROM documents_fts WHERE documents_fts MATCH $1 AND rowid < $2 ORDER BY rowid DESC LIMIT $3`, f.match(tier), before, limit)
}

// marks are conditions on the marks of a material, which all must hold.
func (f finding) marks() []string {
	var all []string
	if seen := f.seen(f.sight); seen != "" {
		all = append(all, seen)
	}
	for _, x := range []struct{ kind, value string }{
		{"state", string(f.q.State)}, {"agenda", string(f.q.Agenda)}, {"filed", string(f.q.Unit)}, {"drafter", string(f.q.Drafter)},
	} {
		if x.value != "" {
			all = append(all, mark(x.kind, x.value))
		}
	}
	return all
}

// seen is the condition that a material can be seen; "" when every one can.
func (f finding) seen(s access.Sight) string {
	if s.All {
		return ""
	}
	var ways []string
	for _, x := range s.Subjects {
		ways = append(ways, mark("subject", string(x)))
	}
	for _, o := range s.Objects {
		ways = append(ways, mark("object", string(o)))
	}
	for _, p := range s.Parts {
		var both []string
		if seen := f.seen(p.Sight); seen != "" {
			both = append(both, seen)
		}
		var scopes []string
		for _, o := range p.Scopes {
			scopes = append(scopes, mark("object", string(o)))
		}
		// A document has no mark of its own: who stands for somebody on one gets more candidates than he may see.
		if !slices.ContainsFunc(p.Scopes, func(o access.Object) bool { return strings.HasPrefix(string(o), "document:") }) {
			both = append(both, f.join(" OR ", scopes))
		}
		if len(both) == 0 {
			return ""
		}
		ways = append(ways, f.join(" AND ", both))
	}
	return f.join(" OR ", ways)
}

// join is conditions joined in the language of the database.
func (f finding) join(by string, all []string) string {
	if f.db.Postgres {
		by = map[string]string{" AND ": " & ", " OR ": " | "}[by]
	}
	return "(" + strings.Join(all, by) + ")"
}

// terms are the words in the language of the database.
func (f finding) terms() string {
	var all []string
	for _, t := range f.words {
		words := make([]string, len(t.Stems))
		for i, w := range t.Stems {
			words[i] = quoted(w)
		}
		s := strings.Join(words, " <-> ")
		if !f.db.Postgres {
			s = `"` + strings.Join(t.Stems, " ") + `"`
		}
		if t.Prefix {
			s += map[bool]string{true: ":*", false: " *"}[f.db.Postgres]
		}
		if f.db.Postgres {
			s = "(" + s + ")"
		}
		all = append(all, s)
	}
	return f.join(" AND ", all)
}

// match is the question in the language of FTS5.
func (f finding) match(tier int) string {
	all := f.terms()
	head := "head : " + all
	m := head
	if tier == byWords {
		m = "{head words} : " + all
	}
	for _, condition := range f.marks() {
		m += " AND marks : (" + condition + ")"
	}
	if tier == byWords {
		m = "(" + m + ") NOT (" + head + ")"
	}
	return m
}

// tsquery is the question in the language of PostgreSQL.
func (f finding) tsquery(marks bool) string {
	all := f.terms()
	if marks {
		for _, condition := range f.marks() {
			all += " & " + condition
		}
	}
	return all
}

// indexed is a material with its row in the index.
type indexed struct {
	documents.Material
	row int64
}

// visible returns those of the candidates that are there, filed as asked for
// and for who to see, in the same order.
func (f finding) visible(ctx context.Context, ids []int64) ([]indexed, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	size := small
	if len(ids) > small {
		size = large
	}
	args := make([]any, size)
	for i := range args {
		args[i] = ids[min(i, len(ids)-1)]
	}
	c := conditions{args: args}
	c.filing(f.q.Filing)
	sees, more := f.eyes.Sees("m.id", len(c.args)+1)
	return query(ctx, f.db, func(r row) (x indexed, err error) {
		x.Material, err = scanMaterial(also{r, &x.row})
		return x, err
	}, `SELECT `+columnsOfMaterial+`, s.id FROM documents_search s JOIN documents_material m ON m.id = s.material JOIN documents_agenda a ON a.id = m.agenda
		WHERE s.id IN (`+numbered(1, size)+`)`+c.text+` AND m.state <> 'importing' AND `+sees+` ORDER BY s.id DESC`, append(c.args, more...)...)
}

// also scans one more column behind those that a scan function knows.
type also struct {
	row
	last any
}

func (a also) Scan(to ...any) error { return a.row.Scan(append(to, a.last)...) }

// conditions are an SQL text in the making.
type conditions struct {
	text string
	args []any
}

// and adds a condition in which each ? is the next value.
func (c *conditions) and(condition string, values ...any) {
	for _, v := range values {
		c.args = append(c.args, v)
		condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(c.args)), 1)
	}
	c.text += " AND " + condition
}

func (c *conditions) filing(f documents.Filing) {
	if f.State != "" {
		c.and(`m.state = ?`, f.State)
	}
	if f.Agenda != "" {
		c.and(`m.agenda = ?`, f.Agenda)
	}
	if f.Unit != "" {
		c.and(`m.unit = ?`, f.Unit)
	}
	if f.Drafter != "" {
		c.and(`m.drafter = ?`, f.Drafter)
	}
	if !f.From.IsZero() {
		c.and(`m.changed_at >= ?`, micros(f.From))
	}
	if !f.To.IsZero() {
		c.and(`m.changed_at < ?`, micros(f.To))
	}
}
