package store

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"spolupis/documents"
	"spolupis/documents/meeting"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

const selectMeeting = `SELECT id, kind, number, year, held_on, closing, published_at, chair, recorder, verifiers, members FROM documents_meeting`

func scanMeeting(r row) (m meeting.Meeting, err error) {
	var published int64
	var verifiers, members string
	if err = r.Scan(&m.ID, &m.Kind, &m.Number, &m.Year, &m.On, &m.Closing, &published, &m.Chair, &m.Recorder, &verifiers, &members); err != nil {
		return m, err
	}
	m.PublishedAt = at(published)
	return m, errors.Join(json.Unmarshal([]byte(verifiers), &m.Verifiers), json.Unmarshal([]byte(members), &m.Members))
}

func (r reader) Meeting(ctx context.Context, id string) (meeting.Meeting, error) {
	m, err := scanMeeting(r.q.QueryRowContext(ctx, selectMeeting+` WHERE id = $1`, id))
	return m, gone(err, "fault.not_found")
}

// Meetings lists meetings before a day ("" = from the latest), latest first.
func (r reader) Meetings(ctx context.Context, before string, limit int) ([]meeting.Meeting, error) {
	if before == "" {
		before = "9999"
	}
	day, id, _ := strings.Cut(before, ".")
	return query(ctx, r.q, scanMeeting, selectMeeting+` WHERE (held_on, id) < ($1, $2) ORDER BY held_on DESC, id DESC LIMIT $3`, day, id, limit)
}

func names(v any) string {
	b, err := json.Marshal(v)
	if err != nil || string(b) == "null" {
		return "[]"
	}
	return string(b)
}

// AddMeeting gives the meeting the next number of its body in its year.
func (t *tx) AddMeeting(ctx context.Context, m meeting.Meeting) (meeting.Meeting, error) {
	err := t.tx.QueryRowContext(ctx, `
		INSERT INTO documents_meeting (id, kind, number, year, held_on, closing, published_at, chair, recorder, verifiers, members, items)
		SELECT $1, $2, coalesce(max(number), 0) + 1, CAST($3 AS BIGINT), $4, $5, 0, $6, $7, $8, $9, 0 FROM documents_meeting WHERE kind = $2 AND year = $3 RETURNING number`,
		m.ID, m.Kind, m.Year, m.On, m.Closing, m.Chair, m.Recorder, names(m.Verifiers), names(m.Members)).Scan(&m.Number)
	return m, err
}

func (t *tx) LockMeeting(ctx context.Context, id string) (meeting.Meeting, error) {
	if err := t.exec(ctx, `UPDATE documents_meeting SET id = id WHERE id = $1`, id); err != nil {
		return meeting.Meeting{}, err
	}
	return t.Meeting(ctx, id)
}

func (t *tx) PublishProgramme(ctx context.Context, m meeting.Meeting) error {
	return t.one(ctx, fault.NotFound, `UPDATE documents_meeting SET published_at = $1 WHERE id = $2`, micros(m.PublishedAt), m.ID)
}

// NextItem is the next number of a point on a programme; none is given twice.
func (t *tx) NextItem(ctx context.Context, id string) (n int, err error) {
	return n, t.tx.QueryRowContext(ctx, `UPDATE documents_meeting SET items = items + 1 WHERE id = $1 RETURNING items`, id).Scan(&n)
}

const selectItem = `SELECT id, meeting, material, version, place, number, state, reason, parent, added_by, added_at, members, present, votes_for, against, abstained,
	decided, amendment FROM documents_item`

func scanItem(r row) (i meeting.Item, err error) {
	var added, decided int64
	err = r.Scan(&i.ID, &i.Meeting, &i.Material, &i.Version, &i.Order, &i.Number, &i.State, &i.Reason, &i.Parent, &i.AddedBy, &added,
		&i.Vote.Members, &i.Vote.Present, &i.Vote.For, &i.Vote.Against, &i.Vote.Abstained, &decided, &i.Amendment)
	i.AddedAt, i.Decided = at(added), at(decided)
	return i, err
}

