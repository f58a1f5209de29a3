package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"spolupis/security"
)

// Filter chooses entries; the zero Filter means all.
type Filter struct {
	Actors   []security.ActorID // any of these
	Subjects []string           // any of these
	Kind     string             // "documents.frozen", or with a final dot all of "documents."
	Without  []string           // none of these kinds
	From, To time.Time
	Before   int64 // only seq below this; 0 = from the newest
	Limit    int   // 0 = 100
}

// Search returns the entries chosen by f, newest first.
func (j *Journal) Search(ctx context.Context, f Filter) ([]Entry, error) {
	if err := j.catchUp(ctx); err != nil {
		return nil, err
	}
	query, args := f.query()
	rows, err := j.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("search journal: %w", err)
	}
	return scanEntries(rows)
}

func (f Filter) query() (string, []any) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	var where strings.Builder
	where.WriteString(` WHERE 1 = 1`)
	var args []any
	and := func(cond string, arg any) {
		args = append(args, arg)
		fmt.Fprintf(&where, " AND "+cond, len(args))
	}
	if len(f.Actors) > 0 {
		where.WriteString(` AND e.actor IN (` + in(&args, f.Actors) + `)`)
	}
	if len(f.Subjects) > 0 {
		where.WriteString(` AND e.subject IN (` + in(&args, f.Subjects) + `)`)
	}
	if len(f.Without) > 0 {
		where.WriteString(` AND e.kind NOT IN (` + in(&args, f.Without) + `)`)
	}
	if strings.HasSuffix(f.Kind, ".") {
		and(`e.kind LIKE $%d ESCAPE '\'`, strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(f.Kind)+"%")
	} else if f.Kind != "" {
		and(`e.kind = $%d`, f.Kind)
	}
	if !f.From.IsZero() {
		and(`e.at >= $%d`, f.From.UnixMicro())
	}
	if !f.To.IsZero() {
		and(`e.at < $%d`, f.To.UnixMicro())
	}
	if f.Before > 0 {
		and(`e.seq < $%d`, f.Before)
	}
	args = append(args, f.Limit)
	return selectEntry + where.String() + fmt.Sprintf(` ORDER BY e.seq DESC LIMIT $%d`, len(args)), args
}

// in adds values to args and returns their parameters.
func in[S ~string](args *[]any, values []S) string {
	marks := make([]string, len(values))
	for i, v := range values {
		*args = append(*args, string(v))
		marks[i] = fmt.Sprintf("$%d", len(*args))
	}
	return strings.Join(marks, ", ")
}

// Reader is a person who read something, and when.
type Reader struct {
	Actor       security.ActorID
	Times       int
	First, Last time.Time
}

// Readers returns who stands in the entries of the given kinds about subjects,
// the latest first.
func (j *Journal) Readers(ctx context.Context, subjects, kinds []string) ([]Reader, error) {
	if err := j.catchUp(ctx); err != nil {
		return nil, err
	}
	var args []any
	rows, err := j.db.QueryContext(ctx, `
		SELECT actor, count(*), min(at), max(at) FROM journal_entry
		WHERE subject IN (`+in(&args, subjects)+`) AND kind IN (`+in(&args, kinds)+`)
		GROUP BY actor ORDER BY max(at) DESC, actor LIMIT 1000`, args...)
	if err != nil {
		return nil, fmt.Errorf("readers: %w", err)
	}
	defer rows.Close()
	var out []Reader
	for rows.Next() {
		var r Reader
		var first, last int64
		if err := rows.Scan(&r.Actor, &r.Times, &first, &last); err != nil {
			return nil, fmt.Errorf("readers: %w", err)
		}
		r.First, r.Last = time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
		out = append(out, r)
	}
	return out, rows.Err()
}

// Kinds lists the kinds of entry that occur in the log, by name.
func (j *Journal) Kinds(ctx context.Context) ([]string, error) {
	rows, err := j.db.QueryContext(ctx, `SELECT DISTINCT kind FROM journal_entry ORDER BY kind`)
	if err != nil {
		return nil, fmt.Errorf("list kinds: %w", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var k string
		if err := rows.Scan(&k); err != nil {
			return nil, fmt.Errorf("list kinds: %w", err)
		}
		out = append(out, k)
	}
	return out, rows.Err()
}

// SubjectsOf returns every subject under which entries about a document stand:
// the document itself and the versions its own entries name.
func (j *Journal) SubjectsOf(ctx context.Context, document string) ([]string, error) {
	out := []string{"document:" + document}
	rows, err := j.db.QueryContext(ctx, `
		SELECT DISTINCT body FROM journal_entry WHERE subject = $1 AND kind IN ('documents.frozen', 'documents.route_started', 'documents.approved', 'documents.signed')`, out[0])
	if err != nil {
		return nil, fmt.Errorf("versions of %s: %w", document, err)
	}
	defer rows.Close()
	seen := map[string]bool{}
	for rows.Next() {
		var body string
		if err := rows.Scan(&body); err != nil {
			return nil, fmt.Errorf("versions of %s: %w", document, err)
		}
		var named struct{ Version string }
		if json.Unmarshal([]byte(body), &named) == nil && named.Version != "" && !seen[named.Version] {
			seen[named.Version] = true
			out = append(out, "version:"+named.Version)
		}
	}
	return out, rows.Err()
}
