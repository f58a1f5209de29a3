package web

import (
	"context"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"spolupis/documents"
	"spolupis/documents/body"
	"spolupis/documents/meeting"
	"spolupis/documents/render"
	"spolupis/documents/workflow"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/web"
)

// mountMeetings registers the pages of meetings, resolutions and tasks. What
// depends on a meeting or a point is checked by the service: who may see a
// material sees its points.
func (h *Handler) mountMeetings(r chi.Router) {
	secretariat := web.Roles(security.Secretariat)
	view := web.Document(access.View)
	h.kit.Get(r, "/meetings", web.SignedIn, func(w http.ResponseWriter, r *http.Request) { h.meetings(w, r, form{}) })
	h.kit.Post(r, "/meetings", secretariat, h.callMeeting)
	h.kit.Get(r, "/meetings/{meeting}", web.SignedIn, func(w http.ResponseWriter, r *http.Request) { h.meeting(w, r, form{}) })
	h.kit.Post(r, "/meetings/{meeting}/publish", secretariat, h.publishProgramme)
	h.kit.Post(r, "/meetings/{meeting}/order", secretariat, h.reorder)
	h.kit.Get(r, "/tasks", web.SignedIn, func(w http.ResponseWriter, r *http.Request) { h.tasks(w, r, form{}) })
	h.kit.Post(r, "/tasks/report", secretariat, h.reportFulfilment)

	h.kit.Get(r, "/documents/{id}/programme", view, func(w http.ResponseWriter, r *http.Request) { h.programme(w, r, form{}) })
	h.kit.Post(r, "/documents/{id}/programme", view, h.actOnProgramme)
	h.kit.Post(r, "/documents/{id}/tasks", view, h.actOnTasks)
	h.kit.Get(r, "/documents/{id}/resolutions/{item}", view, h.resolution)
}

func init() {
	for key, field := range map[string]string{
		"kind": "kind", "day": "on", "past": "on", "closing": "closing", "people": "chair", "members": "members", "member": "members",
		"proof": "proof", "later": "due", "half": "year",
	} {
		fields["meeting.fault."+key] = field
	}
}

func (h *Handler) meetings(w http.ResponseWriter, r *http.Request, f form) {
	all, err := h.documents.Meetings(r.Context(), r.URL.Query().Get("before"))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	data := map[string]any{"Meetings": all, "Form": f, "Today": access.DayOf(h.kit.Now()), "Older": ""}
	if len(all) == 50 {
		last := all[len(all)-1]
		data["Older"] = string(last.On) + "." + last.ID
	}
	if h.documents.RunsMeetings(r.Context(), web.Who(r)) {
		people, err := h.directory.People(r.Context(), access.PeopleFilter{})
		if err != nil {
			h.kit.Fail(w, r, err)
			return
		}
		data["People"], data["Runs"] = people, true
		// The members are those of the last meeting of the body, to be changed when they do.
		members := map[meeting.Kind]string{}
		for _, m := range all {
			if members[m.Kind] == "" {
				members[m.Kind] = strings.Join(m.Members, "\n")
			}
		}
		data["Members"] = members[meeting.Council]
	}
	h.kit.Page(w, r, f.status(), "documents/meetings", data)
}

// lines are the non-empty lines of a text.
func lines(s string) []string {
	var out []string
	for l := range strings.Lines(s) {
		if l = strings.Join(strings.Fields(l), " "); l != "" {
			out = append(out, l)
		}
	}
	return out
}

func (h *Handler) callMeeting(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	m := meeting.Meeting{Kind: meeting.Kind(r.Form.Get("kind")), On: access.Day(r.Form.Get("on")), Closing: access.Day(r.Form.Get("closing")),
		Chair: security.ActorID(r.Form.Get("chair")), Recorder: security.ActorID(r.Form.Get("recorder")), Members: lines(r.Form.Get("members"))}
	for _, v := range r.Form["verifier"] {
		m.Verifiers = append(m.Verifiers, security.ActorID(v))
	}
	m, err := h.documents.CallMeeting(r.Context(), web.Who(r), m)
	if err != nil {
		h.again(w, r, err, "call", func(f form) { h.meetings(w, r, f) })
		return
	}
	h.kit.Done(w, r, "/meetings/"+m.ID, "meeting.called")
}

