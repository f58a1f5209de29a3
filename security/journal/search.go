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
	Actor    security.ActorID
	Subjects []string // any of these
	Kind     string   // "documents.frozen", or with a final dot all of "documents."
	From, To time.Time
	Before   int64 // only seq below this; 0 = from the newest
	Limit    int   // 0 = 100
}

// Search returns the entries chosen by f, newest first.
func (j *Journal) Search(ctx context.Context, f Filter) ([]Entry, error) {
	if err := j.catchUp(ctx); err != nil {
		return nil, err
	}
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
	if f.Actor != "" {
		and(`e.actor = $%d`, string(f.Actor))
	}
	if len(f.Subjects) > 0 {
		marks := make([]string, len(f.Subjects))
		for i, s := range f.Subjects {
			args = append(args, s)
			marks[i] = fmt.Sprintf("$%d", len(args))
		}
		where.WriteString(` AND e.subject IN (` + strings.Join(marks, ", ") + `)`)
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
	rows, err := j.db.QueryContext(ctx, selectEntry+where.String()+fmt.Sprintf(` ORDER BY e.seq DESC LIMIT $%d`, len(args)), args...)
	if err != nil {
		return nil, fmt.Errorf("search journal: %w", err)
	}
	return scanEntries(rows)
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
