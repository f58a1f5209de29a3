package access

import (
	"context"
	"fmt"
	"strings"

	"spolupis/security"
)

// Sees returns a condition that holds when who may see the document whose id is
// the SQL expression id, and its arguments, numbered as those of Filter are.
// It is for queries that look at documents one by one; Filter is for those
// that begin with the documents somebody may see.
func (r *Rights) Sees(who security.Actor, id string, firstArg int) (string, []any) {
	if who.ID == security.SystemID {
		return `1 = 1`, nil
	}
	if !who.Known() {
		return `1 = 0`, nil
	}
	subjects := stated(who)
	args := make([]any, len(subjects))
	for i, s := range subjects {
		args[i] = string(s)
	}
	mine := `subject IN (` + placeholders(firstArg, len(subjects)) + `) AND relation NOT IN (` + unseeing + `)`
	above, joins := []string{"l1.parent"}, ""
	for i := 2; i <= MaxDepth; i++ {
		above = append(above, fmt.Sprintf("l%d.parent", i))
		joins += fmt.Sprintf(" LEFT JOIN access_link l%d ON l%d.child = l%d.parent", i, i, i-1)
	}
	// From the cheapest to the dearest: the first is asked once, the second
	// needs one look at an index.
	return `(EXISTS (SELECT 1 FROM access_tuple WHERE object = 'office' AND ` + mine + `)
		OR EXISTS (SELECT 1 FROM access_tuple WHERE object = 'document:' || ` + id + ` AND ` + mine + `)
		OR EXISTS (SELECT 1 FROM access_link l1` + joins + ` CROSS JOIN access_tuple
			WHERE l1.child = 'document:' || ` + id + ` AND access_tuple.object IN (` + strings.Join(above, ", ") + `) AND ` + mine + `))`, args
}

// FilterFew is Filter for somebody of whom SeesFew has been asked: who sees the
// whole office by his role sees nothing by it here.
func (r *Rights) FilterFew(who security.Actor, firstArg int) (string, []any) {
	if !who.Known() || who.ID == security.SystemID {
		return `SELECT child FROM access_link WHERE 1 = 0`, nil
	}
	subjects := stated(who)
	args := make([]any, len(subjects))
	for i, s := range subjects {
		args[i] = string(s)
	}
	return below(`subject IN (` + placeholders(firstArg, len(subjects)) + `) AND relation NOT IN (` + unseeing + `)`), args
}

// Sight is what a person's sight of documents comes from, or a document's
// being seen: subjects with a relation to documents of their own, and objects
// above documents. A document can be seen by who shares a subject or an object
// with it. A search engine's index can hold that; since it lags behind, Sees
// still decides.
type Sight struct {
	All      bool // sees everything
	Subjects []Subject
	Objects  []Object
}

// SightOf returns what who's sight of documents comes from.
func (r *Rights) SightOf(ctx context.Context, who security.Actor) (Sight, error) {
	if who.ID == security.SystemID {
		return Sight{All: true}, nil
	}
	if !who.Known() {
		return Sight{}, nil
	}
	s := Sight{Subjects: stated(who)}
	args := make([]any, len(s.Subjects))
	for i, x := range s.Subjects {
		args[i] = string(x)
	}
	var err error
	s.Objects, err = objects(ctx, r.db, `
		SELECT DISTINCT object FROM access_tuple
		WHERE subject IN (`+placeholders(1, len(args))+`) AND object NOT LIKE 'document:%' AND relation NOT IN (`+unseeing+`) ORDER BY object`, args...)
	if err != nil {
		return s, fmt.Errorf("sight of %s: %w", who.ID, err)
	}
	for _, o := range s.Objects {
		s.All = s.All || o == Office
	}
	return s, nil
}

// Seen returns from where the document on can be seen.
func (r *Rights) Seen(ctx context.Context, on Object) (Sight, error) {
	chain, err := chainOf(ctx, r.db, on)
	if err != nil {
		return Sight{}, err
	}
	s := Sight{Objects: chain[1:]}
	for _, o := range chain {
		if !strings.HasPrefix(string(o), "document:") {
			continue // is an object of whoever holds a relation to it
		}
		subjects, err := objects(ctx, r.db, `
			SELECT DISTINCT subject FROM access_tuple WHERE object = $1 AND relation NOT IN (`+unseeing+`) ORDER BY subject`, string(o))
		if err != nil {
			return Sight{}, fmt.Errorf("who sees %s: %w", on, err)
		}
		for _, x := range subjects {
			s.Subjects = append(s.Subjects, Subject(x))
		}
	}
	return s, nil
}

func objects(ctx context.Context, q querier, statement string, args ...any) ([]Object, error) {
	rows, err := q.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Object
	for rows.Next() {
		var o Object
		if err := rows.Scan(&o); err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, rows.Err()
}

// SeesFew reports whether who may see at most n documents; see CountSeen.
func (r *Rights) SeesFew(ctx context.Context, who security.Actor, n int) (bool, error) {
	found, err := r.CountSeen(ctx, who, n)
	return found <= n, err
}

// CountSeen returns how many documents who may see, but not more than most+1:
// those of somebody who sees all are not counted. It is an estimate: one seen
// in two ways may count twice, one that hangs below another document does not.
func (r *Rights) CountSeen(ctx context.Context, who security.Actor, most int) (int, error) {
	sight, err := r.SightOf(ctx, who)
	if err != nil || sight.All {
		return most + 1, err
	}
	if len(sight.Subjects) == 0 {
		return 0, nil
	}
	var args []any
	var with, below string
	if len(sight.Objects) > 0 {
		values := make([]string, len(sight.Objects))
		for i, o := range sight.Objects {
			args = append(args, string(o))
			values[i] = fmt.Sprintf("(CAST($%d AS TEXT), 0)", len(args))
		}
		with = fmt.Sprintf(`WITH RECURSIVE above (object, depth) AS (
			VALUES %s
			UNION SELECT l.child, a.depth + 1 FROM above a JOIN access_link l ON l.parent = a.object WHERE l.child NOT LIKE 'document:%%' AND a.depth < %d) `,
			strings.Join(values, ", "), MaxDepth)
		below = `SELECT 1 AS one FROM above a JOIN access_link l ON l.parent = a.object WHERE l.child LIKE 'document:%' UNION ALL `
	}
	own := fmt.Sprintf(`SELECT 1 AS one FROM access_tuple WHERE subject IN (%s) AND object LIKE 'document:%%' LIMIT $%d`,
		placeholders(len(args)+1, len(sight.Subjects)), len(args)+len(sight.Subjects)+1)
	for _, s := range sight.Subjects {
		args = append(args, string(s))
	}
	var found int
	err = r.db.QueryRowContext(ctx, with+`SELECT count(*) FROM (`+below+own+`) AS seen`, append(args, most+1)...).Scan(&found)
	if err != nil {
		return 0, fmt.Errorf("sight of %s: %w", who.ID, err)
	}
	return found, nil
}
