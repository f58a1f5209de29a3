// Package web is the signer's pages and API: the basket, the one confirmation, progress, and what the signatures of a version are
// worth. Every page works without JavaScript.
package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/web"
	"spolupis/signing"
	"spolupis/signing/seal"
)

// Handler serves the pages of signing.
type Handler struct {
	kit     *web.Kit
	signing *signing.Service
}

// New returns the pages of s in the frame of kit.
func New(kit *web.Kit, s *signing.Service) *Handler { return &Handler{kit, s} }

// Reason returns what signing.Config.Reason wants: the reason written into a PDF, from the Czech dictionary, because the document is.
func Reason(p web.Renderer) func(signing.VersionInfo, seal.Class) string {
	return func(v signing.VersionInfo, class seal.Class) string {
		key := "signing.pdf.reason"
		if class == seal.Test {
			key = "signing.pdf.reason_test"
		}
		return p.Text("cs", key, v.MaterialNumber, v.Number)
	}
}

// Mount registers every route with its rule. Whose basket and whose batch it is, the service decides from who asks.
func (h *Handler) Mount(r chi.Router) {
	get := func(pattern string, rule web.Rule, f http.HandlerFunc) { h.kit.Get(r, pattern, rule, f) }
	post := func(pattern string, rule web.Rule, f http.HandlerFunc) { h.kit.Post(r, pattern, rule, f) }
	view := web.Object(access.View, h.document)

	get("/signing", web.SignedIn, h.basket)
	get("/signing/open/{version}", view, h.open)
	post("/signing/confirm", web.SignedIn, h.confirm)
	post("/signing/batches", web.SignedIn, h.authorise)
	get("/signing/batches/{id}", web.SignedIn, h.batch)
	post("/signing/batches/{id}/cancel", web.SignedIn, h.cancel)
	post("/signing/batches/{id}/authorise", web.SignedIn, h.again)
	get("/signing/versions/{version}", view, h.version)
	get("/signing/versions/{version}/signed.pdf", view, h.signed)
	get("/signing/versions/{version}/report.json", view, h.report)
	get("/signing/check", web.SignedIn, h.checkForm)
	post("/signing/check", web.SignedIn, h.check)
	get("/signing/root.cer", web.SignedIn, h.root)

	get("/api/v1/signing/basket", web.SignedIn, h.apiBasket)
	post("/api/v1/signing/intents", web.SignedIn, h.apiIntent)
	post("/api/v1/signing/batches", web.SignedIn, h.apiAuthorise)
	get("/api/v1/signing/batches/{id}", web.SignedIn, h.apiBatch)
	post("/api/v1/signing/batches/{id}/cancel", web.SignedIn, h.apiCancel)
	post("/api/v1/signing/batches/{id}/authorise", web.SignedIn, h.apiAgain)
	get("/api/v1/signing/versions/{version}", view, h.report)
}

// document is the material a version belongs to; one that does not exist is nobody's to see.
func (h *Handler) document(r *http.Request) access.Object {
	v, err := h.signing.Documents.Version(r.Context(), version(r))
	if err != nil {
		return access.Document("")
	}
	return access.Document(string(v.Material))
}

func version(r *http.Request) signing.VersionID { return signing.VersionID(chi.URLParam(r, "version")) }

func batchID(r *http.Request) signing.BatchID { return signing.BatchID(chi.URLParam(r, "id")) }

// versions reads the chosen rows of a form.
func versions(r *http.Request) []signing.VersionID {
	var out []signing.VersionID
	for _, v := range r.Form["version"] {
		out = append(out, signing.VersionID(v))
	}
	return out
}

// sentence is what a fault says to the reader; "" for errors that are nobody's fault but ours.
func (h *Handler) sentence(r *http.Request, err error) string {
	f := fault.Of(err)
	if f.Kind == fault.Internal || f.Kind == fault.Unavailable {
		return ""
	}
	return h.kit.Pages.Text(web.Lang(r), f.Key, f.Args...)
}

func statusOf(err error) int {
	switch fault.Of(err).Kind {
	case fault.Conflict:
		return http.StatusConflict
	case fault.TooMany:
		return http.StatusTooManyRequests
	}
	return http.StatusUnprocessableEntity
}

type basketView struct {
	Rows       []signing.Row
	Lost       []signing.Request
	Batches    []signing.Batch
	All        bool // every row that may be chosen is
	Chosen     map[signing.VersionID]bool
	Selectable int
	Class      seal.Class // of his signatures
	Error      string
}

