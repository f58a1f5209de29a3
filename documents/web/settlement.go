package web

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"spolupis/documents"
	"spolupis/documents/compare"
	"spolupis/documents/filetype"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/web"
)

// perPage is how many comments one page shows, of the settlement table and of comments.
const perPage = 50

// pageLink leads to one page of a list.
type pageLink struct {
	N   int
	URL string
}

// filter is what of the table is shown.
type filter struct {
	Order documents.Order
	Show  string // open, major, dispute, insists, notes; "" = all
	Unit  string
	Kind  string
	Page  int
}

func filterOf(r *http.Request) filter {
	q := r.URL.Query()
	f := filter{Order: documents.ByText, Show: q.Get("show"), Unit: q.Get("unit"), Kind: q.Get("kind"), Page: max(1, number(q.Get("page")))}
	if q.Get("order") == string(documents.ByUnit) {
		f.Order = documents.ByUnit
	}
	return f
}

// URL is the address of a page of the same table.
func (f filter) URL(id documents.MaterialID, page int) string {
	v := url.Values{}
	for key, value := range map[string]string{"show": f.Show, "unit": f.Unit, "kind": f.Kind} {
		if value != "" {
			v.Set(key, value)
		}
	}
	if f.Order == documents.ByUnit {
		v.Set("order", string(f.Order))
	}
	if page > 1 {
		v.Set("page", strconv.Itoa(page))
	}
	if len(v) == 0 {
		return address(id, "/settlement")
	}
	return address(id, "/settlement?"+v.Encode())
}

func (f filter) keeps(r documents.TableRow) bool {
	switch f.Show {
	case "open":
		if r.State != documents.Open || r.With != 0 {
			return false
		}
	case "major":
		if r.Kind != documents.Major {
			return false
		}
	case "dispute":
		if r.Dispute == "" {
			return false
		}
	case "insists":
		if r.Stand != documents.Insists {
			return false
		}
	case "silent":
		if r.Outcome == "" || r.Stand != "" {
			return false
		}
	}
	return (f.Unit == "" || string(r.Unit) == f.Unit) && (f.Kind == "" || string(r.Kind) == f.Kind)
}

// tableRow is a row of the page.
type tableRow struct {
	documents.TableRow
	Cells [13]string
}

// tableGroup is a stretch of rows under one heading, or of one unit.
type tableGroup struct {
	Name string
	Rows []tableRow
}

func (h *Handler) exporter(r *http.Request) documents.Export {
	return documents.Export{Say: h.say(r), Zone: h.zone}
}

func (h *Handler) table(r *http.Request) (documents.Table, error) {
	t, err := h.documents.Table(r.Context(), web.Who(r), material(r))
	if err == nil {
		err = h.fill(r, &t)
	}
	return t, err
}

func (h *Handler) fill(r *http.Request, t *documents.Table) error {
	_, units, err := h.units(r)
	if err == nil {
		h.documents.Names(r.Context(), t, func(u security.UnitID) string { return units[u] })
	}
	return err
}

// settlement is the settlement table, a page at a time.
func (h *Handler) settlement(w http.ResponseWriter, r *http.Request) {
	x, err := h.read(r, "settlement")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	t, err := h.table(r)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	f := filterOf(r)
	counts := map[string]int{"all": len(t.Rows)}
	units := map[string]string{}
	for _, row := range t.Rows {
		for _, show := range []string{"open", "major", "dispute", "insists", "silent"} {
			if (filter{Show: show}).keeps(row) {
				counts[show]++
			}
		}
		if row.Unit != "" {
			units[string(row.Unit)] = row.UnitName
		}
	}
	rest := counts["open"]
	t.Sort(f.Order)
	kept := slices.DeleteFunc(slices.Clone(t.Rows), func(row documents.TableRow) bool { return !f.keeps(row) })
	pages := max(1, (len(kept)+perPage-1)/perPage)
	f.Page = min(f.Page, pages)
	shown := kept[(f.Page-1)*perPage : min(len(kept), f.Page*perPage)]
	var groups []tableGroup
	exporter := h.exporter(r)
	for _, row := range shown {
		name := row.Heading
		if f.Order == documents.ByUnit {
			name = row.UnitName
		}
		if n := len(groups); n == 0 || groups[n-1].Name != name {
			groups = append(groups, tableGroup{Name: name})
		}
		g := &groups[len(groups)-1]
		g.Rows = append(g.Rows, tableRow{row, exporter.Cells(row)})
	}
	first := 0
	for _, row := range t.Rows {
		if row.State == documents.Open && row.With == 0 {
			first = row.Number
			break
		}
	}
	var links []pageLink
	for n := 1; n <= pages && pages > 1; n++ {
		links = append(links, pageLink{n, f.URL(x.ID, n)})
	}
	h.kit.Page(w, r, http.StatusOK, "documents/settlement", map[string]any{
		"Head": x, "Table": t, "Rows": len(shown), "Groups": groups, "Filter": f, "Counts": counts, "Units": sortedUnits(units), "Kept": len(kept), "Rest": rest,
		"Links": links, "First": first, "Settles": x.May["edit"] && x.Editable(),
		"Kinds": []documents.CommentKind{documents.Major, documents.Advisory, documents.Formal},
	})
}

