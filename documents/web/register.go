package web

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"spolupis/documents"
	"spolupis/documents/register"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/web"
)

// Register serves the pages of the agenda register. Plain forms, no JavaScript.
type Register struct {
	kit      *web.Kit
	register *register.Service
	agendas  func(r *http.Request) ([]documents.Agenda, error)
}

// NewRegister returns the pages of s in the frame of kit. Materials lists the
// agendas of materials whose events an entry can count.
func NewRegister(kit *web.Kit, s *register.Service, materials *documents.Service) *Register {
	return &Register{kit, s, func(r *http.Request) ([]documents.Agenda, error) { return materials.Agendas(r.Context()) }}
}

// Mount registers every route with its rule. Who may change what is decided by
// the service: by unit and role, or an administrator.
func (h *Register) Mount(r chi.Router) {
	get := func(pattern string, f http.HandlerFunc) { h.kit.Get(r, pattern, web.SignedIn, f) }
	post := func(pattern string, f http.HandlerFunc) { h.kit.Post(r, pattern, web.SignedIn, f) }
	get("/register", h.board)
	get("/register/new", func(w http.ResponseWriter, r *http.Request) { h.newEntry(w, r, form{}) })
	post("/register/new", h.enter)
	get("/register/import", func(w http.ResponseWriter, r *http.Request) { h.importPage(w, r, importView{}) })
	post("/register/import", h.importFiles)
	h.kit.Large(http.MethodPost, "/register/import", register.MaxFiles*(register.MaxFile*2)+1<<20) // the files, or the same once more as text
	get("/register/export/{table}", h.export)
	get("/register/plan", func(w http.ResponseWriter, r *http.Request) { h.plan(w, r, form{}) })
	post("/register/plan", h.setPlan)
	get("/register/{agenda}", func(w http.ResponseWriter, r *http.Request) { h.agenda(w, r, form{}) })
	get("/register/{agenda}/edit", func(w http.ResponseWriter, r *http.Request) { h.editEntry(w, r, form{}) })
	post("/register/{agenda}/edit", h.change)
	get("/register/{agenda}/history", h.history)
	post("/register/{agenda}/paper", h.paper)
	get("/register/{agenda}/{list}/{key}", func(w http.ResponseWriter, r *http.Request) { h.item(w, r, form{}) })
	post("/register/{agenda}/{list}/{key}", h.setItem)
}

// figures writes numbers in the reader's language.
type figures struct{ lang string }

// Amount is a number with at most one decimal; a minus is a real one.
func (f figures) Amount(x float64) string {
	s := strconv.FormatFloat(x, 'f', 1, 64)
	whole, rest, _ := strings.Cut(strings.TrimSuffix(s, ".0"), ".")
	sign := ""
	if digits, ok := strings.CutPrefix(whole, "-"); ok {
		sign, whole = "−", digits
	}
	space, point := "\u00a0", ","
	if f.lang == "en" {
		space, point = ",", "."
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + space + whole[i:]
	}
	if rest != "" {
		whole += point + rest
	}
	if whole == "0" {
		sign = ""
	}
	return sign + whole
}

