package documents

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"spolupis/documents/calendar"
	"spolupis/documents/meeting"
	"spolupis/documents/workflow"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

// ownCourse is the course the program brings; materials follow it until an
// office imports another.
var ownCourse = sync.OnceValue(workflow.Material)

// courses remembers parsed courses; a version never changes.
var courses sync.Map // int -> *workflow.Definition

// course returns a version of the course.
func (s *Service) course(ctx context.Context, r Reader, version int) (*workflow.Definition, error) {
	own := ownCourse()
	if version == own.Version {
		return own, nil
	}
	b, err := r.Course(ctx, version)
	if err != nil {
		return nil, err
	}
	key := string(b)
	if d, ok := courses.Load(key); ok {
		return d.(*workflow.Definition), nil
	}
	d, err := workflow.Parse(b)
	if err != nil {
		return nil, wrap("course", version, err)
	}
	courses.Store(key, d)
	return d, nil
}

// newest is the version that new materials follow.
func (s *Service) newest(ctx context.Context, r Reader) (*workflow.Definition, error) {
	versions, err := r.Courses(ctx)
	if err != nil || len(versions) == 0 {
		return ownCourse(), err
	}
	return s.course(ctx, r, versions[0].Version)
}

// begin puts a new material at the beginning of the newest course.
func (s *Service) begin(ctx context.Context, r Reader, m *Material) error {
	d, err := s.newest(ctx, r)
	if err != nil {
		return err
	}
	m.Place, m.Course, m.PlacedAt = d.Initial, d.Version, m.CreatedAt
	return nil
}

// openText is the state of a material whose text is open, by its place. At
// other places the state is that of the version in force: so neither the place
// nor the state says what the other does.
var openText = map[workflow.Place]State{
	workflow.Draft: Draft, workflow.Commenting: Commenting, workflow.Settling: Settling, workflow.Disputed: Settling,
}

// Reopens reports whether the text of a frozen material can be opened again from
// where it is: not while it is on a programme, nor once it is decided.
func (m Material) Reopens() bool {
	switch m.Place {
	case workflow.Approving, workflow.Submitted, workflow.Returned, workflow.Postponed, workflow.NotAdopted, workflow.Withdrawn:
		return m.State != Cancelled
	}
	_, open := openText[m.Place]
	return open && m.State != Cancelled
}

// fire moves m in its course, within tx, the transaction of the act that is the
// reason for it: who makes the act, as is what he is to the material (the act
// has asked his rights already, or rolesOf tells), and facts is what the
// conditions look at. A refused event changes nothing and says why in who's
// language; tx must then be rolled back. m is stored with its new place.
//
// Who may read the material at the new place, and may not at the old one, gets
// and loses that right in the same transaction.
func (s *Service) fire(ctx context.Context, tx Tx, who security.Actor, m *Material, event workflow.Event, facts workflow.Facts, as ...workflow.Role) error {
	d, err := s.course(ctx, tx, m.Course)
	if err != nil {
		return err
	}
	facts.Now = s.now()
	t, err := d.Next(m.Place, event, as, facts, who.Lang)
	if err != nil {
		return err
	}
	from := m.Place
	m.Place, m.PlacedAt, m.ChangedAt = t.To, facts.Now, facts.Now
	if state, ok := openText[t.To]; ok && m.State.Editable() {
		m.State = state
	}
	if t.To == workflow.Cancelled {
		m.State = Cancelled
	}
	if err := tx.SetMaterial(ctx, *m); err != nil {
		return err
	}
	if err := s.show(ctx, tx, who, *m, d.State(from).Visible, d.State(t.To).Visible); err != nil {
		return err
	}
	var personal map[string]any
	if reason := strings.TrimSpace(facts.Reason); reason != "" {
		if runes(reason) > MaxText {
			return invalid("documents.fault.text_long", MaxText)
		}
		personal = map[string]any{"reason": reason}
	}
	return tx.Record(ctx, s.entry(who, "documents.moved", m.ID,
		map[string]any{"event": event, "from": from, "to": t.To, "course": m.Course}, personal))
}

