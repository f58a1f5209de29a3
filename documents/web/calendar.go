package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"spolupis/documents"
	"spolupis/documents/ics"
	"spolupis/security/access"
	"spolupis/security/web"
)

// Calendars serves deadlines as calendar files: one by one from their pages,
// and all of a person's from a secret address.
type Calendars struct {
	h    *Handler
	base string
}

// NewCalendars returns the calendars beside the pages of h. Base is the address
// people open, for links.
func NewCalendars(h *Handler, base string) *Calendars { return &Calendars{h, base} }

// Mount registers every route with its rule.
func (c *Calendars) Mount(r chi.Router) {
	view := web.Document(access.View)
	c.h.kit.Get(r, "/documents/{id}/round/{n}/deadline.ics", view, func(w http.ResponseWriter, r *http.Request) {
		d, err := c.h.documents.RoundDeadline(r.Context(), web.Who(r), material(r), number(chi.URLParam(r, "n")))
		c.one(w, r, d, err)
	})
	c.h.kit.Get(r, "/documents/{id}/deadline.ics", view, func(w http.ResponseWriter, r *http.Request) {
		d, err := c.h.documents.PlaceDeadline(r.Context(), web.Who(r), material(r))
		c.one(w, r, d, err)
	})
	c.h.kit.Get(r, "/documents/{id}/tasks/{task}/deadline.ics", view, func(w http.ResponseWriter, r *http.Request) {
		d, err := c.h.documents.TaskDeadline(r.Context(), web.Who(r), material(r), chi.URLParam(r, "task"))
		c.one(w, r, d, err)
	})
	c.h.kit.Get(r, "/meetings/{meeting}/meeting.ics", web.SignedIn, func(w http.ResponseWriter, r *http.Request) {
		d, err := c.h.documents.MeetingDay(r.Context(), chi.URLParam(r, "meeting"))
		c.one(w, r, d, err)
	})
	c.h.kit.Get(r, "/account/calendar", web.SignedIn, func(w http.ResponseWriter, r *http.Request) { c.page(w, r, "") })
	c.h.kit.Post(r, "/account/calendar", web.SignedIn, c.make)
	c.h.kit.Post(r, "/account/calendar/revoke", web.SignedIn, c.revoke)
	c.h.kit.Get(r, "/calendar/{feed}", web.Public, c.feed)
}

// one answers with the file of a single deadline.
func (c *Calendars) one(w http.ResponseWriter, r *http.Request, d documents.Deadline, err error) {
	if err != nil {
		c.h.kit.Fail(w, r, err)
		return
	}
	send(w, ics.Type, plain(d.Number)+".ics", ics.Calendar{Events: []ics.Event{c.event(web.Lang(r), d)}}.Bytes())
}

// event writes a deadline as a calendar shows it.
func (c *Calendars) event(lang string, d documents.Deadline) ics.Event {
	at := d.At.In(c.h.zone)
	changed := d.Changed
	if changed.IsZero() {
		changed = c.h.kit.Now()
	}
	return ics.Event{UID: d.ID + "@" + c.host(), Start: at, AllDay: at.Format(time.TimeOnly) == "23:59:59", Stamp: changed, Sequence: d.Moved, Cancelled: d.Off,
		Summary: c.summary(lang, d), URL: c.base + d.Link, Alarm: true}
}

func (c *Calendars) summary(lang string, d documents.Deadline) string {
	key := "calendar.event." + string(d.Kind)
	switch {
	case d.Kind == documents.MeetingDay:
		key += "." + string(d.Meeting)
	case d.Kind == documents.TaskDeadline && d.Title == "":
		key += "_bare"
	}
	return c.h.kit.Pages.Text(lang, key, d.Number, d.Title)
}

// host names the office in identifiers of events.
func (c *Calendars) host() string {
	if u, err := url.Parse(c.base); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	return "spolupis"
}

// page is where a person makes and revokes the address of his calendar; a
// secret is shown in the answer that made it and never again.
func (c *Calendars) page(w http.ResponseWriter, r *http.Request, secret string) {
	f, found, err := c.h.documents.CalendarFeed(r.Context(), web.Who(r))
	if err != nil {
		c.h.kit.Fail(w, r, err)
		return
	}
	address := ""
	if secret != "" {
		address = c.base + "/calendar/" + secret + ".ics"
	}
	c.h.kit.Page(w, r, http.StatusOK, "documents/calendar", map[string]any{"Feed": f, "Found": found, "Address": address})
}

func (c *Calendars) make(w http.ResponseWriter, r *http.Request) {
	if !c.h.parse(w, r) {
		return
	}
	secret, err := c.h.documents.MakeCalendarFeed(r.Context(), web.Who(r))
	if err != nil {
		c.h.kit.Fail(w, r, err)
		return
	}
	c.page(w, r, secret)
}

func (c *Calendars) revoke(w http.ResponseWriter, r *http.Request) {
	if err := c.h.documents.RevokeCalendarFeed(r.Context(), web.Who(r)); err != nil {
		c.h.kit.Fail(w, r, err)
		return
	}
	c.h.kit.Done(w, r, "/account/calendar", "calendar.revoked")
}

// feed serves all deadlines of whoever the secret in the address belongs to.
func (c *Calendars) feed(w http.ResponseWriter, r *http.Request) {
	secret := strings.TrimSuffix(chi.URLParam(r, "feed"), ".ics")
	r.URL.Path = "/calendar/" // whatever is logged from here on is without the secret
	who, all, err := c.h.documents.ReadCalendarFeed(r.Context(), secret)
	if err != nil {
		c.h.kit.Fail(w, r, err)
		return
	}
	cal := ics.Calendar{Name: c.h.kit.Pages.Text(who.Lang, "calendar.name")}
	for _, d := range all {
		cal.Events = append(cal.Events, c.event(who.Lang, d))
	}
	send(w, ics.Type, "spolupis.ics", cal.Bytes())
}