func sortedUnits(units map[string]string) (out [][2]string) {
	for id, name := range units {
		out = append(out, [2]string{id, name})
	}
	slices.SortFunc(out, func(a, b [2]string) int { return strings.Compare(documents.Fold(a[1]), documents.Fold(b[1])) })
	return out
}

// settleOne is one comment with its settlement: what changed in the text, what the unit says, the dispute.
func (h *Handler) settleOne(w http.ResponseWriter, r *http.Request, f form) {
	x, err := h.read(r, "settlement")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	c, err := h.documents.Case(r.Context(), web.Who(r), x.ID, number(chi.URLParam(r, "n")))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	_, units, err := h.units(r)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	names := h.names(r)
	type step struct {
		documents.DisputeStep
		By, For string
	}
	var steps []step
	decider := ""
	if c.Dispute != nil {
		for _, s := range c.Dispute.Acts {
			row := step{DisputeStep: s, By: names.of(s.By).Name}
			if s.Behalf != "" {
				row.For = names.of(s.Behalf).Name
			}
			steps = append(steps, row)
		}
		if c.Dispute.Decider != "" {
			decider = names.of(c.Dispute.Decider).Name
		}
	}
	var deciders []access.Person
	if c.Escalates {
		if deciders, err = h.deciders(r); err != nil {
			h.kit.Fail(w, r, err)
			return
		}
	}
	var words []compare.Word
	if c.Proof.Changed && !c.Proof.Whole {
		words = c.Proof.Words()
	}
	open := c.Comment.State == documents.Open
	h.kit.Page(w, r, f.status(), "documents/settle", map[string]any{
		"Head": x, "Case": c, "C": c.Comment, "UnitName": units[c.Comment.ForUnit], "Words": words, "Steps": steps, "Decider": decider, "Deciders": deciders,
		"Form": f, "Key": rand.Text(), "Outcomes": documents.Outcomes, "Writes": x.May["comment"] && x.Editable(),
		"Settles":  x.May["edit"] && x.Editable() && c.Lead == nil && c.Comment.State != documents.TakenBack,
		"Attaches": x.May["comment"] && x.Editable() && open && c.Comment.Mine && (c.Comment.ForUnit == "" || c.Comment.Working),
		"Accept":   accept(), "Types": strings.Join(filetype.Extensions(), ", "), "MaxFile": documents.MaxAttachment >> 20, "Most": documents.MaxCommentAttachments,
		"Accepts": open && c.Comment.Proposed != nil && c.Comment.Anchor != nil,
	})
}

// deciders are the people a dispute can be taken to: the director and the members of the council.
func (h *Handler) deciders(r *http.Request) (out []access.Person, err error) {
	all, err := h.directory.People(r.Context(), access.PeopleFilter{})
	for _, p := range all {
		if p.Has(security.Director) || p.Has(security.Councillor) {
			out = append(out, p)
		}
	}
	return out, err
}

// settleCommand carries out a command on one comment and leads on to the next one that waits, when asked to.
func (h *Handler) settleCommand(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	ctx, who, id := r.Context(), web.Who(r), material(r)
	name := r.Form.Get("command")
	args := map[string]any{"comment": r.Form.Get("comment")}
	for _, field := range []string{"reasoning", "outcome", "text"} {
		if v := strings.ReplaceAll(r.Form.Get(field), "\r\n", "\n"); v != "" {
			args[field] = v
		}
	}
	if others := r.Form["other"]; len(others) > 0 {
		args["others"] = others
	}
	raw, err := json.Marshal(args)
	if err == nil {
		_, err = h.documents.Command(ctx, who, id, r.Form.Get("key"), name, raw)
	}
	if err != nil {
		h.again(w, r, err, name, func(f form) { h.settleOne(w, r, f) })
		return
	}
	next := number(chi.URLParam(r, "n"))
	if r.Form.Get("next") != "" {
		c, err := h.documents.Case(ctx, who, id, next)
		if err != nil {
			h.kit.Fail(w, r, err)
			return
		}
		if c.Unsettled == 0 {
			h.kit.Done(w, r, address(id, "/settlement"), "settlement.all_done")
			return
		}
		next = c.Unsettled
	}
	h.kit.Done(w, r, address(id, "/settlement/"+strconv.Itoa(next)), "documents.comments.done")
}

