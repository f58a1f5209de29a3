package store

import (
	"context"
	"strconv"
	"strings"

	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/access"
)

// maxTasks is how many tasks of one kind an inbox shows, and the number in the header counts.
const maxTasks = 200

func scanTask(r row) (t documents.Task, err error) {
	var due, since int64
	err = r.Scan(&t.What, &t.Title, &t.Number, &t.Link, &t.Count, &due, &since, &t.Material)
	t.Due, t.Since = at(due), at(since)
	return t, err
}

// Where the tasks of each kind come from: the same text lists them and counts
// them, but for comments to settle. $1 is the person, $2 his unit.
const (
	fromAsked = `
		FROM documents_member b
		JOIN documents_route o ON o.id = b.route AND o.state = 'running' AND o.current = b.step
		JOIN documents_material m ON m.id = o.material
		WHERE b.person = $1 AND b.act = ''`
	fromToComment = `
		FROM documents_round o
		CROSS JOIN documents_round_unit u
		CROSS JOIN documents_material m
		WHERE o.closed_at = 0 AND u.round = o.id AND m.id = o.material AND m.drafter <> $1 AND u.unit = $2 AND u.statement = '' AND m.state = 'commenting'
		AND NOT EXISTS (SELECT 1 FROM documents_comment c WHERE c.material = m.id AND c.author = $1 AND c.at >= o.started_at)`
	fromToDecide = `
		FROM documents_dispute d JOIN documents_comment c ON c.id = d.comment JOIN documents_material m ON m.id = d.material
		WHERE d.decider = $1 AND d.state = 'open'`
	fromToRead = `
		FROM documents_notice n JOIN documents_material m ON m.id = n.material
		WHERE n.person = $1 AND n.seen_at = 0`
	// Comments are counted by unit first, from the index alone: there may be thousands.
	fromToSettle = `
		FROM (SELECT m.id, m.title, m.number, c.round, c.unit, count(*) AS n, min(c.at) AS at
			FROM documents_material m CROSS JOIN documents_comment c
			WHERE m.drafter = $1 AND m.state IN ('draft', 'commenting', 'settling') AND c.material = m.id AND c.state = 'open'
			GROUP BY m.id, m.title, m.number, c.unit, c.round) AS x
		LEFT JOIN documents_round_unit u ON u.round = x.round AND u.unit = x.unit
		WHERE (x.unit = '' OR u.statement NOT IN ('', 'silent'))`
	// The same materials, without their comments being counted: one of each is enough.
	anyToSettle = `
		FROM documents_material m
		WHERE m.drafter = $1 AND m.state IN ('draft', 'commenting', 'settling') AND (
			EXISTS (SELECT 1 FROM documents_comment c WHERE c.material = m.id AND c.state = 'open' AND c.unit = '')
			OR EXISTS (SELECT 1 FROM documents_round o CROSS JOIN documents_round_unit u CROSS JOIN documents_comment c
				WHERE o.material = m.id AND u.round = o.id AND u.statement NOT IN ('', 'silent') AND c.material = m.id AND c.state = 'open' AND c.unit = u.unit AND c.round = u.round))`
)

// fromToState is where the statements come from that units owe; units are placeholders. It begins with the few rounds that run,
// not with the many that a unit was asked in.
func fromToState(units string) string {
	return `
		FROM documents_round o
		CROSS JOIN documents_round_unit u
		CROSS JOIN documents_material m
		WHERE o.closed_at = 0 AND u.round = o.id AND u.unit IN (` + units + `) AND u.statement = '' AND m.id = o.material AND m.state = 'commenting'`
}

// fromDuties is where open tasks from resolutions come from: of person $1, or of units.
func fromDuties(units string) string {
	mine := `SELECT id FROM documents_task WHERE person = $1 AND person <> '' AND state = 'open'`
	if units != "" {
		mine += ` UNION SELECT id FROM documents_task WHERE unit IN (` + units + `) AND state = 'open'`
	}
	return ` FROM documents_task WHERE id IN (` + mine + `)`
}

func (s *Store) Asked(ctx context.Context, who security.ActorID) ([]documents.Task, error) {
	return query(ctx, s.db, scanTask, `SELECT 'approve', m.title, m.number, '/documents/' || m.id || '/route', 0, 0, o.started_at, m.id`+
		fromAsked+` ORDER BY o.started_at LIMIT $2`, who, maxTasks)
}

