package store

import (
	"context"

	"spolupis/documents"
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
