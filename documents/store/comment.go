package store

import (
	"context"

	"spolupis/collab"
	"spolupis/documents"
)

// A unit's comments are its working notes until it has spoken, and for ever when it has not.
const selectComment = `
	SELECT c.id, c.material, c.number, c.kind, c.state, c.author, c.at, c.anchor_start, c.anchor_end, c.quote, c.prefix, c.suffix, c.block, c.text, c.reasoning, c.proposed,
		c.applied, c.outcome, c.outcome_reasoning, c.settled_by, c.settled_at,
		c.round, c.unit, c.twin, c.stand, c.stand_note, c.stand_by, c.stand_behalf, c.stand_at,
		c.unit <> '' AND coalesce(u.statement, '') IN ('', 'silent')
	FROM documents_comment c LEFT JOIN documents_round_unit u ON u.round = c.round AND u.unit = c.unit`

func scanComment(r row) (c documents.Comment, err error) {
	var made, settledAt, applied, stoodAt int64
	var x documents.Standing
	var start, end []byte
	var s documents.Settlement
	err = r.Scan(&c.ID, &c.Material, &c.Number, &c.Kind, &c.State, &c.Author, &made, &start, &end, &c.Quote, &c.Prefix, &c.Suffix, &c.Block,
		&c.Text, &c.Reasoning, &c.Proposed, &applied, &s.Outcome, &s.Reasoning, &s.By, &settledAt,
		&c.Round, &c.Unit, &c.Twin, &x.Stand, &x.Note, &x.By, &x.Behalf, &stoodAt, &c.Working)
	c.At, c.Applied = at(made), applied == 1
	if start != nil {
		c.Anchor = &collab.Anchor{Start: start, End: end}
	}
	if s.Outcome != "" {
		s.At = at(settledAt)
		c.Settlement = &s
	}
	if x.Stand != "" {
		x.At = at(stoodAt)
		c.Standing = &x
	}
	return c, err
}

type reply struct {
	comment documents.CommentID
	documents.Reply
}

func scanReply(r row) (x reply, err error) {
	var made int64
	err = r.Scan(&x.comment, &x.ID, &x.Author, &made, &x.Text)
	x.At = at(made)
	return x, err
}

func (r reader) Comments(ctx context.Context, id documents.MaterialID) ([]documents.Comment, error) {
	comments, err := query(ctx, r.q, scanComment, selectComment+` WHERE c.material = $1 ORDER BY c.number`, id)
	if err != nil {
		return nil, err
	}
	replies, err := query(ctx, r.q, scanReply, `SELECT comment, id, author, at, text FROM documents_reply WHERE material = $1 ORDER BY at, id`, id)
	if err != nil {
		return nil, err
	}
	of := map[documents.CommentID]int{}
	for i, c := range comments {
		of[c.ID] = i
	}
	for _, x := range replies {
		c := &comments[of[x.comment]]
		c.Replies = append(c.Replies, x.Reply)
	}
	attachments, err := r.CommentAttachments(ctx, id)
	for _, a := range attachments {
		c := &comments[of[a.Comment]]
		c.Attachments = append(c.Attachments, a)
	}
	return comments, err
}

func (r reader) CommentNumbers(ctx context.Context, id documents.MaterialID) (n, last int, err error) {
	err = r.q.QueryRowContext(ctx, `SELECT count(*), coalesce(max(number), 0) FROM documents_comment WHERE material = $1`, id).Scan(&n, &last)
	return n, last, err
}

func (r reader) Comment(ctx context.Context, id documents.CommentID) (documents.Comment, error) {
	c, err := scanComment(r.q.QueryRowContext(ctx, selectComment+` WHERE c.id = $1`, id))
	if err != nil {
		return c, gone(err, "documents.fault.comment_gone")
	}
	replies, err := query(ctx, r.q, scanReply, `SELECT comment, id, author, at, text FROM documents_reply WHERE comment = $1 ORDER BY at, id`, id)
	if err != nil {
		return c, err
	}
	for _, x := range replies {
		c.Replies = append(c.Replies, x.Reply)
	}
	c.Attachments, err = r.Attachments(ctx, c.Material, id)
	return c, err
}

// fields are the columns of a comment that change, in the order of both statements.
func fields(c documents.Comment) []any {
	var start, end []byte
	if c.Anchor != nil {
		start, end = c.Anchor.Start, c.Anchor.End
	}
	var s documents.Settlement
	if c.Settlement != nil {
		s = *c.Settlement
	}
	applied := 0
	if c.Applied {
		applied = 1
	}
	var x documents.Standing
	if c.Standing != nil {
		x = *c.Standing
	}
	return []any{c.Kind, c.State, start, end, c.Quote, c.Prefix, c.Suffix, c.Block, c.Text, c.Reasoning, c.Proposed,
		applied, s.Outcome, s.Reasoning, s.By, micros(s.At), c.Twin, x.Stand, x.Note, x.By, x.Behalf, micros(x.At)}
}

func (t *tx) AddComment(ctx context.Context, c documents.Comment) error {
	return t.exec(ctx, `
		INSERT INTO documents_comment (kind, state, anchor_start, anchor_end, quote, prefix, suffix, block, text, reasoning, proposed,
			applied, outcome, outcome_reasoning, settled_by, settled_at, twin, stand, stand_note, stand_by, stand_behalf, stand_at,
			id, material, number, author, at, round, unit)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29)`,
		append(fields(c), c.ID, c.Material, c.Number, c.Author, micros(c.At), c.Round, c.Unit)...)
}

func (t *tx) SetComment(ctx context.Context, c documents.Comment) error {
	return t.exec(ctx, `
		UPDATE documents_comment SET kind = $1, state = $2, anchor_start = $3, anchor_end = $4, quote = $5, prefix = $6, suffix = $7, block = $8,
			text = $9, reasoning = $10, proposed = $11, applied = $12, outcome = $13, outcome_reasoning = $14, settled_by = $15, settled_at = $16,
			twin = $17, stand = $18, stand_note = $19, stand_by = $20, stand_behalf = $21, stand_at = $22
		WHERE id = $23`, append(fields(c), c.ID)...)
}

func (t *tx) AddReply(ctx context.Context, id documents.CommentID, r documents.Reply) error {
	return t.exec(ctx, `
		INSERT INTO documents_reply (comment, material, id, author, at, text)
		SELECT c.id, c.material, $1, $2, $3, $4 FROM documents_comment c WHERE c.id = $5`, r.ID, r.Author, micros(r.At), r.Text, id)
}