// show gives the right to read to those who have it at the new place only, and
// takes it from those who had it at the old one.
func (s *Service) show(ctx context.Context, tx Tx, who security.Actor, m Material, before, after []string) error {
	for _, v := range after {
		if !slices.Contains(before, v) {
			if err := tx.AddParticipant(ctx, who, m.ID, Participant{Subject: v, Relation: "reader"}); err != nil {
				return err
			}
		}
	}
	for _, v := range before {
		if !slices.Contains(after, v) {
			if err := tx.DropParticipant(ctx, who, m.ID, Participant{Subject: v, Relation: "reader"}); err != nil {
				return err
			}
		}
	}
	return nil
}

// facts are what the conditions of a course look at, as far as the records
// tell; the act adds what a person gives with it.
func (s *Service) facts(ctx context.Context, r Reader, m Material) (workflow.Facts, error) {
	f := workflow.Facts{Now: s.now(), SameText: !m.State.Editable()}
	comments, err := r.Comments(ctx, m.ID)
	if err != nil {
		return f, err
	}
	for _, c := range comments {
		if c.State == Open && !c.Working {
			f.Open++
		}
		if c.Kind == Major && c.Settlement != nil && c.Settlement.Outcome == NotAccepted {
			f.MajorRejected++
		}
	}
	rounds, err := r.Rounds(ctx, m.ID)
	if err != nil {
		return f, err
	}
	if n := len(rounds); n > 0 {
		f.Units, f.Due, f.Silent = len(rounds[n-1].Asked), rounds[n-1].Due, rounds[n-1].Waits()
	}
	disputes, err := r.Disputes(ctx, m.ID)
	if err != nil {
		return f, err
	}
	f.Disputes = openDisputes(disputes)
	f.DisputeDescribed = f.Disputes == 0 && slices.ContainsFunc(disputes, func(d Dispute) bool { return d.State == DisputeCarried })
	if m.Current != "" {
		c, err := r.Circulation(ctx, m.Current)
		if err != nil && !errors.Is(err, fault.NotFound) {
			return f, err
		}
		f.Last = c.lastApproval()
		derived, err := r.Derivatives(ctx, m.Current)
		if err != nil {
			return f, err
		}
		f.Anonymised = slices.ContainsFunc(derived, Derivative.forPublic)
	}
	return f, decided(ctx, r, m, &f)
}

// lastApproval reports whether one more approval ends approving.
func (c Circulation) lastApproval() bool {
	if c.State != Running {
		return false
	}
	s := c.Steps[c.Current]
	if s.count(ActApproved)+1 < s.Needed {
		return false
	}
	return c.Current+1 == len(c.Steps) || c.Steps[c.Current+1].Sign
}

// submitters are whose approval submits the material: the last group of
// approvers.
func (c Circulation) submitters() (out []security.ActorID) {
	for _, s := range c.Steps {
		if s.Sign {
			break
		}
		out = nil
		for _, m := range s.Members {
			out = append(out, m.Person)
		}
	}
	return out
}

// rolesOf is what who is to a material in its course now, by himself or for
// whom he acts. It asks rights and reads records, so call it before the
// transaction of an act.
func (s *Service) rolesOf(ctx context.Context, who security.Actor, m Material) ([]workflow.Role, error) {
	d, err := s.course(ctx, s.Store, m.Course)
	if err != nil {
		return nil, err
	}
	if who.ID == security.SystemID {
		return []workflow.Role{workflow.System}, nil
	}
	held := map[string]bool{}
	held["right:manage"] = s.can(ctx, who, access.Manage, m.ID) == nil
	behalf, leads, err := s.Rights.Leads(ctx, who, m.Unit)
	if err != nil {
		return nil, err
	}
	held["head"] = leads && (behalf == "" || behalf == who.OnBehalfOf || who.OnBehalfOf == "")
	rounds, err := s.Store.Rounds(ctx, m.ID)
	if err != nil {
		return nil, err
	}
	held["asked:comment"] = len(rounds) > 0 && rounds[len(rounds)-1].Of(who.Unit) != nil
	acting := cmp.Or(who.OnBehalfOf, who.ID)
	held["submitter"] = held["right:manage"]
	if m.Current != "" {
		c, err := s.Store.Circulation(ctx, m.Current)
		if err != nil && !errors.Is(err, fault.NotFound) {
			return nil, err
		}
		held["asked:approve"] = c.Asked(acting)
		if last := c.submitters(); len(last) > 0 {
			held["submitter"] = slices.Contains(last, acting)
		}
	}
	for _, r := range who.Roles {
		held["role:"+string(r)] = true
	}
	if g, err := s.lastMeeting(ctx, m.ID); err == nil && who.OnBehalfOf == "" { // who runs a meeting does it himself
		held["meeting:chair"] = g.Chair == who.ID
		held["meeting:recorder"] = g.Recorder == who.ID
		held["meeting:verifier"] = slices.Contains(g.Verifiers, who.ID)
	} else if err != nil && !errors.Is(err, fault.NotFound) {
		return nil, err
	}
	var out []workflow.Role
	for _, r := range d.Roles {
		if slices.ContainsFunc(r.HeldBy, func(h string) bool { return held[h] }) {
			out = append(out, r.Name)
		}
	}
	return out, nil
}