// Input is a number as a form field takes it.
func (f figures) Input(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// frame is what every page of the register needs.
type registerFrame struct {
	F     figures
	Units map[security.UnitID]string
	Form  form
}

func (h *Register) frame(r *http.Request, f form) (registerFrame, []access.UnitInfo, error) {
	units, err := h.register.Directory.Units(r.Context())
	x := registerFrame{figures{web.Lang(r)}, map[security.UnitID]string{}, f}
	for _, u := range units {
		x.Units[u.ID] = u.Name
	}
	return x, units, err
}

func (h *Register) board(w http.ResponseWriter, r *http.Request) {
	b, err := h.register.Board(r.Context(), web.Who(r))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	x, _, err := h.frame(r, form{})
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	who := web.Who(r)
	h.kit.Page(w, r, http.StatusOK, "register/board", map[string]any{
		"X": x, "B": b, "Phases": register.Phases, "Tables": register.Tables, "Held": b.Barriers[:min(len(b.Barriers), 20)], "AllHeld": len(b.Barriers),
		"May": h.register.MayPlan(r.Context(), who) || h.register.May(r.Context(), who, who.Unit), "MayPlan": h.register.MayPlan(r.Context(), who),
		"Classes": []register.State{register.Paper, register.Hybrid, register.Electronic, register.Unknown},
	})
}

func (h *Register) id(r *http.Request) register.ID { return register.ID(chi.URLParam(r, "agenda")) }

func (h *Register) agenda(w http.ResponseWriter, r *http.Request, f form) {
	ctx, who := r.Context(), web.Who(r)
	row, err := h.register.Row(ctx, who, h.id(r))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	x, _, err := h.frame(r, f)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	papers, err := h.register.Papers(ctx, who, row.ID)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	plan, err := h.register.Plan(ctx, who)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	names := h.names(r, h.mentioned(row, papers))
	h.kit.Page(w, r, f.status(), "register/agenda", map[string]any{
		"X": x, "E": row, "Phases": register.Phases, "Papers": papers, "Names": names, "Plan": plan, "Today": h.register.Today(),
		"May": h.register.May(ctx, who, row.Unit), "MayPaper": h.register.May(ctx, who, row.Unit) || who.Unit == row.Unit,
	})
}

// names looks people up; somebody unknown keeps his pseudonym.
func (h *Register) names(r *http.Request, ids []security.ActorID) map[security.ActorID]string {
	out := map[security.ActorID]string{security.SystemID: security.System.Name}
	for _, id := range ids {
		if out[id] != "" {
			continue
		}
		out[id] = string(id)
		if p, err := h.register.Directory.Person(r.Context(), id); err == nil {
			out[id] = p.Name
		}
	}
	return out
}

func (h *Register) mentioned(row register.Row, papers []register.PaperIn) (out []security.ActorID) {
	out = append(out, row.ChangedBy)
	for _, b := range row.Barriers {
		if b.Owner != "" {
			out = append(out, b.Owner)
		}
	}
	for _, p := range papers {
		out = append(out, p.By)
	}
	return out
}

// again shows a page again with what is wrong, beside the field when one is at fault.
func (h *Register) again(w http.ResponseWriter, r *http.Request, err error, row string, show func(form)) {
	f := fault.Of(err)
	status, ok := statuses[f.Kind]
	if !ok {
		h.kit.Fail(w, r, err)
		return
	}
	show(form{Values: r.Form, Error: h.kit.Pages.Text(web.Lang(r), f.Key, f.Args...), Field: registerFields[f.Key], Row: row, Status: status})
}

var registerFields = map[string]string{}

func init() {
	for key, field := range map[string]string{
		"id": "id", "exists": "id", "name": "name", "kind": "kind", "unit": "unit", "volume": "volume", "volume_source": "volume_source", "year": "year",
		"channel": "channel", "materials": "materials", "mandate": "mandate", "mandate_part": "mandate", "mandate_from": "mandate_from",
		"document": "document", "phase": "phase", "level": "level", "reason": "reason", "text": "text", "barrier_type": "type", "side": "side", "status": "status",
		"law": "law", "owner": "unit", "due": "due", "resolution": "resolution", "tool": "tool", "decision": "decision", "decision_record": "by",
		"what": "what", "event": "event", "month": "since", "since": "since", "method": "method", "paper_day": "day", "paper_count": "count",
		"milestone_year": "milestones", "milestone_activity": "milestones", "milestone_what": "milestones", "milestone_state": "milestones",
	} {
		registerFields["register.fault."+key] = field
	}
}

func (h *Register) parse(w http.ResponseWriter, r *http.Request) bool {
	err := r.ParseMultipartForm(1 << 20)
	if errors.Is(err, http.ErrNotMultipart) {
		err = r.ParseForm()
	}
	if err != nil {
		kind := fault.Invalid
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			kind = fault.TooLarge
		}
		h.kit.Fail(w, r, fault.New(kind, "fault."+kind.Error()))
	}
	return err == nil
}

// option is one choice of a field.
type option struct{ Value, Label string }

// options are the words of a list, in the reader's language.
func (h *Register) options(r *http.Request, key string, values []string) []option {
	var out []option
	for _, v := range values {
		name := v
		if v == "" {
			name = "blank"
		}
		out = append(out, option{v, h.kit.Pages.Text(web.Lang(r), "register."+key+"."+name)})
	}
	return out
}

func words[S ~string](list []S) []string {
	var out []string
	for _, s := range list {
		out = append(out, string(s))
	}
	return out
}

func (h *Register) newEntry(w http.ResponseWriter, r *http.Request, f form) {
	h.entryForm(w, r, f, register.Kept{Entry: register.Entry{Kind: "internal", Unit: web.Who(r).Unit}})
}

func (h *Register) editEntry(w http.ResponseWriter, r *http.Request, f form) {
	k, err := h.register.Entry(r.Context(), web.Who(r), h.id(r))
	if err == nil && !h.register.May(r.Context(), web.Who(r), k.Unit) {
		err = fault.New(fault.Denied, "register.fault.denied")
	}
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.entryForm(w, r, f, k)
}

