package store

import (
	"context"
	"time"

	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/fault"
)

const selectAttachment = `SELECT id, material, comment, number, name, media_type, size, sha256, added_by, added_at FROM documents_attachment`

func scanAttachment(r row) (a documents.Attachment, err error) {
	var added int64
	err = r.Scan(&a.ID, &a.Material, &a.Comment, &a.Number, &a.Name, &a.MediaType, &a.Size, &a.SHA256, &a.AddedBy, &added)
	a.AddedAt = at(added)
	return a, err
}

func (r reader) Attachments(ctx context.Context, id documents.MaterialID, c documents.CommentID) ([]documents.Attachment, error) {
	return query(ctx, r.q, scanAttachment, selectAttachment+` WHERE material = $1 AND comment = $2 AND removed_at = 0 ORDER BY number`, id, c)
}

func (r reader) CommentAttachments(ctx context.Context, id documents.MaterialID) ([]documents.Attachment, error) {
	return query(ctx, r.q, scanAttachment, selectAttachment+` WHERE material = $1 AND comment > '' AND removed_at = 0 ORDER BY comment, number`, id)
}

func (r reader) Attachment(ctx context.Context, id documents.MaterialID, a documents.AttachmentID) (documents.Attachment, error) {
	x, err := scanAttachment(r.q.QueryRowContext(ctx, selectAttachment+` WHERE id = $1 AND material = $2 AND removed_at = 0`, a, id))
	return x, gone(err, "attachments.fault.gone")
}

func (t *tx) AddAttachment(ctx context.Context, a documents.Attachment) error {
	return t.exec(ctx, `
		INSERT INTO documents_attachment (id, material, comment, number, name, media_type, size, sha256, added_by, added_at, removed_by, removed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', 0)`,
		a.ID, a.Material, a.Comment, a.Number, a.Name, a.MediaType, a.Size, a.SHA256, a.AddedBy, micros(a.AddedAt))
}

func (t *tx) RemoveAttachment(ctx context.Context, a documents.AttachmentID, by security.ActorID, when time.Time) error {
	return t.one(ctx, fault.New(fault.NotFound, "attachments.fault.gone"),
		`UPDATE documents_attachment SET removed_by = $1, removed_at = $2 WHERE id = $3 AND removed_at = 0`, by, micros(when), a)
}
