package documents

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"spolupis/documents/meeting"
	"spolupis/documents/workflow"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// secretary lets through who runs meetings: the secretariat, which publishes
// for the whole office.
func (s *Service) secretary(ctx context.Context, who security.Actor) error {
	err := s.Rights.Can(ctx, who, access.Publish, access.Office)
	if errors.Is(err, fault.Denied) {
		return fault.New(fault.Denied, "meeting.fault.secretariat")
	}
	return err
}

// RunsMeetings reports whether who may call meetings and make programmes.
func (s *Service) RunsMeetings(ctx context.Context, who security.Actor) bool {
	return s.secretary(ctx, who) == nil
}

func (s *Service) today() access.Day { return access.DayOf(s.now()) }

func (s *Service) meetingEntry(who security.Actor, kind, id string, body map[string]any) journal.Entry {
	e := s.entry(who, kind, "", body, nil)
	e.Subject = "meeting:" + id
	return e
}

// CallMeeting makes a council meeting or an assembly session, with the next
// number of its body in the year. Only the secretariat may.
func (s *Service) CallMeeting(ctx context.Context, who security.Actor, m meeting.Meeting) (meeting.Meeting, error) {
	if err := s.secretary(ctx, who); err != nil {
		return m, err
	}
	if err := m.Check(s.today()); err != nil {
		return m, err
	}
	for _, p := range append([]security.ActorID{m.Chair, m.Recorder}, m.Verifiers...) {
		if _, err := s.People.Person(ctx, p); errors.Is(err, fault.NotFound) {
			return m, invalid("meeting.fault.people")
		} else if err != nil {
			return m, err
		}
	}
	m.ID, m.Year = newID("g"), m.On.Time().Year()
	err := s.Store.Write(ctx, func(tx Tx) (err error) {
		if m, err = tx.AddMeeting(ctx, m); err != nil {
			return err
		}
		return tx.Record(ctx, s.meetingEntry(who, "documents.meeting_called", m.ID, map[string]any{"kind": m.Kind, "number": m.Number, "year": m.Year, "on": m.On,
			"chair": m.Chair, "recorder": m.Recorder, "members": len(m.Members)}))
	})
	return m, wrap("call meeting", m.ID, err)
}

// PublishProgramme records that the programme of a meeting is public from now
// on; the days before an assembly session count from here. Doing it again
// changes nothing.
func (s *Service) PublishProgramme(ctx context.Context, who security.Actor, id string) error {
	if err := s.secretary(ctx, who); err != nil {
		return err
	}
	return wrap("publish programme of", id, s.Store.Write(ctx, func(tx Tx) error {
		m, err := tx.LockMeeting(ctx, id)
		if err != nil || !m.PublishedAt.IsZero() {
			return err
		}
		m.PublishedAt = s.now()
		if err := tx.PublishProgramme(ctx, m); err != nil {
			return err
		}
		return tx.Record(ctx, s.meetingEntry(who, "documents.programme_published", id, map[string]any{"notice": m.Notice(s.now())}))
	}))
}

// Meetings lists meetings, latest first, before a cursor ("" = from the latest).
func (s *Service) Meetings(ctx context.Context, before string) ([]meeting.Meeting, error) {
	return s.Store.Meetings(ctx, before, 50)
}

// ComingMeetings are those a material can still be put on, soonest first.
func (s *Service) ComingMeetings(ctx context.Context) ([]meeting.Meeting, error) {
	all, err := s.Store.Meetings(ctx, "", 50)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(m meeting.Meeting) bool { return m.On < s.today() })
	slices.Reverse(all)
	return all, nil
}

// Point is a point of a programme with the material it is about.
type Point struct {
	meeting.Item
	Material   Material
	Hidden     bool // who asks may not see the material; only its number on the programme is told
	Resolution *meeting.Resolution
}

// Programme is a meeting and its points in order, as far as who may see them.
func (s *Service) Programme(ctx context.Context, who security.Actor, id string) (meeting.Meeting, []Point, error) {
	m, err := s.Store.Meeting(ctx, id)
	if err != nil {
		return m, nil, err
	}
	items, err := s.Store.Items(ctx, id)
	if err != nil {
		return m, nil, err
	}
	var out []Point
	for _, i := range items {
		p, err := s.point(ctx, who, i)
		if err != nil {
			return m, nil, err
		}
		out = append(out, p)
	}
	return m, out, nil
}

