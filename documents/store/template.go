package store

import (
	"context"
	"encoding/json"
	"fmt"

	"spolupis/documents"
	"spolupis/security/fault"
)

func scanTemplate(r row) (k documents.KeptTemplate, err error) {
	var raw string
	var changed int64
	if err = r.Scan(&k.Version, &raw, &k.ChangedBy, &changed); err != nil {
		return k, err
	}
	k.ChangedAt = at(changed)
	if err := json.Unmarshal([]byte(raw), &k.Template); err != nil {
		return k, fmt.Errorf("template: %w", err)
	}
	return k, nil
}

func (r reader) Templates(ctx context.Context) ([]documents.KeptTemplate, error) {
	return query(ctx, r.q, scanTemplate, `SELECT version, body, changed_by, changed_at FROM documents_template ORDER BY name, id LIMIT $1`, documents.MaxTemplates)
}

func (r reader) Template(ctx context.Context, id documents.TemplateID) (documents.KeptTemplate, error) {
	k, err := scanTemplate(r.q.QueryRowContext(ctx, `SELECT version, body, changed_by, changed_at FROM documents_template WHERE id = $1`, id))
	return k, gone(err, "documents.fault.template_missing")
}

func (r reader) MaterialTemplate(ctx context.Context, id documents.MaterialID) (documents.KeptTemplate, error) {
	k, err := scanTemplate(r.q.QueryRowContext(ctx, `
		SELECT v.version, v.body, v.changed_by, v.changed_at FROM documents_material_template m
		JOIN documents_template_version v ON v.id = m.template AND v.version = m.version WHERE m.material = $1`, id))
	return k, gone(err, "documents.fault.template_missing")
}

func (t *tx) PutTemplate(ctx context.Context, k documents.KeptTemplate) error {
	raw, err := json.Marshal(k.Template)
	if err != nil {
		return err
	}
	// Two who change it at once make the same version; the second finds it there.
	if err := t.one(ctx, fault.New(fault.Conflict, "documents.fault.template_changed"), `
		INSERT INTO documents_template_version (id, version, body, changed_by, changed_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
		k.ID, k.Version, string(raw), k.ChangedBy, micros(k.ChangedAt)); err != nil {
		return err
	}
	return t.exec(ctx, `
		INSERT INTO documents_template (id, name, version, body, changed_by, changed_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version, body = excluded.body,
			changed_by = excluded.changed_by, changed_at = excluded.changed_at`,
		k.ID, documents.Fold(k.Name), k.Version, string(raw), k.ChangedBy, micros(k.ChangedAt))
}

func (t *tx) SetMaterialTemplate(ctx context.Context, id documents.MaterialID, template documents.TemplateID, version int) error {
	return t.exec(ctx, `INSERT INTO documents_material_template (material, template, version) VALUES ($1, $2, $3)`, id, template, version)
}