// basket shows what waits. With ?all=1 everything that may be chosen is; with ?batch= what that batch left unsigned.
func (h *Handler) basket(w http.ResponseWriter, r *http.Request) {
	d := basketView{All: r.URL.Query().Get("all") != ""}
	if id := r.URL.Query().Get("batch"); id != "" {
		_, items, err := h.signing.Batch(r.Context(), web.Who(r), signing.BatchID(id))
		if err != nil {
			h.kit.Fail(w, r, err)
			return
		}
		d.Chosen = map[signing.VersionID]bool{}
		for _, it := range items {
			d.Chosen[it.Version] = it.Step.Ended() && it.Step != signing.Stored
		}
	}
	h.showBasket(w, r, http.StatusOK, d)
}

func (h *Handler) showBasket(w http.ResponseWriter, r *http.Request, status int, d basketView) {
	who := web.Who(r)
	var err error
	if d.Rows, err = h.signing.Basket(r.Context(), who); err == nil {
		if d.Lost, err = h.signing.Lost(r.Context(), who); err == nil {
			d.Batches, err = h.signing.Batches(r.Context(), who)
		}
	}
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	if len(d.Rows) > 0 { // only signers have, or get, a key
		if d.Class, err = h.signing.Class(r.Context(), who); err != nil && !errors.Is(err, fault.NotFound) {
			h.kit.Fail(w, r, err)
			return
		}
	}
	for _, row := range d.Rows {
		if row.Selectable() {
			d.Selectable++
		}
	}
	h.kit.Page(w, r, status, "signing/basket", d)
}

// open notes that the signer has the text before him and takes him to it, or to what changed since he last saw it.
func (h *Handler) open(w http.ResponseWriter, r *http.Request) {
	v, err := h.signing.Opened(r.Context(), web.Who(r).ID, version(r))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	to := fmt.Sprintf("/documents/%s/versions/%d", v.Material, v.Number)
	if from, err := strconv.Atoi(r.URL.Query().Get("from")); err == nil && from > 0 {
		to = fmt.Sprintf("/documents/%s/compare?from=%d&to=%d", v.Material, from, v.Number)
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

type confirmRow struct {
	signing.Row
	N int // people count from one
}

type confirmView struct {
	Rows   []confirmRow
	Class  seal.Class
	List   string
	Unseen int // documents never opened
	Error  string
}

func (h *Handler) confirm(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		h.kit.Fail(w, r, fault.New(fault.Invalid, "signing.fault.nothing_chosen"))
		return
	}
	h.showConfirm(w, r, http.StatusOK, "")
}

// showConfirm shows the list as it is now, or the basket again when it cannot be signed like that.
func (h *Handler) showConfirm(w http.ResponseWriter, r *http.Request, status int, wrong string) {
	in, err := h.signing.Confirm(r.Context(), web.Who(r), versions(r))
	if err != nil {
		h.backToBasket(w, r, err)
		return
	}
	d := confirmView{List: in.Hash(), Class: in.Class, Error: wrong}
	for i, row := range in.Rows {
		d.Rows = append(d.Rows, confirmRow{row, i + 1})
		if !row.Opened {
			d.Unseen++
		}
	}
	h.kit.Page(w, r, status, "signing/confirm", d)
}

func (h *Handler) backToBasket(w http.ResponseWriter, r *http.Request, err error) {
	text := h.sentence(r, err)
	if text == "" {
		h.kit.Fail(w, r, err)
		return
	}
	d := basketView{Error: text, Chosen: map[signing.VersionID]bool{}}
	for _, v := range versions(r) {
		d.Chosen[v] = true
	}
	h.showBasket(w, r, statusOf(err), d)
}

func (h *Handler) authorise(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		h.kit.Fail(w, r, fault.New(fault.Invalid, "signing.fault.nothing_chosen"))
		return
	}
	id, err := h.signing.Authorise(r.Context(), web.Who(r), versions(r), r.Form.Get("list"), r.Form.Get("password"))
	switch {
	case err == nil:
		h.kit.Done(w, r, "/signing/batches/"+string(id), "")
	case h.sentence(r, err) == "":
		h.kit.Fail(w, r, err)
	default: // shown as it is now, with the sentence that says why
		h.showConfirm(w, r, statusOf(err), h.wrong(r, err))
	}
}

// wrong is the sentence at the password field.
func (h *Handler) wrong(r *http.Request, err error) string {
	if errors.Is(err, fault.Unauthenticated) {
		return h.kit.Pages.Text(web.Lang(r), "signing.fault.password")
	}
	return h.sentence(r, err)
}

type batchItem struct {
	signing.Item
	N int
}

type batchView struct {
	Batch   signing.Batch
	Items   []batchItem
	Signed  int
	Ended   int
	Failed  int
	Waiting int // for a time stamp
	Live    bool
	Error   string
}