func (h *Handler) meeting(w http.ResponseWriter, r *http.Request, f form) {
	m, points, err := h.documents.Programme(r.Context(), web.Who(r), chi.URLParam(r, "meeting"))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	names := h.names(r)
	var verifiers []string
	for _, v := range m.Verifiers {
		verifiers = append(verifiers, names.of(v).Name)
	}
	h.kit.Page(w, r, f.status(), "documents/meeting", map[string]any{"Meeting": m, "Points": points, "Form": f, "Chair": names.of(m.Chair).Name, "Recorder": names.of(m.Recorder).Name,
		"Verifiers": strings.Join(verifiers, ", "), "Runs": h.documents.RunsMeetings(r.Context(), web.Who(r))})
}

func (h *Handler) publishProgramme(w http.ResponseWriter, r *http.Request) {
	id := chi.URLParam(r, "meeting")
	if err := h.documents.PublishProgramme(r.Context(), web.Who(r), id); err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.kit.Done(w, r, "/meetings/"+id, "meeting.publish_done")
}

func (h *Handler) reorder(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	if err := h.documents.Reorder(r.Context(), web.Who(r), r.Form.Get("item"), number(r.Form.Get("order"))); err != nil {
		h.again(w, r, err, "order", func(f form) { h.meeting(w, r, f) })
		return
	}
	h.kit.Done(w, r, "/meetings/"+chi.URLParam(r, "meeting"), "meeting.done")
}

// taskRow is a task with the words a page needs.
type taskRow struct {
	meeting.Task
	UnitName   string
	PersonName string
	Overdue    bool
	Mine       bool // the reader may report it as done
}

func (h *Handler) taskRows(r *http.Request, tasks []meeting.Task) ([]taskRow, error) {
	_, units, err := h.units(r)
	if err != nil {
		return nil, err
	}
	who, names, today := web.Who(r), h.names(r), access.DayOf(h.kit.Now())
	runs, leads := h.documents.RunsMeetings(r.Context(), who), map[security.UnitID]bool{}
	var out []taskRow
	for _, t := range tasks {
		row := taskRow{Task: t, UnitName: units[t.Unit], Overdue: t.Overdue(today)}
		if t.Person != "" {
			row.PersonName = names.of(t.Person).Name
		}
		if _, asked := leads[t.Unit]; !asked && !runs {
			if _, leads[t.Unit], err = h.documents.Rights.Leads(r.Context(), who, t.Unit); err != nil {
				return nil, err
			}
		}
		row.Mine = t.State == meeting.Open && (runs || leads[t.Unit])
		if t.State == meeting.Open && !row.Mine && t.Person != "" {
			if _, row.Mine, err = h.documents.Fulfils(r.Context(), who, t); err != nil {
				return nil, err
			}
		}
		out = append(out, row)
	}
	return out, nil
}

func (h *Handler) tasks(w http.ResponseWriter, r *http.Request, f form) {
	tasks, err := h.documents.OpenTasks(r.Context(), web.Who(r))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	rows, err := h.taskRows(r, tasks)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	agendas, err := h.documents.Agendas(r.Context())
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.kit.Page(w, r, f.status(), "documents/tasks", map[string]any{"Rows": rows, "Form": f, "Agendas": agendas, "Half": meeting.HalfYearOf(access.DayOf(h.kit.Now())),
		"Runs": h.documents.RunsMeetings(r.Context(), web.Who(r))})
}

func (h *Handler) reportFulfilment(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	m, err := h.documents.ReportFulfilment(r.Context(), web.Who(r), meeting.Kind(r.Form.Get("kind")),
		meeting.HalfYear{Year: number(r.Form.Get("year")), Half: number(r.Form.Get("half"))}, documents.AgendaID(r.Form.Get("agenda")))
	if err != nil {
		h.again(w, r, err, "report", func(f form) { h.tasks(w, r, f) })
		return
	}
	h.kit.Done(w, r, address(m.ID, ""), "meeting.report_made")
}

// clauseRow is one clause in the form of a decision.
type clauseRow struct {
	N int
	meeting.Clause
}

// spareClauses are the empty rows a form of a decision ends with.
const spareClauses = 3

// clausesOf reads the clauses of a form; a row without text and verb is left out.
func clausesOf(r *http.Request) []meeting.Clause {
	var out []meeting.Clause
	for n := 1; n <= meeting.MaxClauses; n++ {
		at := strconv.Itoa(n)
		if _, ok := r.Form["verb"+at]; !ok {
			break
		}
		c := meeting.Clause{Verb: meeting.Verb(r.Form.Get("verb" + at)), Text: strings.TrimSpace(strings.ReplaceAll(r.Form.Get("text"+at), "\r\n", "\n")),
			Unit: security.UnitID(r.Form.Get("unit" + at)), Person: security.ActorID(r.Form.Get("person" + at)), Due: access.Day(r.Form.Get("due" + at))}
		if c.Verb == "" && c.Text == "" {
			continue
		}
		if c.Verb != meeting.Orders {
			c.Unit, c.Person, c.Due = "", "", ""
		}
		out = append(out, c)
	}
	return out
}

