package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"spolupis/citizen"
	"spolupis/security/fault"
	frame "spolupis/security/web"
)

// Stay is how long a status page stays open after the code was entered.
const Stay = 30 * time.Minute

// formPage is the data of citizen/enter.
type formPage struct {
	Number string
	Error  string // a sentence, or empty
}

func private(w http.ResponseWriter) {
	w.Header().Set("X-Robots-Tag", "noindex, nofollow, noarchive")
	w.Header().Set("Referrer-Policy", "no-referrer")
}

func (h *Handler) form(w http.ResponseWriter, r *http.Request) {
	private(w)
	h.Kit.Page(w, r, http.StatusOK, "citizen/enter", formPage{})
}

// ask answers with the form. err is shown above it; the number stays filled
// in, the code never.
func (h *Handler) ask(w http.ResponseWriter, r *http.Request, number string, err error) {
	private(w)
	if len(number) > 40 {
		number = ""
	}
	if err == nil {
		h.Kit.Page(w, r, http.StatusOK, "citizen/enter", formPage{Number: number})
		return
	}
	f, status := fault.Of(err), http.StatusForbidden
	switch f.Kind {
	case fault.Denied:
	case fault.TooMany:
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", "900")
	default:
		h.Kit.Fail(w, r, err)
		return
	}
	h.Kit.Page(w, r, status, "citizen/enter", formPage{Number: number, Error: h.Kit.Pages.Text(frame.Lang(r), f.Key, f.Args...)})
}

func (h *Handler) enter(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	if err := parseForm(r); err != nil {
		h.Kit.Fail(w, r, err)
		return
	}
	typed := r.PostFormValue("number")
	m, err := h.Citizen.Enter(r.Context(), typed, r.PostFormValue("code"), h.place(r))
	if err != nil {
		h.ask(w, r, typed, err)
		return
	}
	until := h.Citizen.Now().Add(Stay)
	http.SetCookie(w, h.pass(m.Number, h.Citizen.Pass(m, until), int(Stay.Seconds())))
	private(w)
	http.Redirect(w, r, "/stav/"+string(m.Number), http.StatusSeeOther)
}

// pass is the cookie that opens one status page. Its path keeps it away from
// every other page, its value from every other number.
func (h *Handler) pass(n citizen.Number, value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: "stav", Value: value, Path: "/stav/" + url.PathEscape(string(n)), MaxAge: age,
		HttpOnly: true, Secure: h.Kit.TLS, SameSite: http.SameSiteLaxMode,
	}
}

// statusPage is the data of citizen/status.
type statusPage struct {
	citizen.Status
	Feed      string // absolute address
	UntilKey  string
	UntilDate time.Time
	Preview   bool // shown inside an office page: no feed, no way out
	Generated time.Time
}

func (h *Handler) page(v citizen.Status) statusPage {
	p := statusPage{Status: v, Generated: h.Citizen.Now()}
	if v.Current.Stage == "" {
		return p
	}
	base := "citizen.stage." + string(v.Current.Stage)
	switch {
	case v.Current.Stage == citizen.WaitingForYou:
		p.UntilDate = v.Current.Until
	case !v.Current.Stage.Ends() && !v.Deadline.Overdue:
		p.UntilDate = v.Deadline.Due
	}
	p.UntilKey = base + ".until"
	switch {
	case !p.UntilDate.IsZero():
		p.UntilKey = base + ".until_date"
	case v.Deadline.Overdue && !v.Current.Stage.Ends():
		p.UntilKey, p.UntilDate = "citizen.status.deadline_overdue", v.Deadline.Due
	}
	return p
}

func (h *Handler) status(w http.ResponseWriter, r *http.Request) {
	n := chi.URLParam(r, "number")
	v, m, err := h.Citizen.Status(r.Context(), n, value(r))
	if err != nil {
		if value(r) == "" && fault.Of(err).Kind == fault.Denied {
			err = nil // nothing was tried yet: this is how the square code leads here
		}
		h.ask(w, r, tidy(n), err)
		return
	}
	private(w)
	p := h.page(v)
	p.Feed = h.address(r, "/feeds/"+h.Citizen.FeedToken(m)+".atom")
	h.Kit.Page(w, r, http.StatusOK, "citizen/status", p)
}

func value(r *http.Request) string {
	c, err := r.Cookie("stav")
	if err != nil {
		return ""
	}
	return c.Value
}

// tidy keeps of a number in an address only what looks like one.
func tidy(s string) string {
	n, ok := citizen.ParseNumber(s)
	if !ok {
		return ""
	}
	return string(n)
}

func (h *Handler) file(w http.ResponseWriter, r *http.Request) {
	private(w)
	pdf, err := h.Citizen.File(r.Context(), chi.URLParam(r, "number"), value(r))
	if err != nil {
		h.Kit.Fail(w, r, fault.NotFound)
		return
	}
	w.Header().Set("Content-Type", "application/pdf")
	w.Header().Set("Content-Disposition", `attachment; filename="`+tidy(chi.URLParam(r, "number"))+`.pdf"`)
	w.Write(pdf)
}

func (h *Handler) leave(w http.ResponseWriter, r *http.Request) {
	private(w)
	http.SetCookie(w, h.pass(citizen.Number(tidy(chi.URLParam(r, "number"))), "", -1))
	h.Kit.Done(w, r, "/stav", "citizen.status.left_done")
}