func (h *Handler) batchView(ctx context.Context, r *http.Request) (d batchView, err error) {
	var items []signing.Item
	if d.Batch, items, err = h.signing.Batch(ctx, web.Who(r), batchID(r)); err != nil {
		return d, err
	}
	for i, it := range items {
		d.Items = append(d.Items, batchItem{it, i + 1})
		switch {
		case it.Step == signing.Stored:
			d.Signed++
		case it.Step.Ended():
			d.Failed++
		case it.Waits:
			d.Waiting++
		}
	}
	d.Ended = d.Signed + d.Failed
	d.Live = d.Batch.State == signing.BatchRunning || d.Batch.State == signing.BatchCancelling
	return d, nil
}

func (h *Handler) batch(w http.ResponseWriter, r *http.Request) { h.showBatch(w, r, http.StatusOK, "") }

func (h *Handler) showBatch(w http.ResponseWriter, r *http.Request, status int, wrong string) {
	d, err := h.batchView(r.Context(), r)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	d.Error = wrong
	h.kit.Page(w, r, status, "signing/batch", d)
}

func (h *Handler) cancel(w http.ResponseWriter, r *http.Request) {
	if err := h.signing.Cancel(r.Context(), web.Who(r), batchID(r)); err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.kit.Done(w, r, "/signing/batches/"+string(batchID(r)), "signing.batch.cancelled_flash")
}

func (h *Handler) again(w http.ResponseWriter, r *http.Request) {
	err := h.signing.AuthoriseAgain(r.Context(), web.Who(r), batchID(r), r.FormValue("password"))
	switch {
	case err == nil:
		h.kit.Done(w, r, "/signing/batches/"+string(batchID(r)), "")
	case errors.Is(err, fault.NotFound) || h.sentence(r, err) == "":
		h.kit.Fail(w, r, err)
	default:
		h.showBatch(w, r, statusOf(err), h.wrong(r, err))
	}
}

type asked struct {
	signing.Request
	Name string
	N    int
}

type versionView struct {
	signing.Status
	Asked []asked
}

func (h *Handler) version(w http.ResponseWriter, r *http.Request) {
	st, err := h.status(r)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	d := versionView{Status: st}
	for _, q := range st.Requests {
		name, err := h.signing.People.Name(r.Context(), q.Signer)
		if err != nil { // somebody who is not in the directory any more
			name = string(q.Signer)
		}
		d.Asked = append(d.Asked, asked{q, name, q.Group + 1})
	}
	h.kit.Page(w, r, http.StatusOK, "signing/version", d)
}

func (h *Handler) status(r *http.Request) (signing.Status, error) {
	if err := h.signing.Read(r.Context(), web.Who(r), version(r), "report"); err != nil {
		return signing.Status{}, err
	}
	return h.signing.Status(r.Context(), version(r))
}

func (h *Handler) report(w http.ResponseWriter, r *http.Request) {
	st, err := h.status(r)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.kit.JSON(w, http.StatusOK, statusJSON(st))
}

func (h *Handler) signed(w http.ResponseWriter, r *http.Request) {
	if err := h.signing.Read(r.Context(), web.Who(r), version(r), "signed.pdf"); err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	file, _, err := h.signing.Signed(r.Context(), version(r))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/pdf")
	w.Header().Set("Content-Disposition", `attachment; filename="`+string(version(r))[:min(12, len(version(r)))]+`-signed.pdf"`)
	w.Header().Set("Content-Length", strconv.Itoa(len(file)))
	w.Write(file)
}

type checkView struct {
	Report *seal.Report
	Name   string
	Error  string
}

func (h *Handler) checkForm(w http.ResponseWriter, r *http.Request) {
	h.kit.Page(w, r, http.StatusOK, "signing/check", checkView{})
}

// check validates a file the person brings. It is not kept.
func (h *Handler) check(w http.ResponseWriter, r *http.Request) {
	file, head, err := r.FormFile("file")
	var b []byte
	if err == nil {
		defer file.Close()
		b, err = io.ReadAll(file)
	}
	if err != nil || len(b) == 0 {
		h.kit.Page(w, r, http.StatusUnprocessableEntity, "signing/check", checkView{Error: h.kit.Pages.Text(web.Lang(r), "signing.fault.no_file")})
		return
	}
	report := h.signing.Check(b)
	h.kit.Page(w, r, http.StatusOK, "signing/check", checkView{Report: &report, Name: head.Filename})
}

// root gives the first trust anchor, so that people can check test signatures with other tools.
func (h *Handler) root(w http.ResponseWriter, r *http.Request) {
	anchors := h.signing.Trust().Anchors
	if len(anchors) == 0 {
		h.kit.Fail(w, r, fault.NotFound)
		return
	}
	w.Header().Set("Content-Type", "application/pkix-cert")
	w.Header().Set("Content-Disposition", `attachment; filename="spolupis-root.cer"`)
	w.Write(anchors[0].Cert.Raw)
}

func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
