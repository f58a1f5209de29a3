package store

import (
	"context"

	"spolupis/documents"
)

const selectPrint = `SELECT code, material, version, number, snapshot, sha256, person, at FROM documents_print`

func scanPrint(r row) (p documents.Printout, err error) {
	var when int64
	err = r.Scan(&p.Code, &p.Material, &p.Version, &p.Number, &p.Snapshot, &p.SHA256, &p.By, &when)
	p.At = at(when)
	return p, err
}

func (r reader) Printout(ctx context.Context, code documents.PrintCode) (documents.Printout, error) {
	p, err := scanPrint(r.q.QueryRowContext(ctx, selectPrint+` WHERE code = $1`, code))
	return p, gone(err, "documents.fault.print_gone")
}

func (r reader) Printouts(ctx context.Context, id documents.MaterialID, limit int) ([]documents.Printout, error) {
	return query(ctx, r.q, scanPrint, selectPrint+` WHERE material = $1 ORDER BY at DESC, code DESC LIMIT $2`, id, limit)
}

func (t *tx) AddPrintout(ctx context.Context, p documents.Printout) error {
	return t.exec(ctx, `INSERT INTO documents_print (code, material, version, number, snapshot, sha256, person, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		p.Code, p.Material, p.Version, p.Number, p.Snapshot, p.SHA256, p.By, micros(p.At))
}