// lastMeeting is the meeting a material was last put on, fault.NotFound before.
func (s *Service) lastMeeting(ctx context.Context, id MaterialID) (meeting.Meeting, error) {
	items, err := s.Store.ItemsOf(ctx, id)
	if err != nil {
		return meeting.Meeting{}, err
	}
	if len(items) == 0 {
		return meeting.Meeting{}, fault.NotFound
	}
	return s.Store.Meeting(ctx, items[0].Meeting)
}

// decided adds what the last resolution and its tasks tell.
func decided(ctx context.Context, r Reader, m Material, f *workflow.Facts) error {
	items, err := r.ItemsOf(ctx, m.ID)
	if err != nil || len(items) == 0 {
		return err
	}
	x, err := r.ResolutionOf(ctx, items[0].ID)
	if errors.Is(err, fault.NotFound) {
		return nil
	} else if err != nil {
		return err
	}
	f.Wording, f.Recommends = x.SHA256 != "", x.Has(meeting.Recommends) && x.Kind == meeting.Council
	tasks, err := r.TasksOf(ctx, m.ID)
	for _, t := range tasks {
		f.Tasks++
		if t.State == meeting.Open {
			f.TasksOpen++
		}
	}
	return err
}

// Course is where a material is and what can be done with it, for a page.
type Course struct {
	Definition *workflow.Definition
	State      workflow.State
	Due        time.Time // when it should be elsewhere; zero: no deadline
	Offers     []workflow.Offer
}

// Course tells who sees a material where it is and what who can do with it now.
func (s *Service) Course(ctx context.Context, who security.Actor, id MaterialID) (Course, error) {
	m, err := s.Get(ctx, who, id)
	if err != nil {
		return Course{}, err
	}
	d, err := s.course(ctx, s.Store, m.Course)
	if err != nil {
		return Course{}, err
	}
	roles, err := s.rolesOf(ctx, who, m)
	if err != nil {
		return Course{}, err
	}
	f, err := s.facts(ctx, s.Store, m)
	if err != nil {
		return Course{}, err
	}
	c := Course{Definition: d, Offers: d.Offers(m.Place, roles, f, who.Lang)}
	if state := d.State(m.Place); state != nil {
		c.State = *state
		if state.WorkingDays > 0 {
			c.Due = calendar.Deadline(m.PlacedAt, state.WorkingDays, s.Zone)
		}
	}
	return c, nil
}

// Act makes an event that is nothing but a move: a button of the course on the
// material's own page. What happens elsewhere (a round, a route, a meeting) is
// refused. Given are the fields the course asks for.
func (s *Service) Act(ctx context.Context, who security.Actor, id MaterialID, event workflow.Event, reason, records string) error {
	m, err := s.Get(ctx, who, id)
	if err != nil {
		return err
	}
	d, err := s.course(ctx, s.Store, m.Course)
	if err != nil {
		return err
	}
	if t, ok := d.Find(m.Place, event); ok && t.Where != "" {
		return conflict("workflow.fault.elsewhere")
	}
	if event == workflow.Rework { // the text opens with it
		return s.OpenDraft(ctx, who, id)
	}
	roles, err := s.rolesOf(ctx, who, m)
	if err != nil {
		return err
	}
	err = s.Store.Write(ctx, func(tx Tx) error {
		m, err := tx.Lock(ctx, id)
		if err != nil {
			return err
		}
		if _, busy, err := tx.Intent(ctx, id); err != nil {
			return err
		} else if busy {
			return conflict("documents.fault.busy")
		}
		f, err := s.facts(ctx, tx, m)
		if err != nil {
			return err
		}
		f.Reason, f.Records = reason, records
		return s.fire(ctx, tx, who, &m, event, f, roles...)
	})
	if err != nil {
		return wrap("move", id, err)
	}
	s.pushState(ctx, id)
	return nil
}

