package store

import (
	"context"
	"encoding/json"
	"fmt"

	"spolupis/documents"
	"spolupis/security/fault"
)

const selectDerivative = `SELECT id, version, material, audience, number, state, marks, original, markdown, pdf, made_by, made_at, decided_by, decided_at, reason FROM documents_derivative`

func scanDerivative(r row) (d documents.Derivative, err error) {
	var marks string
	var made, decided int64
	if err = r.Scan(&d.ID, &d.Version, &d.Material, &d.Audience, &d.Number, &d.State, &marks, &d.Original, &d.Markdown, &d.PDF, &d.MadeBy, &made,
		&d.DecidedBy, &decided, &d.Reason); err != nil {
		return d, err
	}
	d.MadeAt, d.DecidedAt = at(made), at(decided)
	if err := json.Unmarshal([]byte(marks), &d.Marks); err != nil {
		return d, fmt.Errorf("marks of %s: %w", d.ID, err)
	}
	return d, nil
}

func (r reader) Derivatives(ctx context.Context, version documents.VersionID) ([]documents.Derivative, error) {
	return query(ctx, r.q, scanDerivative, selectDerivative+` WHERE version = $1 ORDER BY made_at DESC, id DESC`, version)
}

func (r reader) Derivative(ctx context.Context, id documents.DerivativeID) (documents.Derivative, error) {
	d, err := scanDerivative(r.q.QueryRowContext(ctx, selectDerivative+` WHERE id = $1`, id))
	return d, gone(err, "fault.not_found")
}

func (t *tx) AddDerivative(ctx context.Context, d documents.Derivative) error {
	marks, err := json.Marshal(d.Marks)
	if err != nil {
		return err
	}
	return t.exec(ctx, `
		INSERT INTO documents_derivative (id, version, material, audience, number, state, marks, original, markdown, pdf, made_by, made_at, decided_by, decided_at, reason)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '', 0, '')`,
		d.ID, d.Version, d.Material, d.Audience, d.Number, d.State, string(marks), d.Original, d.Markdown, d.PDF, d.MadeBy, micros(d.MadeAt))
}

func (t *tx) DecideDerivative(ctx context.Context, d documents.Derivative) error {
	return t.one(ctx, fault.New(fault.Conflict, "documents.fault.derivative_decided"), `
		UPDATE documents_derivative SET state = $1, decided_by = $2, decided_at = $3, reason = $4 WHERE id = $5 AND state = 'proposed'`,
		d.State, d.DecidedBy, micros(d.DecidedAt), d.Reason, d.ID)
}