// entryForm shows the form of an entry: filled with k, or with what was refused.
func (h *Register) entryForm(w http.ResponseWriter, r *http.Request, f form, k register.Kept) {
	x, units, err := h.frame(r, f)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	agendas, err := h.agendas(r)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	version := k.Version
	if f.Values != nil { // what was typed, over the version it was typed into
		if err := readEntry(r, &k.Entry); err != nil && f.Error == "" {
			h.kit.Fail(w, r, err)
			return
		}
		version = number(r.Form.Get("version"))
	}
	chosen := map[string]bool{}
	for _, c := range k.Channels {
		chosen[c] = true
	}
	h.kit.Page(w, r, f.status(), "register/edit", map[string]any{
		"X": x, "E": k, "New": chi.URLParam(r, "agenda") == "", "Version": version, "UnitList": units, "Agendas": agendas, "Kinds": register.Kinds,
		"Channels": register.Channels, "Chosen": chosen, "Phases": register.Phases, "States": h.options(r, "state", words(register.States)),
		"Years": []int{1, 2, 3, 4}, "Why": f.Of("why"),
	})
}

// readEntry fills the fields of an entry that its form has.
func readEntry(r *http.Request, e *register.Entry) error {
	v := r.Form
	e.Name, e.Kind, e.Unit = v.Get("name"), v.Get("kind"), security.UnitID(v.Get("unit"))
	e.Materials, e.Legal, e.Systems = documents.AgendaID(v.Get("materials")), v.Get("legal"), v.Get("systems")
	e.Channels, e.ChannelNote, e.VolumeSource, e.Note = v["channel"], v.Get("channel_note"), v.Get("volume_source"), v.Get("note")
	e.Only, e.Closed = v.Get("only") != "", v.Get("closed") != ""
	e.Mandate = register.Mandate{Document: v.Get("mandate"), By: v.Get("mandate_by"), On: register.Day(v.Get("mandate_on")),
		From: register.Day(v.Get("mandate_from")), Exceptions: v.Get("mandate_exceptions")}
	var err error
	if e.Volume, err = whole(v, "volume"); err != nil {
		return err
	}
	if e.Year, err = whole(v, "year"); err != nil {
		return err
	}
	steps := map[register.Phase]register.Step{}
	for _, p := range register.Phases {
		of := func(field string) string { return strings.TrimSpace(v.Get(field + "_" + string(p))) }
		s := register.Step{State: register.State(of("state")), System: of("system"), Wet: of("wet") != "", Note: of("note")}
		if s.Minutes, err = decimal(v, "minutes_"+string(p)); err != nil {
			return err
		}
		if s.Pages, err = whole(v, "pages_"+string(p)); err != nil {
			return err
		}
		steps[p] = s
	}
	e.Steps = steps
	return nil
}

func whole(v url.Values, field string) (int, error) {
	s := strings.NewReplacer(" ", "", "\u00a0", "", "−", "-").Replace(v.Get(field))
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fault.New(fault.Invalid, "register.fault.csv_number", v.Get(field))
	}
	return n, nil
}

func decimal(v url.Values, field string) (float64, error) {
	s := strings.NewReplacer(" ", "", "\u00a0", "", "−", "-", ",", ".").Replace(v.Get(field))
	if s == "" {
		return 0, nil
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, fault.New(fault.Invalid, "register.fault.csv_number", v.Get(field))
	}
	return x, nil
}

func (h *Register) enter(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	e := register.Entry{ID: register.ID(strings.TrimSpace(r.Form.Get("id")))}
	err := readEntry(r, &e)
	var k register.Kept
	if err == nil {
		k, err = h.register.Enter(r.Context(), web.Who(r), e, r.Form.Get("why"))
	}
	if err != nil {
		h.again(w, r, err, "", func(f form) { h.newEntry(w, r, f) })
		return
	}
	h.kit.Done(w, r, "/register/"+string(k.ID), "register.done.entered", k.Name)
}

func (h *Register) change(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	k, err := h.register.Edit(r.Context(), web.Who(r), h.id(r), number(r.Form.Get("version")), r.Form.Get("why"), func(e *register.Entry) error { return readEntry(r, e) })
	if err != nil {
		h.again(w, r, err, "", func(f form) { h.editEntry(w, r, f) })
		return
	}
	h.kit.Done(w, r, "/register/"+string(k.ID), "register.done.changed", k.Version)
}

