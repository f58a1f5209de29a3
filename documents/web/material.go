package web

import (
	"encoding/json"
	"html/template"
	"net/http"
	"strings"

	"spolupis/documents"
	"spolupis/documents/render"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/web"
)

func (h *Handler) overview(w http.ResponseWriter, r *http.Request, f form) {
	x, err := h.read(r, "overview")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	ctx, who := r.Context(), web.Who(r)
	versions, err := h.documents.Versions(ctx, who, x.ID)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	round, err := h.lastRound(r, x.ID)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	all, open, majors, err := h.documents.Tally(ctx, who, x.ID)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	participants, people, err := h.whoTakesPart(r, x)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	units, byID, err := h.units(r)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	course, err := h.course(r, x)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	lacks, made, err := h.lacking(r, x)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	var asked []string
	for _, u := range round.Units() {
		asked = append(asked, byID[u])
	}
	h.kit.Page(w, r, f.status(), "documents/overview", map[string]any{
		"Head": x, "Versions": versions, "Round": round, "RoundUnits": asked, "Count": map[string]int{"all": all, "open": open, "major": majors}, "Participants": participants,
		"People": people, "Units": units, "Relations": []string{"reader", "commenter", "editor", "owner"},
		"Form": f, "Course": course, "Lacks": lacks, "Templated": made,
		// A draft beside an earlier version: the banner of D10.
		"DraftAfter": x.Editable() && len(versions) > 0,
	})
}

type participant struct {
	documents.Participant
	Name    string
	Fixed   bool // the drafter cannot be taken out
	Subject string
}

// whoTakesPart lists participants by name, and the people that can be added.
func (h *Handler) whoTakesPart(r *http.Request, x head) (list []participant, people []access.Person, err error) {
	all, err := h.documents.Participants(r.Context(), web.Who(r), x.ID)
	if err != nil {
		return nil, nil, err
	}
	_, units, err := h.units(r)
	if err != nil {
		return nil, nil, err
	}
	names := h.names(r)
	for _, p := range all {
		kind, id, _ := strings.Cut(p.Subject, ":")
		row := participant{Participant: p, Subject: p.Subject, Name: id}
		switch kind {
		case "user":
			row.Name = names.of(security.ActorID(id)).Name
			row.Fixed = p.Relation == "owner" && security.ActorID(id) == x.Material.Drafter
		case "unit":
			if n := units[security.UnitID(id)]; n != "" {
				row.Name = n
			}
		case "role":
			row.Name = h.kit.Pages.Text(web.Lang(r), "documents.role."+id)
		}
		list = append(list, row)
	}
	if x.May["manage"] {
		people, err = h.directory.People(r.Context(), access.PeopleFilter{})
	}
	return list, people, err
}

// act runs a command of the overview page and goes back to it.
func (h *Handler) act(w http.ResponseWriter, r *http.Request, row, done string, do func() error) {
	if !h.parse(w, r) {
		return
	}
	if err := do(); err != nil {
		h.again(w, r, err, row, func(f form) { h.overview(w, r, f) })
		return
	}
	h.kit.Done(w, r, address(material(r), ""), done)
}

func (h *Handler) rename(w http.ResponseWriter, r *http.Request) {
	h.act(w, r, "title", "documents.overview.renamed", func() error {
		return h.documents.Rename(r.Context(), web.Who(r), material(r), r.Form.Get("title"))
	})
}

func (h *Handler) participants(w http.ResponseWriter, r *http.Request) {
	h.act(w, r, "participants", "documents.overview.participants_done", func() error {
		p := documents.Participant{Subject: r.Form.Get("subject"), Relation: r.Form.Get("relation")}
		if r.Form.Get("remove") != "" {
			return h.documents.Uninvite(r.Context(), web.Who(r), material(r), p)
		}
		return h.documents.Invite(r.Context(), web.Who(r), material(r), p)
	})
}

func (h *Handler) freeze(w http.ResponseWriter, r *http.Request) {
	h.act(w, r, "freeze", "documents.overview.frozen", func() error {
		_, err := h.documents.Freeze(r.Context(), web.Who(r), material(r))
		return err
	})
}

func (h *Handler) openDraft(w http.ResponseWriter, r *http.Request) {
	h.act(w, r, "freeze", "documents.overview.draft_opened", func() error {
		return h.documents.OpenDraft(r.Context(), web.Who(r), material(r))
	})
}

// edit is the page of the editor; without JavaScript it leads to the text.
func (h *Handler) edit(w http.ResponseWriter, r *http.Request) {
	x, err := h.read(r, "edit")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	who := web.Who(r)
	user, err := json.Marshal(map[string]any{"id": who.ID, "name": who.Name})
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.kit.Page(w, r, http.StatusOK, "documents/edit", map[string]any{"Head": x, "User": string(user)})
}

// text is the live text as plain HTML.
func (h *Handler) text(w http.ResponseWriter, r *http.Request) {
	x, err := h.read(r, "text")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	b, err := h.documents.Text(r.Context(), web.Who(r), x.ID)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.kit.Page(w, r, http.StatusOK, "documents/text", map[string]any{"Head": x, "HTML": template.HTML(render.HTML(b)), "Changes": len(b.Proposals())})
}
