package web

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/go-chi/chi/v5"

	"spolupis/documents"
	"spolupis/documents/calendar"
	"spolupis/documents/compare"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/web"
)

// askedRow is a unit of a round and what the reader may do for it.
type askedRow struct {
	documents.Asked
	Name     string
	ByName   string
	ForName  string
	Comments int  // of the unit, confirmed or not
	Leads    bool // the reader is its head or stands for him
	Behalf   string
}

type roundView struct {
	documents.Round
	Rows        []askedRow
	Spoken      int
	Left        int // working days to the deadline
	Late        bool
	StarterName string
	Longer      []extensionRow
}

type extensionRow struct {
	documents.Extension
	By, For string
}

// unitChoice is a unit that can be asked.
type unitChoice struct {
	access.UnitInfo
	Chosen string // required, optional, ""
}

func (h *Handler) roundPage(w http.ResponseWriter, r *http.Request, f form) {
	x, err := h.read(r, "round")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	data, err := h.roundData(r, x, f)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.kit.Page(w, r, f.status(), "documents/round", data)
}

func (h *Handler) roundData(r *http.Request, x head, f form) (map[string]any, error) {
	ctx, who := r.Context(), web.Who(r)
	rounds, err := h.documents.Rounds(ctx, who, x.ID)
	if err != nil {
		return nil, err
	}
	units, byID, err := h.units(r)
	if err != nil {
		return nil, err
	}
	comments, err := h.documents.Remarks(ctx, who, x.ID)
	if err != nil {
		return nil, err
	}
	var views []roundView
	for _, o := range slices.Backward(rounds) {
		v, err := h.roundView(r, o, byID, comments)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	_, heads, err := h.documents.Leads(ctx, who, x.Unit)
	if err != nil {
		return nil, err
	}
	chosen := map[security.UnitID]string{}
	if x.State == documents.Settling {
		affected, err := h.documents.Affected(ctx, who, x.ID)
		if err != nil {
			return nil, err
		}
		for _, u := range affected {
			chosen[u] = "required"
		}
	}
	var choices []unitChoice
	for _, u := range units {
		choice := unitChoice{u, chosen[u.ID]}
		if f.Row == "start" {
			choice.Chosen = f.Of("unit_" + string(u.ID))
		}
		choices = append(choices, choice)
	}
	now := h.kit.Now()
	return map[string]any{
		"Head": x, "Rounds": views, "Units": choices, "Form": f, "Heads": heads, "Affected": len(chosen),
		"Statements": documents.Statements, "Usual": documents.UsualDays, "Least": documents.UrgentDays, "Most": documents.MaxDays,
		"UsualDue": calendar.Deadline(now, documents.UsualDays, h.zone), "MayStart": x.May["manage"] && (x.State == documents.Draft || x.State == documents.Settling),
		"Again": x.State == documents.Settling,
	}, nil
}

func (h *Handler) roundView(r *http.Request, o documents.Round, byID map[security.UnitID]string, comments []documents.Comment) (roundView, error) {
	names := h.names(r)
	name := func(id security.ActorID) string {
		if id == "" {
			return ""
		}
		return names.of(id).Name
	}
	now := h.kit.Now()
	v := roundView{Round: o, Left: calendar.Between(now, o.Due, h.zone), Late: o.Runs() && now.After(o.Due), StarterName: name(o.StartedBy)}
	for _, x := range o.Extensions {
		v.Longer = append(v.Longer, extensionRow{x, name(x.By), name(x.Behalf)})
	}
	for _, a := range o.Asked {
		row := askedRow{Asked: a, Name: byID[a.Unit], ByName: name(a.By), ForName: name(a.Behalf)}
		if row.Name == "" {
			row.Name = string(a.Unit)
		}
		if a.Statement != "" {
			v.Spoken++
		}
		for _, c := range comments {
			if c.Round == o.ID && c.Unit == a.Unit && c.State != documents.TakenBack {
				row.Comments++
			}
		}
		if o.Runs() {
			behalf, leads, err := h.documents.Leads(r.Context(), web.Who(r), a.Unit)
			if err != nil {
				return v, err
			}
			row.Leads, row.Behalf = leads, name(behalf)
		}
		v.Rows = append(v.Rows, row)
	}
	return v, nil
}

// round starts, ends or calls off a round.
func (h *Handler) round(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	ctx, who, id := r.Context(), web.Who(r), material(r)
	var err error
	row, done := "start", "rounds.started"
	switch r.Form.Get("act") {
	case "end":
		row, done = "end", "rounds.ended"
		err = h.documents.EndRound(ctx, who, id)
	case "cancel":
		row, done = "cancel", "rounds.cancelled"
		err = h.documents.CancelRound(ctx, who, id, r.Form.Get("why"))
	default:
		n := documents.NewRound{Urgent: r.Form.Get("urgent"), Why: r.Form.Get("why")}
		if n.Days, err = strconv.Atoi(r.Form.Get("days")); err != nil && r.Form.Get("days") != "" {
			n.Days = -1
		}
		units, _, failed := h.units(r)
		if failed != nil {
			h.kit.Fail(w, r, failed)
			return
		}
		for _, u := range units {
			switch r.Form.Get("unit_" + string(u.ID)) {
			case "required":
				n.Required = append(n.Required, u.ID)
			case "optional":
				n.Optional = append(n.Optional, u.ID)
			}
		}
		_, err = h.documents.StartRound(ctx, who, id, n)
	}
	h.roundDone(w, r, err, row, done)
}

func (h *Handler) roundDone(w http.ResponseWriter, r *http.Request, err error, row, done string) {
	if err != nil {
		h.again(w, r, err, row, func(f form) { h.roundPage(w, r, f) })
		return
	}
	h.kit.Done(w, r, address(material(r), "/round"), done)
}

// statement is what the heads of units do in a round: they state, take back and extend. Who may is for the service to say:
// it is not a right to the material.
func (h *Handler) statement(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	ctx, who, id, unit := r.Context(), web.Who(r), material(r), security.UnitID(r.Form.Get("unit"))
	switch r.Form.Get("act") {
	case "extend":
		days, err := strconv.Atoi(r.Form.Get("days"))
		if err != nil {
			days = 0
		}
		h.roundDone(w, r, h.documents.ExtendRound(ctx, who, id, days, r.Form.Get("reason")), "extend", "rounds.extended")
	case "reopen":
		h.roundDone(w, r, h.documents.Unstate(ctx, who, id, unit), "reopen "+string(unit), "rounds.reopened")
	default:
		err := h.documents.State(ctx, who, id, unit, documents.Statement(r.Form.Get("statement")), r.Form.Get("note"))
		h.roundDone(w, r, err, "state "+string(unit), "rounds.stated")
	}
}

// roundChanges compares the text of the beginning of a round with the text as it is.
func (h *Handler) roundChanges(w http.ResponseWriter, r *http.Request) {
	x, err := h.read(r, "round_changes")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	x.Tab = "round"
	base, round, err := h.documents.Baseline(r.Context(), web.Who(r), x.ID, number(chi.URLParam(r, "n")))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	text, err := h.documents.Text(r.Context(), web.Who(r), x.ID)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	groups, changes := fold(compare.Compare(base, text))
	view := "side"
	if r.URL.Query().Get("view") == "column" {
		view = "column"
	}
	h.kit.Page(w, r, http.StatusOK, "documents/round_changes", map[string]any{"Head": x, "Round": round, "Groups": groups, "Changes": changes, "View": view})
}

// lastRound is the last round of a material for its overview.
func (h *Handler) lastRound(r *http.Request, id documents.MaterialID) (documents.Round, error) {
	o, err := h.documents.Round(r.Context(), web.Who(r), id)
	if errors.Is(err, fault.NotFound) {
		err = nil
	}
	return o, err
}