func (h *Register) paper(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	n, err := whole(r.Form, "count")
	if err == nil {
		err = h.register.RecordPaper(r.Context(), web.Who(r), register.PaperIn{Agenda: h.id(r), Day: register.Day(r.Form.Get("day")), Count: n,
			Phase: register.Phase(r.Form.Get("phase")), Note: r.Form.Get("note")})
	}
	if err != nil {
		h.again(w, r, err, "paper", func(f form) { h.agenda(w, r, f) })
		return
	}
	h.kit.Done(w, r, "/register/"+string(h.id(r))+"#papers", "register.done.paper")
}

func (h *Register) history(w http.ResponseWriter, r *http.Request) {
	before := max(0, number(r.URL.Query().Get("before")))
	k, err := h.register.Entry(r.Context(), web.Who(r), h.id(r))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	past, err := h.register.History(r.Context(), web.Who(r), k.ID, before)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	var people []security.ActorID
	older := 0
	for _, p := range past {
		people, older = append(people, p.ChangedBy), p.Version
	}
	names := h.names(r, people)
	if older == 1 {
		older = 0
	}
	x, _, err := h.frame(r, form{})
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	for i := range past {
		past[i].Changes = h.said(r, x, past[i].Changes)
	}
	h.kit.Page(w, r, http.StatusOK, "register/history", map[string]any{"X": x, "E": k, "Past": past, "Names": names, "Older": older})
}

// said puts the words people know in place of the identifiers in changes.
func (h *Register) said(r *http.Request, x registerFrame, changes []register.Change) []register.Change {
	lists := map[string][]string{
		"step_state": {"state"}, "kind": {"kind"}, "channels": {"channel"}, "signature": {"phase", "level"}, "barrier": {"barrier", "side", "phase", "status"},
		"alternative": {"decision"}, "saving": {"event"},
	}
	word := func(field, s string) string {
		for _, list := range lists[field] {
			key := "register." + list + "." + s
			if text := h.kit.Pages.Text(web.Lang(r), key); text != key {
				return text
			}
		}
		if name := x.Units[security.UnitID(s)]; name != "" && (field == "unit" || field == "barrier") {
			return name
		}
		if strings.HasPrefix(s, "p-") && field == "barrier" {
			if p, err := h.register.Directory.Person(r.Context(), security.ActorID(s)); err == nil {
				return p.Name
			}
		}
		return s
	}
	say := func(field, s string) string {
		switch field {
		case "only", "closed", "step_wet":
			if s == "" {
				return h.kit.Pages.Text(web.Lang(r), "register.no")
			}
			return h.kit.Pages.Text(web.Lang(r), "register.yes")
		case "mandate_on", "mandate_from":
			return s
		}
		separator := " · "
		if field == "channels" {
			separator = ", "
		}
		parts := strings.Split(s, separator)
		for i, p := range parts {
			parts[i] = word(field, p)
		}
		return strings.Join(parts, separator)
	}
	out := slices.Clone(changes)
	for i, c := range out {
		out[i].Old, out[i].New = say(c.Field, c.Old), say(c.Field, c.New)
	}
	return out
}

func (h *Register) export(w http.ResponseWriter, r *http.Request) {
	table := strings.TrimSuffix(chi.URLParam(r, "table"), ".csv")
	b, err := h.register.Export(r.Context(), web.Who(r), register.Table(table))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	send(w, "text/csv; charset=utf-8", "registr-"+table+".csv", b)
}

// importView is the import page: its form, or what the files would do.
type importView struct {
	Proposal *register.Proposal
	Files    []register.File
	Error    string
	Status   int
	Wrong    []wrongRow // the errors of Proposal, said
}

// wrongRow is one thing that is wrong in a file.
type wrongRow struct {
	File   string
	Line   int
	Column string
	Text   string
}

// Text is a file as a hidden field carries it to the confirmation.
func (v importView) Text(f register.File) string { return encodeFile(f.Bytes) }

func (h *Register) importPage(w http.ResponseWriter, r *http.Request, v importView) {
	if v.Status == 0 {
		v.Status = http.StatusOK
	}
	x, _, err := h.frame(r, form{})
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	if v.Proposal != nil {
		for _, e := range v.Proposal.Errors {
			v.Wrong = append(v.Wrong, wrongRow{e.File, e.Line, e.Column, h.kit.Pages.Text(web.Lang(r), e.Key, e.Args...)})
		}
		for i, c := range v.Proposal.Changed {
			v.Proposal.Changed[i].Changes = h.said(r, x, c.Changes)
		}
	}
	h.kit.Page(w, r, v.Status, "register/import", map[string]any{"X": x, "V": v, "Tables": register.Tables, "Rows": register.MaxRows, "MB": register.MaxFile >> 20})
}

