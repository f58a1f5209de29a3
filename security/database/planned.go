package database

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"github.com/jackc/pgx/v5"
)

// Planned asks questions whose best plan depends on the values in them, such
// as a word that nearly all rows have, or hardly one. PostgreSQL stops looking
// at the values of a prepared statement after some five times and keeps one
// plan for all; here it makes one each time. On SQLite there is no difference.
type Planned struct{ *DB }

// QueryContext is DB.QueryContext.
func (p Planned) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if !p.Postgres {
		return p.DB.QueryContext(ctx, query, args...)
	}
	p.asked(query, args)
	args, err := unprepared(args)
	if err != nil {
		return nil, err
	}
	return p.DB.DB.QueryContext(ctx, query, args...)
}

// QueryRowContext is DB.QueryRowContext.
func (p Planned) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if !p.Postgres {
		return p.DB.QueryRowContext(ctx, query, args...)
	}
	p.asked(query, args)
	if own, err := unprepared(args); err == nil { // otherwise the driver says what is wrong
		args = own
	}
	return p.DB.DB.QueryRowContext(ctx, query, args...)
}

// unprepared has the driver send a statement with its values, of which it
// cannot know more than their Go types.
func unprepared(args []any) ([]any, error) {
	out := make([]any, 1, len(args)+1)
	out[0] = pgx.QueryExecModeExec
	for _, a := range args {
		v, err := driver.DefaultParameterConverter.ConvertValue(a)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}
