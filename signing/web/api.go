package web

import (
	"encoding/json"
	"net/http"

	"spolupis/security/fault"
	"spolupis/security/web"
	"spolupis/signing"
	"spolupis/signing/seal"
)

// rowJSON is one line of a basket.
type rowJSON struct {
	Version    signing.VersionID  `json:"version"`
	Document   signing.MaterialID `json:"document"`
	Number     string             `json:"number"`
	Title      string             `json:"title"`
	VersionNo  int                `json:"version_number"`
	SHA256     string             `json:"sha256"` // of the file as it is to be signed
	Signatures int                `json:"signatures"`
	Opened     bool               `json:"opened"`
	Seen       int                `json:"seen_version_number"` // 0 = none
	Changes    int                `json:"changes"`
	Selectable bool               `json:"selectable"`
	Batch      signing.BatchID    `json:"batch,omitempty"`
	Since      string             `json:"since"`
}

func rowsJSON(rows []signing.Row) []rowJSON {
	out := make([]rowJSON, len(rows))
	for i, r := range rows {
		out[i] = rowJSON{r.Version, r.Material, r.MaterialNumber, r.Title, r.Number, r.Revision, r.Signatures, r.Opened, r.SeenNumber, r.Changes,
			r.Selectable(), r.Batch, rfc3339(r.ChangedAt)}
	}
	return out
}

func (h *Handler) apiBasket(w http.ResponseWriter, r *http.Request) {
	rows, err := h.signing.Basket(r.Context(), web.Who(r))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.kit.JSON(w, http.StatusOK, map[string]any{"items": rowsJSON(rows)})
}

// command is the body of the API's POST requests; each uses what it needs.
type command struct {
	Versions []signing.VersionID `json:"versions"`
	List     string              `json:"list"`
	Password string              `json:"password"`
}

func (h *Handler) read(w http.ResponseWriter, r *http.Request) (c command, ok bool) {
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
		h.kit.Fail(w, r, fault.New(fault.Invalid, "signing.fault.json"))
		return c, false
	}
	return c, true
}

func (h *Handler) apiIntent(w http.ResponseWriter, r *http.Request) {
	c, ok := h.read(w, r)
	if !ok {
		return
	}
	in, err := h.signing.Confirm(r.Context(), web.Who(r), c.Versions)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.kit.JSON(w, http.StatusOK, map[string]any{
		"list": in.Hash(), "count": len(in.Rows), "certificate": in.Fingerprint, "expires": rfc3339(in.Expires), "items": rowsJSON(in.Rows),
	})
}

func (h *Handler) apiAuthorise(w http.ResponseWriter, r *http.Request) {
	c, ok := h.read(w, r)
	if !ok {
		return
	}
	id, err := h.signing.Authorise(r.Context(), web.Who(r), c.Versions, c.List, c.Password)
	if err != nil {
		h.kit.Fail(w, r, h.plain(err))
		return
	}
	w.Header().Set("Location", "/api/v1/signing/batches/"+string(id))
	h.kit.JSON(w, http.StatusCreated, map[string]any{"batch": id})
}

// plain keeps a wrong step-up secret from looking like a missing login.
func (h *Handler) plain(err error) error {
	if fault.Of(err).Kind == fault.Unauthenticated {
		return fault.New(fault.Denied, "signing.fault.password")
	}
	return err
}

func (h *Handler) apiBatch(w http.ResponseWriter, r *http.Request) {
	d, err := h.batchView(r.Context(), r)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	lang := web.Lang(r)
	items := make([]map[string]any, len(d.Items))
	for i, it := range d.Items {
		items[i] = map[string]any{
			"position": it.Position, "version": it.Version, "document": it.Material, "label": it.Label, "step": it.Step, "code": it.Code, "sha256": it.SHA256,
			"waiting": it.Waits, "text": h.itemText(lang, it.Item), "chip": chip(it.Item), "ended": it.Step.Ended(),
		}
	}
	h.kit.JSON(w, http.StatusOK, map[string]any{
		"batch": d.Batch.ID, "state": d.Batch.State, "count": d.Batch.Count, "signed": d.Signed, "failed": d.Failed, "waiting": d.Waiting, "ended": d.Ended,
		"live": d.Live, "list": d.Batch.List, "result": d.Batch.Result, "created": rfc3339(d.Batch.CreatedAt), "finished": rfc3339(d.Batch.FinishedAt),
		"text": h.kit.Pages.Text(lang, "signing.batch.progress", d.Signed, d.Batch.Count), "items": items,
	})
}

// itemText says in words where an item is.
func (h *Handler) itemText(lang string, it signing.Item) string {
	switch {
	case it.Waits:
		return h.kit.Pages.Text(lang, "signing.step.waits")
	case it.Code != "":
		return h.kit.Pages.Text(lang, "signing.step."+string(it.Step)) + ": " + h.kit.Pages.Text(lang, "signing.code."+it.Code)
	}
	return h.kit.Pages.Text(lang, "signing.step."+string(it.Step))
}

// chip is the colour of an item; the words say the same.
func chip(it signing.Item) string {
	switch it.Step {
	case signing.Stored:
		return "chip chip--ok"
	case signing.Failed:
		return "chip chip--error"
	case signing.Skipped, signing.Cancelled:
		return "chip chip--warn"
	}
	return "chip chip--info"
}

func (h *Handler) apiCancel(w http.ResponseWriter, r *http.Request) {
	if err := h.signing.Cancel(r.Context(), web.Who(r), batchID(r)); err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.apiBatch(w, r)
}

func (h *Handler) apiAgain(w http.ResponseWriter, r *http.Request) {
	c, ok := h.read(w, r)
	if !ok {
		return
	}
	if err := h.signing.AuthoriseAgain(r.Context(), web.Who(r), batchID(r), c.Password); err != nil {
		h.kit.Fail(w, r, h.plain(err))
		return
	}
	h.apiBatch(w, r)
}

func statusJSON(st signing.Status) map[string]any {
	type request struct {
		Signer string               `json:"signer"`
		Group  int                  `json:"group"`
		State  signing.RequestState `json:"state"`
		Why    string               `json:"why,omitempty"`
	}
	requests := []request{}
	for _, q := range st.Requests {
		requests = append(requests, request{string(q.Signer), q.Group, q.State, q.Why})
	}
	report := st.Report
	if report.Signatures == nil {
		report.Signatures = []seal.Signature{}
	}
	return map[string]any{
		"version": st.Version.ID, "document": st.Version.Material, "number": st.Version.Number, "newer": st.Newer, "requests": requests, "report": report,
	}
}