// rest is how long a cancelled material stays in sight before it is closed.
const rest = 30 * 24 * time.Hour

// CloseCancelled closes, as the program itself, materials that were cancelled
// thirty days ago, and returns how many. Call it every so often; several nodes
// may. A course that does not let the program close them leaves them as they are.
func (s *Service) CloseCancelled(ctx context.Context) (int, error) {
	ids, err := s.Store.Placed(ctx, workflow.Cancelled, s.now().Add(-rest), 100)
	if err != nil {
		return 0, err
	}
	done, failed := 0, []error{}
	for _, id := range ids {
		err := s.Store.Write(ctx, func(tx Tx) error {
			m, err := tx.Lock(ctx, id)
			if err != nil || m.Place != workflow.Cancelled { // another node was first
				return err
			}
			return s.fire(ctx, tx, security.System, &m, workflow.Close, workflow.Facts{}, workflow.System)
		})
		if errors.Is(err, fault.Conflict) || errors.Is(err, fault.Denied) {
			continue
		}
		if err != nil {
			failed = append(failed, wrap("close", id, err))
			continue
		}
		done++
	}
	return done, errors.Join(failed...)
}

// CourseVersion is one imported version of the course.
type CourseVersion struct {
	Version    int
	ImportedBy security.ActorID
	ImportedAt time.Time
}

// Courses lists the versions of the course, newest first; the last one is the
// program's own.
func (s *Service) Courses(ctx context.Context) ([]CourseVersion, error) {
	all, err := s.Store.Courses(ctx)
	return append(all, CourseVersion{Version: ownCourse().Version}), err
}

// CourseFile is a version of the course as JSON.
func (s *Service) CourseFile(ctx context.Context, version int) ([]byte, error) {
	d, err := s.course(ctx, s.Store, version)
	if err != nil {
		return nil, err
	}
	return d.JSON(), nil
}

// ImportCourse makes a definition the newest version of the course, which new
// materials follow. It gets the next version number whatever the file says.
// Needs the right to administer the office.
func (s *Service) ImportCourse(ctx context.Context, who security.Actor, file []byte) (int, error) {
	if err := s.Rights.Can(ctx, who, access.Administer, access.Office); err != nil {
		return 0, err
	}
	d, err := workflow.Parse(file)
	if err != nil {
		return 0, err
	}
	err = s.Store.Write(ctx, func(tx Tx) error {
		all, err := tx.Courses(ctx)
		if err != nil {
			return err
		}
		d.Version = ownCourse().Version + 1
		if len(all) > 0 {
			d.Version = all[0].Version + 1
		}
		if err := tx.AddCourse(ctx, CourseVersion{d.Version, who.ID, s.now()}, d.JSON()); err != nil {
			return err
		}
		e := s.entry(who, "documents.course_imported", "", map[string]any{"version": d.Version, "sha256": sum(d.JSON())}, nil)
		e.Subject = "course:" + d.ID
		return tx.Record(ctx, e)
	})
	return d.Version, wrap("import course", d.ID, err)
}

// MoveCourse makes a material follow another version of the course, in which
// its place must exist. Needs the right to manage the material.
func (s *Service) MoveCourse(ctx context.Context, who security.Actor, id MaterialID, version int) error {
	if err := s.can(ctx, who, access.Manage, id); err != nil {
		return err
	}
	return wrap("move course of", id, s.Store.Write(ctx, func(tx Tx) error {
		m, err := tx.Lock(ctx, id)
		if err != nil {
			return err
		}
		if m.Course == version {
			return conflict("workflow.fault.course_same")
		}
		d, err := s.course(ctx, tx, version)
		if err != nil {
			return err
		}
		old, err := s.course(ctx, tx, m.Course)
		if err != nil {
			return err
		}
		if d.State(m.Place) == nil {
			return conflict("workflow.fault.course_place", old.PlaceName(m.Place, who.Lang))
		}
		was := m.Course
		m.Course, m.ChangedAt = version, s.now()
		if err := tx.SetMaterial(ctx, m); err != nil {
			return err
		}
		if err := s.show(ctx, tx, who, m, old.State(m.Place).Visible, d.State(m.Place).Visible); err != nil {
			return err
		}
		return tx.Record(ctx, s.entry(who, "documents.course_changed", id, map[string]any{"from": was, "to": version}, nil))
	}))
}