func (s *Store) ToComment(ctx context.Context, who security.ActorID, unit security.UnitID) ([]documents.Task, error) {
	return query(ctx, s.db, scanTask, `SELECT 'comment', m.title, m.number, '/documents/' || m.id || '/comments', 0, o.due, o.started_at, m.id`+
		fromToComment+` ORDER BY o.due LIMIT $3`, who, unit, maxTasks)
}

func (s *Store) ToRead(ctx context.Context, who security.ActorID) ([]documents.Task, error) {
	return query(ctx, s.db, scanTask, `SELECT 'read', m.title, m.number, '/notices/' || min(n.seq), count(*), 0, min(n.at), m.id`+
		fromToRead+` GROUP BY m.id, m.title, m.number ORDER BY min(n.at) LIMIT $2`, who, maxTasks)
}

func (s *Store) ToSettle(ctx context.Context, who security.ActorID) ([]documents.Task, error) {
	return query(ctx, s.db, scanTask, `SELECT 'settle', x.title, x.number, '/documents/' || x.id || '/settlement', CAST(sum(x.n) AS BIGINT), 0, min(x.at), x.id`+
		fromToSettle+` GROUP BY x.id, x.title, x.number ORDER BY min(x.at) LIMIT $2`, who, maxTasks)
}

func (s *Store) ToState(ctx context.Context, units []security.UnitID) ([]documents.Task, error) {
	if len(units) == 0 {
		return nil, nil
	}
	args := anys(units)
	return query(ctx, s.db, scanTask, `SELECT 'state', m.title, m.number, '/documents/' || m.id || '/round', 0, o.due, o.started_at, m.id`+
		fromToState(numbered(1, len(args)))+` ORDER BY o.due LIMIT $`+strconv.Itoa(len(args)+1), append(args, maxTasks)...)
}

func (s *Store) ToDecide(ctx context.Context, who security.ActorID) ([]documents.Task, error) {
	return query(ctx, s.db, scanTask, `SELECT 'decide', m.title, m.number, '/documents/' || m.id || '/settlement/' || c.number, 0, 0, d.opened_at, m.id`+
		fromToDecide+` ORDER BY d.opened_at LIMIT $2`, who, maxTasks)
}

// Duties are the open tasks of a person, or of units, as an inbox shows them.
func (s *Store) Duties(ctx context.Context, person security.ActorID, units []security.UnitID) ([]documents.Task, error) {
	args := append([]any{person}, anys(units)...)
	return query(ctx, s.db, func(r row) (t documents.Task, err error) {
		var due access.Day
		var since int64
		err = r.Scan(&t.Title, &t.Number, &t.Material, &due, &since)
		t.What, t.Link, t.Since = "duty", "/documents/"+string(t.Material)+"/programme#tasks", at(since)
		if d := due.Time(); !d.IsZero() {
			t.Due = d.AddDate(0, 0, 1).Add(-1)
		}
		return t, err
	}, `SELECT text, number, material, due, made_at`+fromDuties(numbered(2, len(units)))+` ORDER BY due, id LIMIT $`+strconv.Itoa(len(args)+1), append(args, maxTasks)...)
}

// CountTasks implements documents.Store.
func (s *Store) CountTasks(ctx context.Context, who security.ActorID, unit security.UnitID, leads, heads []security.UnitID) (n int, err error) {
	kinds := []string{`SELECT 1 AS one` + fromAsked, `SELECT 1 AS one` + fromToComment, `SELECT 1 AS one` + anyToSettle, `SELECT 1 AS one` + fromToDecide,
		`SELECT DISTINCT m.id` + fromToRead}
	args := []any{who, unit}
	if len(leads) > 0 {
		kinds = append(kinds, `SELECT 1 AS one`+fromToState(numbered(len(args)+1, len(leads))))
		args = append(args, anys(leads)...)
	}
	kinds = append(kinds, `SELECT 1 AS one`+fromDuties(numbered(len(args)+1, len(heads))))
	args = append(args, anys(heads)...)
	counts := make([]string, len(kinds))
	for i, k := range kinds {
		counts[i] = `(SELECT count(*) FROM (` + k + ` LIMIT ` + strconv.Itoa(maxTasks) + `) AS t)`
	}
	return n, s.db.QueryRowContext(ctx, `SELECT `+strings.Join(counts, ` + `), args...).Scan(&n)
}

func anys[T any](values []T) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}
