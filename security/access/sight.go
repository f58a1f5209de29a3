package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"spolupis/security"
)

// Eyes are what somebody sees documents with: his own relations to them and,
// from the first day of a deputyship to its last, those of whoever he stands
// for. They are for one request; the next one asks Rights.Eyes again.
type Eyes struct {
	who  security.ActorID
	all  bool      // the service itself
	own  []Subject // his, and those of people for whom he stands on everything
	tops []Object  // above documents, to which own have a relation
	lent []lent
}

// lent is the sight of somebody for whom one stands on a part of what he sees.
type lent struct {
	subjects []Subject
	scopes   []Object
}

// Eyes returns those of who. Roles and unit are those of who: use an actor of
// the current request. Of people he stands for they are those of their accounts.
func (r *Rights) Eyes(ctx context.Context, who security.Actor) (Eyes, error) {
	e := Eyes{who: who.ID, all: who.ID == security.SystemID}
	if e.all || !who.Known() {
		return e, nil
	}
	e.own = stated(who)
	rows, err := r.db.QueryContext(ctx, `
		SELECT d.person, d.scope, p.unit, coalesce(r.role, '')
		FROM access_deputyship d JOIN access_account p ON p.id = d.person JOIN access_account e ON e.id = d.deputy LEFT JOIN access_role r ON r.account = p.id
		WHERE d.deputy = $1 AND d.last_day >= $2 AND d.first_day <= $2 AND d.revoked_at = 0 AND p.disabled = 0 AND e.disabled = 0
		ORDER BY d.person, d.scope, r.role`, string(who.ID), string(r.today()))
	if err != nil {
		return e, fmt.Errorf("sight of %s: %w", who.ID, err)
	}
	defer rows.Close()
	people, scopes := map[security.ActorID]security.Actor{}, map[security.ActorID][]Object{}
	var order []security.ActorID
	for rows.Next() {
		var p security.Actor
		var scope Object
		var role security.Role
		if err := rows.Scan(&p.ID, &scope, &p.Unit, &role); err != nil {
			return e, fmt.Errorf("sight of %s: %w", who.ID, err)
		}
		if known, ok := people[p.ID]; ok {
			p = known
		} else {
			order = append(order, p.ID)
		}
		if role != "" && !p.Has(role) {
			p.Roles = append(p.Roles, role)
		}
		people[p.ID] = p
		if !slices.Contains(scopes[p.ID], scope) {
			scopes[p.ID] = append(scopes[p.ID], scope)
		}
	}
	for _, id := range order {
		subjects := stated(people[id])
		if !slices.Contains(scopes[id], "") {
			e.lent = append(e.lent, lent{subjects, scopes[id]})
			continue
		}
		for _, s := range subjects {
			if !slices.Contains(e.own, s) {
				e.own = append(e.own, s)
			}
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return e, fmt.Errorf("sight of %s: %w", who.ID, err)
	}
	if e.tops, err = r.tops(ctx, e.own); err != nil {
		return e, fmt.Errorf("sight of %s: %w", who.ID, err)
	}
	return e, nil
}

// tops are the objects above documents to which subjects have a relation by which they see.
func (r *Rights) tops(ctx context.Context, subjects []Subject) ([]Object, error) {
	a := arguments{first: 1}
	return objects(ctx, r.db, `SELECT DISTINCT object FROM access_tuple WHERE `+tuples(&a, subjects)+` AND object NOT LIKE 'document:%' ORDER BY object`, a.all...)
}

// arguments are those of a text in the making. SQLite numbers them by first
// use, so they are added in the order in which the text names them.
type arguments struct {
	first int
	all   []any
}

func listed[T ~string](a *arguments, values []T) string {
	text := placeholders(a.first+len(a.all), len(values))
	for _, v := range values {
		a.all = append(a.all, string(v))
	}
	return text
}

// tuples selects those that let one of subjects see something.
func tuples(a *arguments, subjects []Subject) string {
	return `subject IN (` + listed(a, subjects) + `) AND relation NOT IN (` + unseeing + `)`
}

// chained are the links from an object up, from l1 on, and what they lead to.
var chained, above = func() (string, []string) {
	text, parents := "access_link l1", []string{"l1.parent"}
	for i := 2; i <= MaxDepth; i++ {
		text += fmt.Sprintf(" LEFT JOIN access_link l%d ON l%d.child = l%d.parent", i, i, i-1)
		parents = append(parents, fmt.Sprintf("l%d.parent", i))
	}
	return text, parents
}()

// seenBy holds when a document can be seen by whom tuples are.
func seenBy(document, tuples string) string {
	// From the cheapest to the dearest: the first is asked once, the second
	// needs one look at an index. OFFSET keeps PostgreSQL from reading the
	// whole table instead, to have all answers at hand.
	return `(EXISTS (SELECT 1 FROM access_tuple WHERE object = 'office' AND ` + tuples + `)
		OR EXISTS (SELECT 1 FROM access_tuple WHERE object = ` + document + ` AND ` + tuples + ` LIMIT 1 OFFSET 0)
		OR EXISTS (SELECT 1 FROM ` + chained + ` CROSS JOIN access_tuple
			WHERE l1.child = ` + document + ` AND access_tuple.object IN (` + strings.Join(above, ", ") + `) AND ` + tuples + ` LIMIT 1 OFFSET 0))`
}

// within holds when a document is one of scopes, or hangs under one.
func within(document, scopes string) string {
	return `(` + document + ` IN (` + scopes + `) OR EXISTS (SELECT 1 FROM ` + chained + ` WHERE l1.child = ` + document + ` AND (` +
		strings.Join(above, ` IN (`+scopes+`) OR `) + ` IN (` + scopes + `))))`
}

// Sees returns a condition that holds when e see the document whose id is
// the SQL expression id, and its arguments, numbered as those of Filter are.
// It is for queries that look at documents one by one; Filter is for those
// that begin with the documents somebody may see.
func (e Eyes) Sees(id string, firstArg int) (string, []any) {
	if e.all {
		return `1 = 1`, nil
	}
	if len(e.own) == 0 {
		return `1 = 0`, nil
	}
	a := arguments{first: firstArg}
	document := `'document:' || ` + id
	text := `(` + seenBy(document, tuples(&a, e.own))
	for _, l := range e.lent {
		text += ` OR ` + within(document, listed(&a, l.scopes)) + ` AND ` + seenBy(document, tuples(&a, l.subjects))
	}
	return text + `)`, a.all
}

// Filter returns a subquery, without parentheses, that yields the ids of the
// documents that e see, and its arguments. Its parameters are numbered from
// firstArg on; SQLite numbers them by first use, so the caller's own $1 …
// must come before it in the text and firstArg must follow on them:
//
//	sub, args := eyes.Filter(2)
//	`SELECT … FROM material WHERE state = $1 AND id IN (` + sub + `)`
func (e Eyes) Filter(firstArg int) (string, []any) {
	if e.all {
		return `SELECT substr(child, 10) FROM access_link WHERE child LIKE 'document:%'
			UNION SELECT substr(object, 10) FROM access_tuple WHERE object LIKE 'document:%'`, nil
	}
	return e.below(firstArg, `
		UNION ALL SELECT substr(child, 10) FROM access_link WHERE EXISTS (SELECT 1 FROM tops WHERE object = 'office') AND child LIKE 'document:%'
		UNION ALL SELECT substr(object, 10) FROM access_tuple WHERE EXISTS (SELECT 1 FROM tops WHERE object = 'office') AND object LIKE 'document:%'`)
}

// FilterFew is Filter for somebody of whom CountSeen says that he does not see
// all: who sees the whole office by his role sees nothing by it here.
func (e Eyes) FilterFew(firstArg int) (string, []any) { return e.below(firstArg, "") }

// below yields the documents on or above which somebody holds a relation, one
// held in two ways twice; more is more of them, by what is above documents, named tops.
//
// Only what stands above documents is walked down: there are few such objects,
// and PostgreSQL, which takes the rows of a recursion for a thousand times what
// they are, then plans by the documents' own.
func (e Eyes) below(firstArg int, more string) (string, []any) {
	if e.all || len(e.own) == 0 {
		return `SELECT child FROM access_link WHERE 1 = 0`, nil
	}
	a := arguments{first: firstArg}
	mine := tuples(&a, e.own)
	text := `SELECT substr(object, 10) FROM access_tuple WHERE ` + mine + ` AND object LIKE 'document:%'`
	if len(e.tops) > 0 { // few have any; PostgreSQL would read all links for nobody
		text = walk("tops", `SELECT object, 0 FROM access_tuple WHERE `+mine+` AND object NOT LIKE 'document:%'`) + text + `
		UNION ALL SELECT substr(l.child, 10) FROM tops t CROSS JOIN access_link l WHERE l.parent = t.object AND l.child LIKE 'document:%'` + more
	}
	for i, l := range e.lent {
		var documents, tops []Object
		for _, o := range l.scopes {
			if o.document() {
				documents = append(documents, o)
			} else {
				tops = append(tops, o)
			}
		}
		part := fmt.Sprintf("part%d", i)
		var ways []string
		if len(tops) > 0 {
			ways = append(ways, walk("t", `VALUES `+roots(&a, tops))+`
				SELECT l.child AS document FROM t CROSS JOIN access_link l WHERE l.parent = t.object AND l.child LIKE 'document:%'`)
		}
		for _, o := range documents {
			ways = append(ways, `SELECT CAST(`+listed(&a, []Object{o})+` AS TEXT) AS document`)
		}
		text += `
		UNION ALL SELECT substr(` + part + `.document, 10) FROM (` + strings.Join(ways, ` UNION ALL `) + `) AS ` + part + ` WHERE ` +
			seenBy(part+".document", tuples(&a, l.subjects))
	}
	return text, a.all
}

// walk names what stands above documents: roots, and whatever hangs under them.
func walk(name, roots string) string {
	return fmt.Sprintf(`
		WITH RECURSIVE %[1]s (object, depth) AS (
			%[2]s
			UNION
			SELECT l.child, t.depth + 1 FROM %[1]s t JOIN access_link l ON l.parent = t.object WHERE l.child NOT LIKE 'document:%%' AND t.depth < %[3]d
		)`, name, roots, MaxDepth-1)
}

// roots are the first rows of a walk down from objects.
func roots(a *arguments, objects []Object) string {
	rows := make([]string, len(objects))
	for i, o := range objects {
		rows[i] = `(CAST(` + listed(a, []Object{o}) + ` AS TEXT), 0)`
	}
	return strings.Join(rows, ", ")
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
	Parts    []Part // of a person: what he sees for others besides
}

// Part is a sight of what is one of Scopes or hangs under one, and of nothing else.
type Part struct {
	Sight
	Scopes []Object
}

// SightOf returns what the sight of e comes from.
func (r *Rights) SightOf(ctx context.Context, e Eyes) (Sight, error) {
	if e.all {
		return Sight{All: true}, nil
	}
	s := sight(e.own, e.tops)
	for _, l := range e.lent {
		tops, err := r.tops(ctx, l.subjects)
		if err != nil {
			return s, fmt.Errorf("sight of %s: %w", e.who, err)
		}
		s.Parts = append(s.Parts, Part{sight(l.subjects, tops), l.scopes})
	}
	return s, nil
}

func sight(subjects []Subject, tops []Object) Sight {
	return Sight{All: slices.Contains(tops, Office), Subjects: subjects, Objects: tops}
}

// Seen returns from where the document on can be seen.
func (r *Rights) Seen(ctx context.Context, on Object) (Sight, error) {
	chain, err := chainOf(ctx, r.db, on)
	if err != nil {
		return Sight{}, err
	}
	s := Sight{Objects: chain[1:]}
	for _, o := range chain {
		if !o.document() {
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

// CountSeen returns how many documents e see, but not more than most+1:
// those of somebody who sees all are not counted. It is an estimate: one seen
// in two ways may count twice, and of whoever one stands for only in part the
// whole of that part counts.
func (r *Rights) CountSeen(ctx context.Context, e Eyes, most int) (int, error) {
	sight, err := r.SightOf(ctx, e)
	if err != nil || sight.All {
		return most + 1, err
	}
	if len(sight.Subjects) == 0 {
		return 0, nil
	}
	found, tops := 0, sight.Objects
	for _, p := range sight.Parts {
		for _, o := range p.Scopes {
			if o.document() {
				found++
			} else if !slices.Contains(tops, o) {
				tops = append(tops, o)
			}
		}
	}
	a := arguments{first: 1}
	var with, below string
	if len(tops) > 0 {
		with = walk("tops", `VALUES `+roots(&a, tops))
		below = `SELECT 1 AS one FROM tops t CROSS JOIN access_link l WHERE l.parent = t.object AND l.child LIKE 'document:%' UNION ALL `
	}
	// In the order of an index, so that no planner goes through the whole table for those who see much of it.
	own := `SELECT 1 AS one FROM access_tuple WHERE subject IN (` + listed(&a, sight.Subjects) + `) AND object LIKE 'document:%' ORDER BY subject, object`
	limit := fmt.Sprintf(" LIMIT $%d", len(a.all)+1)
	own = `SELECT one FROM (` + own + limit + `) AS own` + limit
	var n int
	if err = r.db.QueryRowContext(ctx, with+` SELECT count(*) FROM (`+below+own+`) AS seen`, append(a.all, most+1)...).Scan(&n); err != nil {
		return 0, fmt.Errorf("sight of %s: %w", e.who, err)
	}
	return min(found+n, most+1), nil
}
