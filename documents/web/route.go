package web

import (
	"errors"
	"net/http"
	"strconv"

	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/web"
)

// groups is how many groups of each kind the form offers.
const (
	approverGroups = 4
	signerGroups   = 2
)

type stepRow struct {
	documents.Step
	Number  int
	Current bool
	Members []memberRow
}

type memberRow struct {
	documents.Member
	By     documents.PersonView
	ByHand documents.PersonView // the deputy who acted for him
}

func (h *Handler) route(w http.ResponseWriter, r *http.Request, f form) {
	x, err := h.read(r, "route")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	data := map[string]any{"Head": x, "Form": f, "Groups": formGroups()}
	if x.Current != "" {
		if err := h.addRoute(r, x, data); err != nil {
			h.kit.Fail(w, r, err)
			return
		}
	}
	if x.May["manage"] && x.State == documents.Frozen {
		for role, key := range map[security.Role]string{security.Approver: "Approvers", security.Signer: "Signers"} {
			people, err := h.directory.People(r.Context(), access.PeopleFilter{Role: role})
			if err != nil {
				h.kit.Fail(w, r, err)
				return
			}
			data[key] = people
		}
	}
	h.kit.Page(w, r, f.status(), "documents/route", data)
}

type formGroup struct {
	Field  string // approvers1 … signers2
	Number int
	Sign   bool
}

func formGroups() (out []formGroup) {
	for i := 1; i <= approverGroups; i++ {
		out = append(out, formGroup{"approvers" + strconv.Itoa(i), i, false})
	}
	for i := 1; i <= signerGroups; i++ {
		out = append(out, formGroup{"signers" + strconv.Itoa(i), i, true})
	}
	return out
}

func (h *Handler) addRoute(r *http.Request, x head, data map[string]any) error {
	who := web.Who(r)
	v, err := h.documents.Version(r.Context(), who, x.Current)
	if err != nil {
		return err
	}
	data["Version"] = v
	if x.State == documents.Frozen && x.May["manage"] && v.Supersedes != "" {
		// That nothing can be carried needs no words; that the change is no formal one does.
		_, err := h.documents.Carryable(r.Context(), who, v)
		switch f := fault.Of(err); {
		case err == nil:
			data["Carry"] = v.Number - 1
		case f.Key == "documents.fault.not_formal":
			data["NotFormal"] = h.kit.Pages.Text(web.Lang(r), f.Key, f.Args...)
		case f.Kind != fault.Conflict:
			return err
		}
	}
	c, err := h.documents.Circulation(r.Context(), who, v.ID)
	if errors.Is(err, fault.NotFound) {
		return nil
	} else if err != nil {
		return err
	}
	names := h.names(r)
	var steps []stepRow
	for i, s := range c.Steps {
		row := stepRow{Step: s, Number: i + 1, Current: i == c.Current && (c.State == documents.Running || c.State == documents.ToSign)}
		for _, m := range s.Members {
			row.Members = append(row.Members, memberRow{Member: m, By: names.of(m.Person)})
			if m.Deputy != "" {
				row.Members[len(row.Members)-1].ByHand = names.of(m.Deputy)
			}
		}
		steps = append(steps, row)
	}
	data["Circulation"], data["Steps"] = c, steps
	asked := c.Asked(who.ID) && x.May["approve"]
	stands, err := h.documents.StandsFor(r.Context(), who, x.ID)
	if err != nil {
		return err
	}
	var behalf []documents.PersonView
	for _, p := range stands {
		if c.Asked(p) {
			behalf = append(behalf, names.of(p))
		}
	}
	data["Asked"], data["Behalf"] = asked, behalf
	// What changed since the version he approved before: he must see it first.
	if (asked || len(behalf) > 0) && v.Supersedes != "" {
		data["Since"] = v.Number - 1
	}
	return nil
}

func (h *Handler) startRoute(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	var route documents.Route
	for _, g := range formGroups() {
		group := documents.Group{Rule: documents.Rule(r.Form.Get(g.Field + "_rule"))}
		for _, id := range r.Form[g.Field] {
			group.Members = append(group.Members, security.ActorID(id))
		}
		if len(group.Members) == 0 {
			continue
		}
		if group.Rule == documents.N {
			group.N = number(r.Form.Get(g.Field + "_n"))
		}
		if g.Sign {
			group.Rule = documents.All
			route.Signers = append(route.Signers, group)
		} else {
			route.Approvers = append(route.Approvers, group)
		}
	}
	version, err := h.chosen(r)
	if err == nil {
		_, err = h.documents.StartRoute(r.Context(), web.Who(r), version, route)
	}
	if err != nil {
		h.again(w, r, err, "start", func(f form) { h.route(w, r, f) })
		return
	}
	h.kit.Done(w, r, address(material(r), "/route"), "documents.route.started")
}

// chosen is the version that a form is about. One of another material than the
// page's is not there.
func (h *Handler) chosen(r *http.Request) (documents.VersionID, error) {
	v, err := h.documents.Version(r.Context(), web.Who(r), documents.VersionID(r.Form.Get("version")))
	if err == nil && v.Material != material(r) {
		err = fault.NotFound
	}
	return v.ID, err
}

// decide takes an approval or a refusal. The version is part of the form: what
// was on the screen is what is approved, even when a newer one exists by now.
func (h *Handler) decide(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	version, err := h.chosen(r)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	who := web.Who(r)
	who.OnBehalfOf = security.ActorID(r.Form.Get("behalf")) // the service asks whether he may
	done := "documents.route.approved"
	if r.Form.Get("decision") == "reject" {
		done = "documents.route.rejected"
		_, err = h.documents.Reject(r.Context(), who, version, r.Form.Get("reason"))
	} else {
		_, err = h.documents.Approve(r.Context(), who, version)
	}
	if err != nil {
		h.again(w, r, err, "decision", func(f form) { h.route(w, r, f) })
		return
	}
	h.kit.Done(w, r, address(material(r), "/route"), done)
}

// carry sends a version on with the approvals of the one before it.
func (h *Handler) carry(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	version, err := h.chosen(r)
	if err == nil {
		_, err = h.documents.CarryApprovals(r.Context(), web.Who(r), version)
	}
	if err != nil {
		h.again(w, r, err, "carry", func(f form) { h.route(w, r, f) })
		return
	}
	h.kit.Done(w, r, address(material(r), "/route"), "documents.route.carried")
}