func (r reader) Items(ctx context.Context, id string) ([]meeting.Item, error) {
	return query(ctx, r.q, scanItem, selectItem+` WHERE meeting = $1 ORDER BY place, id LIMIT $2`, id, meeting.MaxItems+1)
}

func (r reader) Item(ctx context.Context, id string) (meeting.Item, error) {
	i, err := scanItem(r.q.QueryRowContext(ctx, selectItem+` WHERE id = $1`, id))
	return i, gone(err, "fault.not_found")
}

// ItemsOf lists the points a material was, newest first.
func (r reader) ItemsOf(ctx context.Context, id documents.MaterialID) ([]meeting.Item, error) {
	return query(ctx, r.q, scanItem, selectItem+` WHERE material = $1 ORDER BY added_at DESC, id DESC LIMIT 200`, id)
}

func (t *tx) AddItem(ctx context.Context, i meeting.Item) error {
	return t.exec(ctx, `
		INSERT INTO documents_item (id, meeting, material, version, place, number, state, reason, parent, added_by, added_at, members, present, votes_for, against, abstained, decided, amendment)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, 0, 0, 0, 0, 0, '')`,
		i.ID, i.Meeting, i.Material, i.Version, i.Order, i.Number, i.State, i.Reason, i.Parent, i.AddedBy, micros(i.AddedAt))
}

func (t *tx) SetItem(ctx context.Context, i meeting.Item) error {
	return t.one(ctx, fault.NotFound, `
		UPDATE documents_item SET place = $1, state = $2, reason = $3, members = $4, present = $5, votes_for = $6, against = $7, abstained = $8, decided = $9, amendment = $10 WHERE id = $11`,
		i.Order, i.State, i.Reason, i.Vote.Members, i.Vote.Present, i.Vote.For, i.Vote.Against, i.Vote.Abstained, micros(i.Decided), i.Amendment, i.ID)
}

const selectResolution = `SELECT id, number, item, meeting, kind, material, version, clauses, amendment, sha256, made_at, signed_by, signed_at FROM documents_resolution`

func scanResolution(r row) (x meeting.Resolution, err error) {
	var made, signed int64
	var clauses string
	if err = r.Scan(&x.ID, &x.Number, &x.Item, &x.Meeting, &x.Kind, &x.Material, &x.Version, &clauses, &x.Amendment, &x.SHA256, &made, &x.SignedBy, &signed); err != nil {
		return x, err
	}
	x.MadeAt, x.SignedAt = at(made), at(signed)
	return x, json.Unmarshal([]byte(clauses), &x.Clauses)
}

// ResolutionOf is the resolution a point came to, fault.NotFound without one.
func (r reader) ResolutionOf(ctx context.Context, item string) (meeting.Resolution, error) {
	x, err := scanResolution(r.q.QueryRowContext(ctx, selectResolution+` WHERE item = $1`, item))
	return x, gone(err, "meeting.fault.no_resolution")
}

func (r reader) ResolutionNumbered(ctx context.Context, number string) (meeting.Resolution, error) {
	x, err := scanResolution(r.q.QueryRowContext(ctx, selectResolution+` WHERE number = $1`, number))
	return x, gone(err, "meeting.fault.no_resolution")
}

func (t *tx) NextResolution(ctx context.Context, kind meeting.Kind, year int) (n int, err error) {
	return n, t.tx.QueryRowContext(ctx, `
		INSERT INTO documents_resolution_counter (kind, year, last) VALUES ($1, $2, 1)
		ON CONFLICT (kind, year) DO UPDATE SET last = documents_resolution_counter.last + 1 RETURNING last`, kind, year).Scan(&n)
}

func (t *tx) AddResolution(ctx context.Context, x meeting.Resolution) error {
	return t.exec(ctx, `
		INSERT INTO documents_resolution (id, number, item, meeting, kind, material, version, clauses, amendment, sha256, made_at, signed_by, signed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '', 0)`,
		x.ID, x.Number, x.Item, x.Meeting, x.Kind, x.Material, x.Version, names(x.Clauses), x.Amendment, x.SHA256, micros(x.MadeAt))
}

