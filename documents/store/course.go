package store

import (
	"context"
	"time"

	"spolupis/documents"
	"spolupis/documents/workflow"
)

// maxCourses is how many versions of the course a page lists.
const maxCourses = 200

func (r reader) Courses(ctx context.Context) ([]documents.CourseVersion, error) {
	return query(ctx, r.q, func(r row) (v documents.CourseVersion, err error) {
		var imported int64
		err = r.Scan(&v.Version, &v.ImportedBy, &imported)
		v.ImportedAt = at(imported)
		return v, err
	}, `SELECT version, imported_by, imported_at FROM documents_course ORDER BY version DESC LIMIT $1`, maxCourses)
}

func (r reader) Course(ctx context.Context, version int) (b []byte, err error) {
	err = r.q.QueryRowContext(ctx, `SELECT definition FROM documents_course WHERE version = $1`, version).Scan(&b)
	return b, gone(err, "workflow.fault.course_gone")
}

func (t *tx) AddCourse(ctx context.Context, v documents.CourseVersion, definition []byte) error {
	return t.exec(ctx, `INSERT INTO documents_course (version, definition, imported_by, imported_at) VALUES ($1, $2, $3, $4)`,
		v.Version, string(definition), v.ImportedBy, micros(v.ImportedAt))
}

// Placed lists materials that have been at a place since before a time, longest first.
func (s *Store) Placed(ctx context.Context, place workflow.Place, before time.Time, limit int) ([]documents.MaterialID, error) {
	return query(ctx, s.db, func(r row) (id documents.MaterialID, err error) { return id, r.Scan(&id) },
		`SELECT id FROM documents_material WHERE place = $1 AND placed_at < $2 ORDER BY placed_at, id LIMIT $3`, place, micros(before), limit)
}
