package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"

	"spolupis/documents"
	"spolupis/documents/meeting"
	"spolupis/security"
	"spolupis/security/access"
)

func (r reader) OpenRounds(ctx context.Context, who security.ActorID, units []security.UnitID) ([]documents.Deadline, error) {
	args := []any{who, maxTasks}
	asked := ""
	for _, u := range units {
		args = append(args, u)
		asked += ", $" + strconv.Itoa(len(args))
	}
	if asked != "" {
		asked = ` OR EXISTS (SELECT 1 FROM documents_round_unit u WHERE u.round = o.id AND u.unit IN (` + strings.TrimPrefix(asked, ", ") + `))`
	}
	return query(ctx, r.q, func(r row) (d documents.Deadline, err error) {
		var id string
		var due, changed int64
		err = r.Scan(&id, &d.Material, &d.Number, &d.Title, &due, &changed, &d.Moved)
		d.Kind, d.ID, d.Link, d.At, d.Changed = documents.RoundDeadline, "round-"+id, "/documents/"+string(d.Material)+"/round", at(due), at(changed)
		return d, err
	}, `
		SELECT o.id, m.id, m.number, m.title, o.due, coalesce((SELECT max(x.at) FROM documents_extension x WHERE x.round = o.id), o.started_at),
			(SELECT count(*) FROM documents_extension x WHERE x.round = o.id)
		FROM documents_round o JOIN documents_material m ON m.id = o.material
		WHERE o.closed_at = 0 AND m.state = 'commenting' AND (m.drafter = $1`+asked+`) ORDER BY o.due, o.id LIMIT $2`, args...)
}

func (r reader) ComingMeetings(ctx context.Context, from access.Day, limit int) ([]meeting.Meeting, error) {
	return query(ctx, r.q, scanMeeting, selectMeeting+` WHERE held_on >= $1 ORDER BY held_on, id LIMIT $2`, from, limit)
}

func (r reader) Drafted(ctx context.Context, who security.ActorID, from access.Day) ([]string, error) {
	return query(ctx, r.q, func(r row) (id string, err error) { return id, r.Scan(&id) }, `
		SELECT DISTINCT g.id FROM documents_meeting g JOIN documents_item i ON i.meeting = g.id JOIN documents_material m ON m.id = i.material
		WHERE g.held_on >= $1 AND m.drafter = $2`, from, who)
}

const selectFeed = `SELECT person, lang, made_at, read_at FROM documents_calendar`

func scanFeed(r row) (f documents.CalendarFeed, err error) {
	var made, read int64
	err = r.Scan(&f.Person, &f.Lang, &made, &read)
	f.MadeAt, f.ReadAt = at(made), at(read)
	return f, err
}

func (r reader) CalendarFeed(ctx context.Context, who security.ActorID) (documents.CalendarFeed, bool, error) {
	f, err := scanFeed(r.q.QueryRowContext(ctx, selectFeed+` WHERE person = $1`, who))
	if errors.Is(err, sql.ErrNoRows) {
		return f, false, nil
	}
	return f, err == nil, err
}

func (t *tx) SetCalendarFeed(ctx context.Context, f documents.CalendarFeed, hash string) error {
	return t.exec(ctx, `
		INSERT INTO documents_calendar (person, hash, lang, made_at, read_at, since, reads) VALUES ($1, $2, $3, $4, 0, 0, 0)
		ON CONFLICT (person) DO UPDATE SET hash = excluded.hash, lang = excluded.lang, made_at = excluded.made_at, read_at = 0, since = 0, reads = 0`,
		f.Person, hash, f.Lang, micros(f.MadeAt))
}

func (t *tx) DropCalendarFeed(ctx context.Context, who security.ActorID) (bool, error) {
	res, err := t.tx.ExecContext(ctx, `DELETE FROM documents_calendar WHERE person = $1`, who)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

func (t *tx) ReadCalendarFeed(ctx context.Context, hash string, now time.Time, window time.Duration) (f documents.CalendarFeed, reads int, err error) {
	var made, read int64
	err = t.tx.QueryRowContext(ctx, `
		UPDATE documents_calendar SET read_at = $1, since = CASE WHEN since > $2 THEN since ELSE $1 END, reads = CASE WHEN since > $2 THEN reads + 1 ELSE 1 END
		WHERE hash = $3 RETURNING person, lang, made_at, read_at, reads`, micros(now), micros(now.Add(-window)), hash).Scan(&f.Person, &f.Lang, &made, &read, &reads)
	f.MadeAt, f.ReadAt = at(made), at(read)
	return f, reads, gone(err, "calendar.fault.gone")
}