func (s *Service) point(ctx context.Context, who security.Actor, i meeting.Item) (Point, error) {
	p := Point{Item: i}
	if err := s.can(ctx, who, access.View, MaterialID(i.Material)); errors.Is(err, fault.NotFound) || errors.Is(err, fault.Denied) {
		p.Hidden = true
		p.Reason, p.Amendment = "", ""
		return p, nil
	} else if err != nil {
		return p, err
	}
	var err error
	if p.Material, err = s.Store.Material(ctx, MaterialID(i.Material)); err != nil {
		return p, err
	}
	r, err := s.Store.ResolutionOf(ctx, i.ID)
	if err == nil {
		p.Resolution = &r
	} else if !errors.Is(err, fault.NotFound) {
		return p, err
	}
	return p, nil
}

// Points are the points a material was on programmes, newest first.
func (s *Service) Points(ctx context.Context, who security.Actor, id MaterialID) ([]Point, error) {
	if err := s.can(ctx, who, access.View, id); err != nil {
		return nil, err
	}
	items, err := s.Store.ItemsOf(ctx, id)
	if err != nil {
		return nil, err
	}
	var out []Point
	for _, i := range items {
		p, err := s.point(ctx, who, i)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// Meeting returns a meeting.
func (s *Service) Meeting(ctx context.Context, id string) (meeting.Meeting, error) {
	return s.Store.Meeting(ctx, id)
}

// Schedule puts the version in force of a material on the programme of a
// meeting: for the first time, again after it was postponed, or on that of the
// assembly the council referred it to, under a number of its own that leads back
// to the council's. After the closing day a reason is needed.
func (s *Service) Schedule(ctx context.Context, who security.Actor, id MaterialID, to, reason string) (i meeting.Item, err error) {
	m, err := s.Get(ctx, who, id)
	if err != nil {
		return i, err
	}
	roles, err := s.rolesOf(ctx, who, m)
	if err != nil {
		return i, err
	}
	err = s.Store.Write(ctx, func(tx Tx) error {
		m, err := tx.Lock(ctx, id)
		if err != nil {
			return err
		}
		g, err := tx.LockMeeting(ctx, to)
		if errors.Is(err, fault.NotFound) {
			return conflict("workflow.guard.meeting_chosen")
		} else if err != nil {
			return err
		}
		if g.On < s.today() {
			return conflict("meeting.fault.over")
		}
		if m.Current == "" {
			return conflict("meeting.fault.no_version")
		}
		n, err := tx.NextItem(ctx, g.ID)
		if err != nil {
			return err
		}
		if n > meeting.MaxItems {
			return conflict("meeting.fault.items", meeting.MaxItems)
		}
		i = meeting.Item{ID: newID("b"), Meeting: g.ID, Material: string(id), Version: string(m.Current), Order: n, Number: meeting.ItemNumber(g, n),
			State: meeting.Planned, Reason: strings.TrimSpace(reason), AddedBy: who.ID, AddedAt: s.now()}
		f := workflow.Facts{Meeting: g.ID, Closing: g.Closed(), Reason: reason, Number: i.Number, Notice: g.Notice(s.now())}
		event := workflow.PutOnProgram
		switch m.Place {
		case workflow.Postponed:
			event = workflow.PutAgain
		case workflow.Referred:
			event = workflow.FoundForAssembly
			if g.Kind != meeting.Assembly {
				return conflict("meeting.fault.not_assembly")
			}
			if i.Parent, err = referredBy(ctx, tx, id); err != nil {
				return err
			}
		}
		if g.Kind == meeting.Assembly && f.Notice < workflow.MinNotice && event != workflow.FoundForAssembly {
			return conflict("workflow.guard.ten_days", f.Notice, workflow.MinNotice)
		}
		if err := s.fire(ctx, tx, who, &m, event, f, roles...); err != nil {
			return err
		}
		if err := tx.AddItem(ctx, i); err != nil {
			return err
		}
		for _, p := range append([]security.ActorID{g.Chair, g.Recorder}, g.Verifiers...) {
			if err := tx.AddParticipant(ctx, who, id, Participant{Subject: "user:" + string(p), Relation: "reader"}); err != nil {
				return err
			}
		}
		if m.Drafter != who.ID {
			if err := tx.AddNotice(ctx, s.notice(m.Drafter, "scheduled", m, m.Current, "/documents/"+string(id)+"/programme", m.Number, m.Title, i.Number, meeting.Date(g.On))); err != nil {
				return err
			}
		}
		return tx.Record(ctx, s.entry(who, "documents.scheduled", id, map[string]any{"meeting": g.ID, "item": i.ID, "number": i.Number, "version": m.Current, "parent": i.Parent}, nil))
	})
	return i, wrap("put on the programme", id, err)
}

// referredBy is the council's point that referred a material to the assembly.
func referredBy(ctx context.Context, tx Tx, id MaterialID) (string, error) {
	items, err := tx.ItemsOf(ctx, id)
	if err != nil {
		return "", err
	}
	for _, i := range items {
		if i.State == meeting.Adopted || i.State == meeting.Changed {
			return i.ID, nil
		}
	}
	return "", nil
}

// onItem runs an act about one point: the material is locked, and the roles of
// who are those he has on it and at the meeting.
func (s *Service) onItem(ctx context.Context, who security.Actor, item string, do func(tx Tx, m Material, i meeting.Item, g meeting.Meeting, roles []workflow.Role) error) error {
	i, err := s.Store.Item(ctx, item)
	if err != nil {
		return err
	}
	m, err := s.Get(ctx, who, MaterialID(i.Material))
	if err != nil {
		return err
	}
	roles, err := s.rolesOf(ctx, who, m)
	if err != nil {
		return err
	}
	return wrap("point", item, s.Store.Write(ctx, func(tx Tx) error {
		m, err := tx.Lock(ctx, m.ID)
		if err != nil {
			return err
		}
		i, err := tx.Item(ctx, item)
		if err != nil {
			return err
		}
		g, err := tx.Meeting(ctx, i.Meeting)
		if err != nil {
			return err
		}
		return do(tx, m, i, g, roles)
	}))
}

// leave takes a point off a programme by an event.
func (s *Service) leave(ctx context.Context, who security.Actor, item, reason string, event workflow.Event, state meeting.ItemState) error {
	return s.onItem(ctx, who, item, func(tx Tx, m Material, i meeting.Item, g meeting.Meeting, roles []workflow.Role) error {
		if !i.State.Open() {
			return conflict("meeting.fault.decided")
		}
		if err := s.fire(ctx, tx, who, &m, event, workflow.Facts{Reason: reason}, roles...); err != nil {
			return err
		}
		i.State, i.Reason = state, strings.TrimSpace(reason)
		return tx.SetItem(ctx, i)
	})
}

// Reschedule takes a point off a programme so that it can be put on another.
func (s *Service) Reschedule(ctx context.Context, who security.Actor, item, reason string) error {
	return s.leave(ctx, who, item, reason, workflow.MoveOnProgram, meeting.Moved)
}

// WithdrawPoint takes a point off a programme, or off the table, by its submitter.
func (s *Service) WithdrawPoint(ctx context.Context, who security.Actor, item, reason string) error {
	return s.leave(ctx, who, item, reason, workflow.WithdrawFrom, meeting.Withdrawn)
}

// Reorder gives a point another place on its programme.
func (s *Service) Reorder(ctx context.Context, who security.Actor, item string, order int) error {
	if err := s.secretary(ctx, who); err != nil {
		return err
	}
	if order < 1 || order > meeting.MaxItems {
		return invalid("meeting.fault.order", meeting.MaxItems)
	}
	return s.onItem(ctx, who, item, func(tx Tx, m Material, i meeting.Item, g meeting.Meeting, _ []workflow.Role) error {
		if i.Order == order {
			return nil
		}
		was := i.Order
		i.Order = order
		if err := tx.SetItem(ctx, i); err != nil {
			return err
		}
		return tx.Record(ctx, s.meetingEntry(who, "documents.point_moved", g.ID, map[string]any{"item": i.ID, "from": was, "to": order}))
	})
}

// BeginDiscussion opens a point at the meeting, on its day or later.
func (s *Service) BeginDiscussion(ctx context.Context, who security.Actor, item string, present int) error {
	return s.onItem(ctx, who, item, func(tx Tx, m Material, i meeting.Item, g meeting.Meeting, roles []workflow.Role) error {
		if i.State != meeting.Planned {
			return conflict("meeting.fault.decided")
		}
		if s.today() < g.On {
			return conflict("meeting.fault.not_yet", meeting.Date(g.On))
		}
		i.Vote = meeting.Vote{Members: len(g.Members), Present: present}
		if err := i.Vote.Check(); err != nil {
			return err
		}
		if err := s.fire(ctx, tx, who, &m, workflow.BeginDiscussion, workflow.Facts{Members: i.Vote.Members, Present: present}, roles...); err != nil {
			return err
		}
		i.State = meeting.Discussing
		return tx.SetItem(ctx, i)
	})
}

// Decision is what the body decided about a point.
type Decision struct {
	Outcome   meeting.ItemState // Adopted, Changed, NotAdopted or Postponed
	Vote      meeting.Vote      // Members is taken from the meeting
	Reason    string            // of postponing
	Amendment string            // what was changed, with Changed
	Clauses   []meeting.Clause  // of the resolution
}

var outcomes = map[meeting.ItemState]workflow.Event{meeting.Adopted: workflow.Adopt, meeting.Changed: workflow.AdoptChanged,
	meeting.NotAdopted: workflow.NotAdopt, meeting.Postponed: workflow.Postpone}

// Proposed are the clauses that the material proposes in its part "Návrh
// usnesení", none when it has no such part.
func (s *Service) Proposed(ctx context.Context, who security.Actor, version VersionID) ([]meeting.Clause, error) {
	b, err := s.VersionBody(ctx, who, version)
	if err != nil {
		return nil, err
	}
	return meeting.Draft(resolutionOf(b)), nil
}

// differ reports whether a resolution says something else than was proposed.
// Who does it and by when may be filled in without a change.
func differ(a, b []meeting.Clause) bool {
	return !slices.EqualFunc(a, b, func(x, y meeting.Clause) bool {
		return x.Verb == y.Verb && strings.Join(strings.Fields(x.Text), " ") == strings.Join(strings.Fields(y.Text), " ") && (x.Due == "" || x.Due == y.Due)
	})
}

// DecideItem records the vote about a point and what came of it. An adopted
// resolution gets its number and a wording, which is kept as it is: what was
// adopted unchanged says what was proposed, what was adopted with a change
// records the change.
func (s *Service) DecideItem(ctx context.Context, who security.Actor, item string, d Decision) (r meeting.Resolution, err error) {
	event, ok := outcomes[d.Outcome]
	if !ok {
		return r, invalid("meeting.fault.outcome")
	}
	adopts := d.Outcome == meeting.Adopted || d.Outcome == meeting.Changed
	i, err := s.Store.Item(ctx, item)
	if err != nil {
		return r, err
	}
	var proposed []meeting.Clause
	if adopts {
		if proposed, err = s.Proposed(ctx, who, VersionID(i.Version)); err != nil {
			return r, err
		}
		if err := meeting.Check(d.Clauses); err != nil {
			return r, err
		}
		if d.Outcome == meeting.Adopted && len(proposed) > 0 && differ(proposed, d.Clauses) {
			return r, conflict("meeting.fault.changed")
		}
	}
	d.Amendment = strings.TrimSpace(d.Amendment)
	if runes(d.Amendment) > meeting.MaxText {
		return r, invalid("documents.fault.text_long", meeting.MaxText)
	}
	names := s.clauseNames(ctx)
	err = s.onItem(ctx, who, item, func(tx Tx, m Material, i meeting.Item, g meeting.Meeting, roles []workflow.Role) error {
		if i.State != meeting.Discussing {
			return conflict("meeting.fault.not_discussed")
		}
		d.Vote.Members = len(g.Members)
		if err := d.Vote.Check(); err != nil {
			return err
		}
		if d.Outcome != meeting.Postponed && !d.Vote.Quorum() {
			return conflict("workflow.guard.quorum", d.Vote.Present, d.Vote.Members)
		}
		f := workflow.Facts{Reason: d.Reason, Members: d.Vote.Members, Present: d.Vote.Present, For: d.Vote.For, Against: d.Vote.Against, Abstained: d.Vote.Abstained,
			Amended: d.Amendment != "" && (len(proposed) == 0 || differ(proposed, d.Clauses))}
		if err := s.fire(ctx, tx, who, &m, event, f, roles...); err != nil {
			return err
		}
		i.State, i.Vote, i.Reason, i.Decided = d.Outcome, d.Vote, strings.TrimSpace(d.Reason), s.now()
		if d.Outcome == meeting.Changed {
			i.Amendment = d.Amendment
		}
		if err := tx.SetItem(ctx, i); err != nil {
			return err
		}
		body := map[string]any{"meeting": g.ID, "item": i.ID, "outcome": d.Outcome, "members": d.Vote.Members, "present": d.Vote.Present, "for": d.Vote.For, "against": d.Vote.Against, "abstained": d.Vote.Abstained}
		if adopts {
			if r, err = s.drawUp(ctx, tx, m, i, g, d.Clauses, names); err != nil {
				return err
			}
			body["resolution"], body["sha256"] = r.Number, r.SHA256
		}
		return tx.Record(ctx, s.entry(who, "documents.decided", m.ID, body, nil))
	})
	return r, err
}

// drawUp numbers a resolution and keeps its wording.
func (s *Service) drawUp(ctx context.Context, tx Tx, m Material, i meeting.Item, g meeting.Meeting, clauses []meeting.Clause, names meeting.Names) (meeting.Resolution, error) {
	seq, err := tx.NextResolution(ctx, g.Kind, g.Year)
	if err != nil {
		return meeting.Resolution{}, err
	}
	r := meeting.Resolution{ID: newID("u"), Number: meeting.ResolutionNumber(g, seq), Item: i.ID, Meeting: g.ID, Kind: g.Kind, Material: i.Material, Version: i.Version,
		Clauses: clauses, Amendment: i.Amendment, MadeAt: s.now()}
	md := meeting.Wording(g, r, m.Title, i.Vote, names)
	r.SHA256 = sum(md)
	if err := tx.PutBlob(ctx, r.SHA256, md); err != nil {
		return r, err
	}
	return r, tx.AddResolution(ctx, r)
}

// clauseNames says who a clause is for, as of now.
func (s *Service) clauseNames(ctx context.Context) meeting.Names {
	return meeting.Names{
		Person: func(c meeting.Clause) string {
			if c.Person == "" {
				return ""
			}
			name, _ := s.name(ctx, c.Person)
			return name
		},
		Unit: func(c meeting.Clause) string {
			if c.Unit == "" || s.UnitName == nil {
				return string(c.Unit)
			}
			return s.UnitName(ctx, c.Unit)
		},
	}
}

// Wording is a resolution's wording as Markdown.
func (s *Service) Wording(ctx context.Context, who security.Actor, r meeting.Resolution) ([]byte, error) {
	if err := s.can(ctx, who, access.View, MaterialID(r.Material)); err != nil {
		return nil, err
	}
	return s.blob(ctx, r.SHA256)
}

// Refer passes a material whose adopted resolution recommends it to the assembly.
func (s *Service) Refer(ctx context.Context, who security.Actor, item string) error {
	return s.onItem(ctx, who, item, func(tx Tx, m Material, i meeting.Item, g meeting.Meeting, roles []workflow.Role) error {
		r, err := tx.ResolutionOf(ctx, i.ID)
		if err != nil {
			return err
		}
		return s.fire(ctx, tx, who, &m, workflow.Refer, workflow.Facts{Recommends: r.Has(meeting.Recommends) && g.Kind == meeting.Council}, roles...)
	})
}

// SendToSign hands an adopted resolution to the chair and the verifiers.
func (s *Service) SendToSign(ctx context.Context, who security.Actor, item string) error {
	return s.onItem(ctx, who, item, func(tx Tx, m Material, i meeting.Item, g meeting.Meeting, roles []workflow.Role) error {
		r, err := tx.ResolutionOf(ctx, i.ID)
		if err != nil {
			return err
		}
		if err := s.fire(ctx, tx, who, &m, workflow.SendToSign, workflow.Facts{Wording: r.SHA256 != ""}, roles...); err != nil {
			return err
		}
		for _, p := range append([]security.ActorID{g.Chair}, g.Verifiers...) {
			if p == who.ID {
				continue
			}
			if err := tx.AddNotice(ctx, s.notice(p, "to_sign_resolution", m, m.Current, "/documents/"+string(m.ID)+"/programme", m.Number, m.Title, r.Number)); err != nil {
				return err
			}
		}
		return nil
	})
}

// SignResolution is the chair's or a verifier's confirmation of a resolution's
// wording, bound to its hash: an act of his account, not an electronic
// signature of a file. It is personal; no deputy may. anonymised confirms that
// what will be public holds no personal data. The resolution is published with
// it and its tasks go out in the same transaction.
func (s *Service) SignResolution(ctx context.Context, who security.Actor, item, sha256 string, anonymised bool) error {
	if who.OnBehalfOf != "" {
		return fault.New(fault.Denied, "deputy.fault.personal")
	}
	return s.onItem(ctx, who, item, func(tx Tx, m Material, i meeting.Item, g meeting.Meeting, roles []workflow.Role) error {
		r, err := tx.ResolutionOf(ctx, i.ID)
		if err != nil {
			return err
		}
		if r.SHA256 != sha256 {
			return conflict("meeting.fault.other_wording")
		}
		if err := s.fire(ctx, tx, who, &m, workflow.SignResolution, workflow.Facts{Signed: true, Anonymised: anonymised}, roles...); err != nil {
			return err
		}
		r.SignedBy, r.SignedAt = who.ID, s.now()
		if err := tx.SignResolution(ctx, r); err != nil {
			return err
		}
		if err := tx.Record(ctx, s.entry(who, "documents.resolution_signed", m.ID, map[string]any{"resolution": r.Number, "sha256": r.SHA256}, nil)); err != nil {
			return err
		}
		return s.sendTasks(ctx, tx, who, m, r)
	})
}

// sendTasks makes a task of every clause that orders something and lets those
// who are to do it read the material.
func (s *Service) sendTasks(ctx context.Context, tx Tx, who security.Actor, m Material, r meeting.Resolution) error {
	var f workflow.Facts
	told := map[security.ActorID]bool{who.ID: true}
	for n, c := range r.Clauses {
		if c.Verb != meeting.Orders {
			continue
		}
		f.Tasks++
		if c.Unit == "" && c.Person == "" || c.Due == "" {
			f.TasksIncomplete++
		}
		t := meeting.Task{ID: newID("k"), Resolution: r.ID, Number: r.Number, Kind: r.Kind, Material: r.Material, Clause: n, Text: c.Text, Unit: c.Unit, Person: c.Person,
			Due: c.Due, State: meeting.Open, MadeAt: s.now()}
		if err := tx.AddMeetingTask(ctx, t); err != nil {
			return err
		}
		for _, p := range []string{"user:" + string(c.Person), "unit:" + string(c.Unit)} {
			if !strings.HasSuffix(p, ":") {
				if err := tx.AddParticipant(ctx, who, m.ID, Participant{Subject: p, Relation: "reader"}); err != nil {
					return err
				}
			}
		}
		if c.Person != "" && !told[c.Person] {
			told[c.Person] = true
			if err := tx.AddNotice(ctx, s.notice(c.Person, "duty", m, m.Current, "/documents/"+string(m.ID)+"/programme#tasks", m.Number, m.Title, r.Number, meeting.Date(c.Due))); err != nil {
				return err
			}
		}
	}
	event := workflow.SendTasks
	if f.Tasks == 0 {
		event = workflow.CloseWithout
	}
	return s.fire(ctx, tx, who, &m, event, f, workflow.System)
}

// Tasks are the tasks from the resolutions about a material.
func (s *Service) Tasks(ctx context.Context, who security.Actor, id MaterialID) ([]meeting.Task, error) {
	if err := s.can(ctx, who, access.View, id); err != nil {
		return nil, err
	}
	return s.Store.TasksOf(ctx, id)
}

// OpenTasks lists open tasks by deadline: all of them for the secretariat,
// those of his own and of his department for anybody else.
func (s *Service) OpenTasks(ctx context.Context, who security.Actor) ([]meeting.Task, error) {
	if s.secretary(ctx, who) == nil {
		return s.Store.OpenTasks(ctx, "", "", 500)
	}
	return s.Store.OpenTasks(ctx, who.Unit, who.ID, 500)
}

// onTask runs an act about one task, with its material locked.
func (s *Service) onTask(ctx context.Context, who security.Actor, task string, do func(tx Tx, m Material, t meeting.Task) error) error {
	t, err := s.Store.MeetingTask(ctx, task)
	if err != nil {
		return err
	}
	if _, err := s.Get(ctx, who, MaterialID(t.Material)); err != nil {
		return err
	}
	return wrap("task", task, s.Store.Write(ctx, func(tx Tx) error {
		m, err := tx.Lock(ctx, MaterialID(t.Material))
		if err != nil {
			return err
		}
		if t, err = tx.MeetingTask(ctx, task); err != nil {
			return err
		}
		if t.State != meeting.Open {
			return conflict("meeting.fault.task_closed")
		}
		return do(tx, m, t)
	}))
}

// Fulfils reports whether a task is who's to fulfil: it was set him or the
// department he heads, or somebody for whom he stands. It returns who as he
// acts then.
func (s *Service) Fulfils(ctx context.Context, who security.Actor, t meeting.Task) (security.Actor, bool, error) {
	if t.Person != "" && t.Person == cmp.Or(who.OnBehalfOf, who.ID) {
		return who, true, nil
	}
	behalf, leads, err := s.Rights.Leads(ctx, security.Actor{ID: who.ID, Unit: who.Unit, Roles: who.Roles}, t.Unit)
	if err != nil {
		return who, false, err
	}
	if leads {
		who.OnBehalfOf = cmp.Or(who.OnBehalfOf, behalf) // the deputy of the head; it shows
		return who, true, nil
	}
	if t.Person == "" || who.OnBehalfOf != "" {
		return who, false, nil
	}
	stands, err := s.Rights.Represents(ctx, who, object(MaterialID(t.Material)))
	if err != nil || !slices.Contains(stands, t.Person) {
		return who, false, err
	}
	who.OnBehalfOf = t.Person
	return who, true, nil
}

// CompleteTask records that a task is done and how that shows. Whoever Fulfils
// it and the secretariat may.
func (s *Service) CompleteTask(ctx context.Context, who security.Actor, task, proof string) error {
	t, err := s.Store.MeetingTask(ctx, task)
	if err != nil {
		return err
	}
	who, fulfils, err := s.Fulfils(ctx, who, t)
	if err != nil {
		return err
	}
	if !fulfils && s.secretary(ctx, who) != nil {
		if err := s.can(ctx, who, access.View, MaterialID(t.Material)); err != nil {
			return err
		}
		return fault.New(fault.Denied, "meeting.fault.task_theirs")
	}
	if proof = strings.TrimSpace(proof); proof == "" || runes(proof) > 2000 {
		return invalid("meeting.fault.proof", 2000)
	}
	return s.onTask(ctx, who, task, func(tx Tx, m Material, t meeting.Task) error {
		t.State, t.Proof, t.ClosedAt, t.ClosedBy = meeting.Done, proof, s.now(), who.ID
		if err := tx.SetMeetingTask(ctx, t); err != nil {
			return err
		}
		return tx.Record(ctx, s.entry(who, "documents.task_done", m.ID, map[string]any{"task": t.ID, "resolution": t.Number, "overdue": t.Due < s.today()}, map[string]any{"proof": proof}))
	})
}

// by is the resolution that an extension or a repeal rests on, and the body
// that passed it.
func by(ctx context.Context, r Reader, number string, verb meeting.Verb) (meeting.Resolution, workflow.Role, error) {
	x, err := r.ResolutionNumbered(ctx, strings.TrimSpace(number))
	if errors.Is(err, fault.NotFound) {
		return x, "", invalid("workflow.guard.by_resolution")
	} else if err != nil {
		return x, "", err
	}
	if !x.Has(verb) {
		return x, "", conflict("meeting.fault.not_said", x.Number, string(verb))
	}
	if x.Kind == meeting.Assembly {
		return x, workflow.Assembly, nil
	}
	return x, workflow.Council, nil
}

// ExtendTask gives a task a later day, on the strength of a resolution that
// extends ("prodlužuje"). The secretariat records it.
func (s *Service) ExtendTask(ctx context.Context, who security.Actor, task string, due access.Day, resolution string) error {
	if err := s.secretary(ctx, who); err != nil {
		return err
	}
	return s.onTask(ctx, who, task, func(tx Tx, m Material, t meeting.Task) error {
		x, role, err := by(ctx, tx, resolution, meeting.Extends)
		if err != nil {
			return err
		}
		if due.Time().IsZero() || due <= t.Due {
			return invalid("meeting.fault.later", meeting.Date(t.Due))
		}
		if err := s.fire(ctx, tx, who, &m, workflow.ExtendTask, workflow.Facts{Resolution: x.Number}, role); err != nil {
			return err
		}
		was := t.Due
		t.Due, t.ExtendedBy = due, x.Number
		if err := tx.SetMeetingTask(ctx, t); err != nil {
			return err
		}
		return tx.Record(ctx, s.entry(who, "documents.task_extended", m.ID, map[string]any{"task": t.ID, "from": was, "to": due, "resolution": x.Number}, nil))
	})
}

// Repeal cancels the open tasks of a material, on the strength of a resolution
// that repeals ("zrušuje"). The secretariat records it.
func (s *Service) Repeal(ctx context.Context, who security.Actor, id MaterialID, resolution string) error {
	if err := s.secretary(ctx, who); err != nil {
		return err
	}
	return wrap("repeal", id, s.Store.Write(ctx, func(tx Tx) error {
		m, err := tx.Lock(ctx, id)
		if err != nil {
			return err
		}
		x, role, err := by(ctx, tx, resolution, meeting.Repeals)
		if err != nil {
			return err
		}
		if err := s.fire(ctx, tx, who, &m, workflow.Repeal, workflow.Facts{Resolution: x.Number}, role); err != nil {
			return err
		}
		tasks, err := tx.TasksOf(ctx, id)
		if err != nil {
			return err
		}
		for _, t := range tasks {
			if t.State != meeting.Open {
				continue
			}
			t.State, t.Proof, t.ClosedAt, t.ClosedBy = meeting.Cancelled, x.Number, s.now(), who.ID
			if err := tx.SetMeetingTask(ctx, t); err != nil {
				return err
			}
		}
		return tx.Record(ctx, s.entry(who, "documents.repealed", id, map[string]any{"resolution": x.Number}, nil))
	}))
}

// ConfirmDone confirms that every task of a material is done.
func (s *Service) ConfirmDone(ctx context.Context, who security.Actor, id MaterialID) error {
	m, err := s.Get(ctx, who, id)
	if err != nil {
		return err
	}
	roles, err := s.rolesOf(ctx, who, m)
	if err != nil {
		return err
	}
	return wrap("confirm tasks of", id, s.Store.Write(ctx, func(tx Tx) error {
		m, err := tx.Lock(ctx, id)
		if err != nil {
			return err
		}
		f, err := s.facts(ctx, tx, m)
		if err != nil {
			return err
		}
		return s.fire(ctx, tx, who, &m, workflow.AllDone, f, roles...)
	}))
}

// maxReported is how many tasks a report holds; an office has some hundreds.
const maxReported = 1500

// ReportFulfilment makes the report on the fulfilment of a body's resolutions in
// a half-year: an ordinary draft, filled in, to be worked on.
func (s *Service) ReportFulfilment(ctx context.Context, who security.Actor, kind meeting.Kind, h meeting.HalfYear, agenda AgendaID) (Material, error) {
	if err := s.secretary(ctx, who); err != nil {
		return Material{}, err
	}
	if !h.Valid() || kind != meeting.Council && kind != meeting.Assembly {
		return Material{}, invalid("meeting.fault.half")
	}
	first, last := h.Days()
	all, err := s.Store.TasksUntil(ctx, kind, first, last, maxReported+1)
	if err != nil {
		return Material{}, err
	}
	if len(all) > maxReported {
		return Material{}, conflict("meeting.fault.report", maxReported)
	}
	tasks := slices.DeleteFunc(all, func(t meeting.Task) bool { return !h.Belongs(t) })
	md := meeting.Report(h, kind, tasks, s.today(), s.clauseNames(ctx))
	return s.Import(ctx, who, NewMaterial{Title: h.Title(kind), Agenda: agenda}, md)
}