func (h *Register) importFiles(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	files, err := sentFiles(r)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	ctx, who := r.Context(), web.Who(r)
	v := importView{Files: files}
	if digest := r.Form.Get("digest"); digest != "" {
		p, err := h.register.Import(ctx, who, files, digest)
		if err == nil {
			h.kit.Done(w, r, "/register", "register.done.imported", len(p.New), len(p.Changed))
			return
		}
		f := fault.Of(err)
		status, ok := statuses[f.Kind]
		if !ok {
			h.kit.Fail(w, r, err)
			return
		}
		v.Error, v.Status = h.kit.Pages.Text(web.Lang(r), f.Key, f.Args...), status
	}
	p, err := h.register.Propose(ctx, who, files)
	if err != nil {
		h.again(w, r, err, "", func(f form) { h.importPage(w, r, importView{Error: f.Error, Status: f.Status}) })
		return
	}
	v.Proposal = &p
	if len(p.Errors) > 0 && v.Status == 0 {
		v.Status = http.StatusUnprocessableEntity
	}
	h.importPage(w, r, v)
}

// sentFiles are the chosen files, or those a confirmation carries along.
func sentFiles(r *http.Request) ([]register.File, error) {
	var out []register.File
	if names := r.Form["name"]; len(names) > 0 && len(names) == len(r.Form["content"]) {
		for i, c := range r.Form["content"] {
			b, err := decodeFile(c)
			if err != nil {
				return nil, fault.Invalid
			}
			out = append(out, register.File{Name: names[i], Bytes: b})
		}
		return out, nil
	}
	if r.MultipartForm == nil {
		return nil, nil
	}
	for _, f := range r.MultipartForm.File["file"] {
		if f.Size == 0 && f.Filename == "" {
			continue
		}
		in, err := f.Open()
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(io.LimitReader(in, register.MaxFile+1))
		in.Close()
		if err != nil {
			return nil, err
		}
		out = append(out, register.File{Name: f.Filename, Bytes: b})
	}
	return out, nil
}

func (h *Register) plan(w http.ResponseWriter, r *http.Request, f form) {
	k, err := h.register.Plan(r.Context(), web.Who(r))
	if err == nil && !h.register.MayPlan(r.Context(), web.Who(r)) {
		err = fault.New(fault.Denied, "fault.denied")
	}
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	if f.Values != nil {
		k.Plan, err = readPlan(r)
		if err != nil && f.Error == "" {
			h.kit.Fail(w, r, err)
			return
		}
		k.Version = number(r.Form.Get("version"))
	}
	x, _, err := h.frame(r, f)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	for range 3 { // room for more
		k.Milestones = append(k.Milestones, register.Milestone{})
	}
	h.kit.Page(w, r, f.status(), "register/plan", map[string]any{"X": x, "P": k, "States": h.options(r, "milestone", register.MilestoneStates), "Years": []int{1, 2, 3, 4}})
}

// readPlan reads the form; a milestone without words is one taken out.
func readPlan(r *http.Request) (p register.Plan, err error) {
	v := r.Form
	p.Start, p.Source = register.Day(v.Get("start")), v.Get("source")
	if p.Hour, err = whole(v, "hour"); err != nil {
		return p, err
	}
	if p.Page, err = decimal(v, "page"); err != nil {
		return p, err
	}
	years, acts, whats, states, notes := v["year"], v["activity"], v["what"], v["state"], v["note"]
	for i := range whats {
		if i >= len(years) || i >= len(acts) || i >= len(states) || i >= len(notes) {
			return p, fault.Invalid
		}
		if strings.TrimSpace(whats[i]) == "" && strings.TrimSpace(acts[i]) == "" {
			continue
		}
		p.Milestones = append(p.Milestones, register.Milestone{Year: number(years[i]), Activity: strings.TrimSpace(acts[i]), What: strings.TrimSpace(whats[i]), State: states[i], Note: strings.TrimSpace(notes[i])})
	}
	slices.SortStableFunc(p.Milestones, func(a, b register.Milestone) int { return a.Year - b.Year })
	return p, nil
}

func (h *Register) setPlan(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	p, err := readPlan(r)
	if err == nil {
		err = h.register.SetPlan(r.Context(), web.Who(r), number(r.Form.Get("version")), p)
	}
	if err != nil {
		h.again(w, r, err, "", func(f form) { h.plan(w, r, f) })
		return
	}
	h.kit.Done(w, r, "/register#roadmap", "register.done.plan")
}

// errNoItem is an item that is not there (any more).
var errNoItem = fault.New(fault.NotFound, "fault.not_found")
