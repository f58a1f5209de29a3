package store

import (
	"context"
	"time"

	"spolupis/documents"
	"spolupis/security/fault"
)

func (r reader) Rounds(ctx context.Context, id documents.MaterialID) ([]documents.Round, error) {
	rounds, err := query(ctx, r.q, func(r row) (o documents.Round, err error) {
		var due, started, closed int64
		err = r.Scan(&o.ID, &o.Material, &o.Number, &o.Baseline, &o.Days, &o.Urgent, &o.Why, &due, &o.StartedBy, &started, &closed, &o.Ended)
		o.Due, o.StartedAt, o.ClosedAt = at(due), at(started), at(closed)
		return o, err
	}, `SELECT id, material, number, baseline, days, urgent, why, due, started_by, started_at, closed_at, ended FROM documents_round
		WHERE material = $1 ORDER BY started_at, id LIMIT 1000`, id)
	if err != nil || len(rounds) == 0 {
		return nil, err
	}
	of := map[string]int{}
	for i, o := range rounds {
		of[o.ID] = i
	}
	type place struct {
		round string
		documents.Asked
	}
	asked, err := query(ctx, r.q, func(r row) (p place, err error) {
		var required, stated int64
		err = r.Scan(&p.round, &p.Unit, &required, &p.Statement, &p.Note, &p.By, &p.Behalf, &stated)
		p.Required, p.At = required == 1, at(stated)
		return p, err
	}, `SELECT u.round, u.unit, u.required, u.statement, u.note, u.person, u.behalf, u.stated_at
		FROM documents_round o JOIN documents_round_unit u ON u.round = o.id WHERE o.material = $1 ORDER BY u.required DESC, u.unit`, id)
	if err != nil {
		return nil, err
	}
	for _, p := range asked {
		o := &rounds[of[p.round]]
		o.Asked = append(o.Asked, p.Asked)
	}
	type longer struct {
		round string
		documents.Extension
	}
	extensions, err := query(ctx, r.q, func(r row) (x longer, err error) {
		var when, from, until int64
		err = r.Scan(&x.round, &when, &x.By, &x.Behalf, &from, &until, &x.Reason)
		x.At, x.From, x.Until = at(when), at(from), at(until)
		return x, err
	}, `SELECT x.round, x.at, x.person, x.behalf, x.due_before, x.due_after, x.reason
		FROM documents_round o JOIN documents_extension x ON x.round = o.id WHERE o.material = $1 ORDER BY x.at`, id)
	for _, x := range extensions {
		o := &rounds[of[x.round]]
		o.Extensions = append(o.Extensions, x.Extension)
	}
	return rounds, err
}