type pointRow struct {
	documents.Point
	Meeting    meeting.Meeting
	ParentName string
	SignedBy   string
	Now        bool // the newest point: what is to be done is done with it
}

func (h *Handler) programme(w http.ResponseWriter, r *http.Request, f form) {
	x, err := h.read(r, "programme")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	data := map[string]any{"Head": x, "Form": f, "Verbs": meeting.Verbs}
	for _, add := range []func(context.Context, *http.Request, head, map[string]any, form) error{h.addPoints, h.addOffers, h.addTasks} {
		if err := add(r.Context(), r, x, data, f); err != nil {
			h.kit.Fail(w, r, err)
			return
		}
	}
	h.kit.Page(w, r, f.status(), "documents/programme", data)
}

func (h *Handler) addPoints(ctx context.Context, r *http.Request, x head, data map[string]any, f form) error {
	who, names := web.Who(r), h.names(r)
	points, err := h.documents.Points(ctx, who, x.ID)
	if err != nil {
		return err
	}
	var rows []pointRow
	for n, p := range points {
		row := pointRow{Point: p, Now: n == 0}
		if row.Meeting, err = h.documents.Meeting(ctx, p.Item.Meeting); err != nil {
			return err
		}
		for _, other := range points {
			if other.ID == p.Parent {
				row.ParentName = other.Number
			}
		}
		if p.Resolution != nil && p.Resolution.SignedBy != "" {
			row.SignedBy = names.of(p.Resolution.SignedBy).Name
		}
		rows = append(rows, row)
	}
	data["Points"] = rows
	if len(rows) == 0 || rows[0].State != meeting.Discussing {
		return nil
	}
	clauses := clausesOf(r)
	if f.Row != "decide" {
		if clauses, err = h.documents.Proposed(ctx, who, documents.VersionID(rows[0].Version)); err != nil {
			return err
		}
	}
	var list []clauseRow
	for i := range min(len(clauses)+spareClauses, meeting.MaxClauses) {
		row := clauseRow{N: i + 1}
		if i < len(clauses) {
			row.Clause = clauses[i]
		}
		list = append(list, row)
	}
	people, err := h.directory.People(ctx, access.PeopleFilter{})
	if err != nil {
		return err
	}
	units, _, err := h.units(r)
	if err != nil {
		return err
	}
	data["Clauses"], data["People"], data["Units"] = list, people, units
	data["Outcomes"] = []meeting.ItemState{meeting.Adopted, meeting.Changed, meeting.NotAdopted, meeting.Postponed}
	return nil
}

// addOffers tells the page which events the reader can make now.
func (h *Handler) addOffers(ctx context.Context, r *http.Request, x head, data map[string]any, _ form) error {
	c, err := h.documents.Course(ctx, web.Who(r), x.ID)
	if err != nil {
		return err
	}
	can := map[string]bool{}
	for _, o := range c.Offers {
		if o.Refusal == nil {
			can[string(o.Event)] = true
		}
	}
	data["Can"] = can
	data["Runs"] = h.documents.RunsMeetings(ctx, web.Who(r))
	if can[string(workflow.PutOnProgram)] || can[string(workflow.PutAgain)] || can[string(workflow.FoundForAssembly)] {
		coming, err := h.documents.ComingMeetings(ctx)
		if err != nil {
			return err
		}
		if can[string(workflow.FoundForAssembly)] {
			coming = slices.DeleteFunc(coming, func(m meeting.Meeting) bool { return m.Kind != meeting.Assembly })
		}
		data["Coming"], data["Schedule"] = coming, true
	}
	return nil
}

func (h *Handler) addTasks(ctx context.Context, r *http.Request, x head, data map[string]any, _ form) error {
	tasks, err := h.documents.Tasks(ctx, web.Who(r), x.ID)
	if err != nil {
		return err
	}
	data["Tasks"], err = h.taskRows(r, tasks)
	return err
}