// dispute takes a dispute up, settles it or puts it before the council. Who may is for the service to say.
func (h *Handler) dispute(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	ctx, who, id, n := r.Context(), web.Who(r), material(r), number(chi.URLParam(r, "n"))
	c, err := h.documents.Case(ctx, who, id, n)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	act, text := r.Form.Get("act"), strings.ReplaceAll(r.Form.Get("text"), "\r\n", "\n")
	switch act {
	case "escalate":
		err = h.documents.Escalate(ctx, who, id, c.Comment.ID, security.ActorID(r.Form.Get("decider")), text)
	case "carry":
		err = h.documents.Carry(ctx, who, id, c.Comment.ID, text)
	default:
		err = h.documents.Decide(ctx, who, id, c.Comment.ID, documents.DisputeAct(act), text)
	}
	if err != nil {
		row := "decide"
		if act == "escalate" || act == "carry" {
			row = act
		}
		h.again(w, r, err, row, func(f form) { h.settleOne(w, r, f) })
		return
	}
	h.kit.Done(w, r, address(id, "/settlement/"+strconv.Itoa(n)), "settlement.dispute_done")
}

// duplicates shows the comments that may say the same, to be grouped.
func (h *Handler) duplicates(w http.ResponseWriter, r *http.Request) {
	x, err := h.read(r, "settlement")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	groups, err := h.documents.Duplicates(r.Context(), web.Who(r), x.ID)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	_, units, err := h.units(r)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.kit.Page(w, r, http.StatusOK, "documents/duplicates", map[string]any{"Head": x, "Groups": groups, "Key": rand.Text(), "UnitNames": units,
		"Settles": x.May["edit"] && x.Editable()})
}

// tableFiles are the forms of a settlement table as a file.
var tableFiles = map[string]string{"docx": docxType, "pdf": "application/pdf", "csv": "text/csv; charset=utf-8", "json": "application/json"}

// tableFile hands out the settlement table of the live text, recorded before it is sent.
func (h *Handler) tableFile(ext string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		m, err := h.documents.Read(r.Context(), web.Who(r), material(r), "settlement."+ext)
		if err != nil {
			h.kit.Fail(w, r, err)
			return
		}
		t, err := h.table(r)
		if err != nil {
			h.kit.Fail(w, r, err)
			return
		}
		h.sendTable(w, r, t, ext, m.Drafter, plain(m.Number)+"-vyporadani."+ext)
	}
}

// apiSettlement is the settlement table of the live text for programs.
func (h *Handler) apiSettlement(w http.ResponseWriter, r *http.Request) {
	if _, err := h.documents.Read(r.Context(), web.Who(r), material(r), "settlement"); err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	t, err := h.table(r)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	t.Sort(filterOf(r).Order)
	h.kit.JSON(w, http.StatusOK, t)
}

// versionTable hands out the table that was frozen with a version.
func (h *Handler) versionTable(ext string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := h.numbered(r, "settlement."+ext)
		if err != nil {
			h.kit.Fail(w, r, err)
			return
		}
		t, err := h.documents.VersionTable(r.Context(), web.Who(r), v)
		if err == nil {
			err = h.fill(r, &t)
		}
		if err != nil {
			h.kit.Fail(w, r, err)
			return
		}
		h.sendTable(w, r, t, ext, v.FrozenBy, plain(v.Manifest.Number)+"-v"+strconv.Itoa(v.Number)+"-vyporadani."+ext)
	}
}

func (h *Handler) sendTable(w http.ResponseWriter, r *http.Request, t documents.Table, ext string, author security.ActorID, name string) {
	t.Sort(filterOf(r).Order)
	x := h.exporter(r)
	by := h.names(r).of(author).Name
	var file []byte
	var err error
	switch ext {
	case "docx":
		file, err = x.DOCX(t, by)
	case "pdf":
		file, err = x.PDF(t, by, web.Lang(r), h.kit.Now())
	case "csv":
		file, err = x.CSV(t)
	case "json":
		file, err = x.JSON(t)
	default:
		err = fault.NotFound
	}
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	send(w, tableFiles[ext], name, file)
}