// SignResolution records a signature; one that is there is never replaced.
func (t *tx) SignResolution(ctx context.Context, x meeting.Resolution) error {
	return t.one(ctx, fault.New(fault.Conflict, "meeting.fault.signed"), `UPDATE documents_resolution SET signed_by = $1, signed_at = $2 WHERE id = $3 AND signed_at = 0`,
		x.SignedBy, micros(x.SignedAt), x.ID)
}

const selectTask = `SELECT id, resolution, number, kind, material, clause, text, unit, person, due, state, proof, extended_by, made_at, closed_at, closed_by FROM documents_task`

func scanMeetingTask(r row) (t meeting.Task, err error) {
	var made, closed int64
	err = r.Scan(&t.ID, &t.Resolution, &t.Number, &t.Kind, &t.Material, &t.Clause, &t.Text, &t.Unit, &t.Person, &t.Due, &t.State, &t.Proof, &t.ExtendedBy, &made, &closed, &t.ClosedBy)
	t.MadeAt, t.ClosedAt = at(made), at(closed)
	return t, err
}

func (r reader) TasksOf(ctx context.Context, id documents.MaterialID) ([]meeting.Task, error) {
	return query(ctx, r.q, scanMeetingTask, selectTask+` WHERE material = $1 ORDER BY made_at, clause LIMIT 1000`, id)
}

func (r reader) MeetingTask(ctx context.Context, id string) (meeting.Task, error) {
	t, err := scanMeetingTask(r.q.QueryRowContext(ctx, selectTask+` WHERE id = $1`, id))
	return t, gone(err, "fault.not_found")
}

// OpenTasks lists open tasks by deadline: of everybody, or of one unit or person.
func (r reader) OpenTasks(ctx context.Context, unit security.UnitID, person security.ActorID, limit int) ([]meeting.Task, error) {
	if unit == "" && person == "" {
		return query(ctx, r.q, scanMeetingTask, selectTask+` WHERE state = 'open' ORDER BY due, id LIMIT $1`, limit)
	}
	return query(ctx, r.q, scanMeetingTask, selectTask+` WHERE state = 'open' AND (person = $1 AND person <> '' OR unit = $2 AND unit <> '') ORDER BY due, id LIMIT $3`, person, unit, limit)
}

// TasksUntil lists the tasks of a body that were due by a day and were not
// closed before another, for a report.
func (r reader) TasksUntil(ctx context.Context, kind meeting.Kind, first, last access.Day, limit int) ([]meeting.Task, error) {
	return query(ctx, r.q, scanMeetingTask, selectTask+` WHERE kind = $1 AND (due <= $2 OR closed_at >= $3) AND (closed_at = 0 OR closed_at >= $3 OR due >= $4) ORDER BY due, id LIMIT $5`,
		kind, last, micros(first.Time()), first, limit)
}

func (t *tx) AddMeetingTask(ctx context.Context, x meeting.Task) error {
	return t.exec(ctx, `
		INSERT INTO documents_task (id, resolution, number, kind, material, clause, text, unit, person, due, state, proof, extended_by, made_at, closed_at, closed_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '', '', $12, 0, '')`,
		x.ID, x.Resolution, x.Number, x.Kind, x.Material, x.Clause, x.Text, x.Unit, x.Person, x.Due, x.State, micros(x.MadeAt))
}

// SetMeetingTask changes an open task; one that is closed stays as it is.
func (t *tx) SetMeetingTask(ctx context.Context, x meeting.Task) error {
	return t.one(ctx, fault.New(fault.Conflict, "meeting.fault.task_closed"), `
		UPDATE documents_task SET due = $1, state = $2, proof = $3, extended_by = $4, closed_at = $5, closed_by = $6 WHERE id = $7 AND state = 'open'`,
		x.Due, x.State, x.Proof, x.ExtendedBy, micros(x.ClosedAt), x.ClosedBy, x.ID)
}