// actOnProgramme runs one act of the page about the meeting. A point of another
// material than the page's is not there.
func (h *Handler) actOnProgramme(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	ctx, who, id := r.Context(), web.Who(r), material(r)
	act, item, reason := r.Form.Get("act"), r.Form.Get("item"), r.Form.Get("reason")
	err := error(nil)
	if act != "schedule" {
		err = h.own(r, item)
	}
	done := "meeting.done"
	if err == nil {
		switch act {
		case "schedule":
			done = "meeting.scheduled"
			_, err = h.documents.Schedule(ctx, who, id, r.Form.Get("meeting"), reason)
		case "reschedule":
			err = h.documents.Reschedule(ctx, who, item, reason)
		case "withdraw":
			err = h.documents.WithdrawPoint(ctx, who, item, reason)
		case "begin":
			err = h.documents.BeginDiscussion(ctx, who, item, number(r.Form.Get("present")))
		case "decide":
			done = "meeting.decided"
			_, err = h.documents.DecideItem(ctx, who, item, documents.Decision{Outcome: meeting.ItemState(r.Form.Get("outcome")), Reason: reason, Amendment: r.Form.Get("amendment"),
				Clauses: clausesOf(r), Vote: meeting.Vote{Present: number(r.Form.Get("present")), For: number(r.Form.Get("for")), Against: number(r.Form.Get("against")), Abstained: number(r.Form.Get("abstained"))}})
		case "refer":
			err = h.documents.Refer(ctx, who, item)
		case "to_sign":
			err = h.documents.SendToSign(ctx, who, item)
		case "sign":
			done = "meeting.signed"
			err = h.documents.SignResolution(ctx, who, item, r.Form.Get("sha256"), r.Form.Get("anonymised") != "")
		default:
			err = fault.New(fault.Invalid, "fault.invalid")
		}
	}
	if err != nil {
		h.again(w, r, err, act, func(f form) { h.programme(w, r, f) })
		return
	}
	h.kit.Done(w, r, address(id, "/programme"), done)
}

// own refuses a point of another material than the page's.
func (h *Handler) own(r *http.Request, item string) error {
	points, err := h.documents.Points(r.Context(), web.Who(r), material(r))
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(points, func(p documents.Point) bool { return p.ID == item }) {
		return fault.New(fault.NotFound, "fault.not_found")
	}
	return nil
}

func (h *Handler) actOnTasks(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	ctx, who, id := r.Context(), web.Who(r), material(r)
	act, task, done := r.Form.Get("act"), r.Form.Get("task"), "meeting.done"
	tasks, err := h.documents.Tasks(ctx, who, id)
	if err == nil && (act == "complete" || act == "extend") && !slices.ContainsFunc(tasks, func(t meeting.Task) bool { return t.ID == task }) {
		err = fault.New(fault.NotFound, "fault.not_found")
	}
	if err == nil {
		switch act {
		case "complete":
			done = "meeting.completed"
			err = h.documents.CompleteTask(ctx, who, task, r.Form.Get("proof"))
		case "extend":
			done = "meeting.extended"
			err = h.documents.ExtendTask(ctx, who, task, access.Day(r.Form.Get("due")), r.Form.Get("resolution"))
		case "repeal":
			done = "meeting.repealed"
			err = h.documents.Repeal(ctx, who, id, r.Form.Get("resolution"))
		case "confirm":
			done = "meeting.confirmed"
			err = h.documents.ConfirmDone(ctx, who, id)
		default:
			err = fault.New(fault.Invalid, "fault.invalid")
		}
	}
	if err != nil {
		h.again(w, r, err, act+task, func(f form) { h.programme(w, r, f) })
		return
	}
	h.kit.Done(w, r, address(id, "/programme")+"#tasks", done)
}

// resolution shows the wording of a resolution, and records that it was read.
func (h *Handler) resolution(w http.ResponseWriter, r *http.Request) {
	x, err := h.read(r, "programme")
	if err == nil {
		err = h.own(r, chi.URLParam(r, "item"))
	}
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	points, err := h.documents.Points(r.Context(), web.Who(r), x.ID)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	i := slices.IndexFunc(points, func(p documents.Point) bool { return p.ID == chi.URLParam(r, "item") })
	if points[i].Resolution == nil {
		h.kit.Fail(w, r, fault.New(fault.NotFound, "meeting.fault.no_resolution"))
		return
	}
	md, err := h.documents.Wording(r.Context(), web.Who(r), *points[i].Resolution)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	text, err := body.Parse(md)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.kit.Page(w, r, http.StatusOK, "documents/resolution", map[string]any{"Head": x, "Resolution": points[i].Resolution, "HTML": template.HTML(render.HTML(text))})
}