func (t *tx) AddRound(ctx context.Context, o documents.Round) error {
	if err := t.exec(ctx, `
		INSERT INTO documents_round (id, material, number, baseline, days, urgent, why, due, started_by, started_at, closed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0)`,
		o.ID, o.Material, o.Number, o.Baseline, o.Days, o.Urgent, o.Why, micros(o.Due), o.StartedBy, micros(o.StartedAt)); err != nil {
		return err
	}
	for _, a := range o.Asked {
		required := 0
		if a.Required {
			required = 1
		}
		if err := t.exec(ctx, `INSERT INTO documents_round_unit (round, unit, required) VALUES ($1, $2, $3)`, o.ID, a.Unit, required); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) SetRound(ctx context.Context, o documents.Round) error {
	if err := t.one(ctx, fault.NotFound, `UPDATE documents_round SET due = $1, closed_at = $2, ended = $3 WHERE id = $4`,
		micros(o.Due), micros(o.ClosedAt), o.Ended, o.ID); err != nil {
		return err
	}
	for _, a := range o.Asked {
		if err := t.one(ctx, fault.NotFound, `
			UPDATE documents_round_unit SET statement = $1, note = $2, person = $3, behalf = $4, stated_at = $5 WHERE round = $6 AND unit = $7`,
			a.Statement, a.Note, a.By, a.Behalf, micros(a.At), o.ID, a.Unit); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) AddExtension(ctx context.Context, round string, x documents.Extension) error {
	return t.exec(ctx, `INSERT INTO documents_extension (round, at, person, behalf, due_before, due_after, reason) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		round, micros(x.At), x.By, x.Behalf, micros(x.From), micros(x.Until), x.Reason)
}

// maxDue is how many rounds one look ends; the next look is soon.
const maxDue = 500

func (s *Store) DueRounds(ctx context.Context, now time.Time) ([]documents.MaterialID, error) {
	return query(ctx, s.db, func(r row) (id documents.MaterialID, err error) { return id, r.Scan(&id) }, `
		SELECT o.material FROM documents_round o JOIN documents_material m ON m.id = o.material AND m.state = 'commenting'
		WHERE o.closed_at = 0 AND o.due < $1 ORDER BY o.due LIMIT $2`, micros(now), maxDue)
}

func (r reader) Twins(ctx context.Context, lead documents.CommentID) ([]documents.Comment, error) {
	return query(ctx, r.q, scanComment, selectComment+` WHERE c.twin = $1 ORDER BY c.number`, lead)
}

const selectDispute = `SELECT d.comment, d.material, d.level, d.state, d.decider, d.words, d.opened_at FROM documents_dispute d`

func scanDispute(r row) (d documents.Dispute, err error) {
	var opened int64
	err = r.Scan(&d.Comment, &d.Material, &d.Level, &d.State, &d.Decider, &d.Words, &opened)
	d.OpenedAt = at(opened)
	return d, err
}

type disputeStep struct {
	comment documents.CommentID
	documents.DisputeStep
}

func scanStep(r row) (x disputeStep, err error) {
	var when int64
	err = r.Scan(&x.comment, &x.Act, &x.Level, &x.By, &x.Behalf, &when, &x.Text)
	x.At = at(when)
	return x, err
}

func (r reader) Dispute(ctx context.Context, c documents.CommentID) (documents.Dispute, error) {
	d, err := scanDispute(r.q.QueryRowContext(ctx, selectDispute+` WHERE d.comment = $1`, c))
	if err != nil {
		return d, gone(err, "documents.fault.dispute_none")
	}
	steps, err := query(ctx, r.q, scanStep, `SELECT comment, act, level, person, behalf, at, text FROM documents_dispute_act WHERE comment = $1 ORDER BY n`, c)
	for _, x := range steps {
		d.Acts = append(d.Acts, x.DisputeStep)
	}
	return d, err
}

func (r reader) Disputes(ctx context.Context, id documents.MaterialID) ([]documents.Dispute, error) {
	out, err := query(ctx, r.q, scanDispute, selectDispute+` JOIN documents_comment c ON c.id = d.comment WHERE d.material = $1 ORDER BY c.number`, id)
	if err != nil || len(out) == 0 {
		return nil, err
	}
	of := map[documents.CommentID]int{}
	for i, d := range out {
		of[d.Comment] = i
	}
	steps, err := query(ctx, r.q, scanStep, `
		SELECT a.comment, a.act, a.level, a.person, a.behalf, a.at, a.text
		FROM documents_dispute d JOIN documents_dispute_act a ON a.comment = d.comment WHERE d.material = $1 ORDER BY a.comment, a.n`, id)
	for _, x := range steps {
		d := &out[of[x.comment]]
		d.Acts = append(d.Acts, x.DisputeStep)
	}
	return out, err
}

func (t *tx) PutDispute(ctx context.Context, d documents.Dispute) error {
	return t.exec(ctx, `
		INSERT INTO documents_dispute (comment, material, level, state, decider, words, opened_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (comment) DO UPDATE SET level = excluded.level, state = excluded.state, decider = excluded.decider, words = excluded.words, opened_at = excluded.opened_at`,
		d.Comment, d.Material, d.Level, d.State, d.Decider, d.Words, micros(d.OpenedAt))
}

func (t *tx) AddDisputeStep(ctx context.Context, d documents.Dispute, x documents.DisputeStep) error {
	return t.exec(ctx, `INSERT INTO documents_dispute_act (comment, n, act, level, person, behalf, at, text) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		d.Comment, len(d.Acts), x.Act, x.Level, x.By, x.Behalf, micros(x.At), x.Text)
}
