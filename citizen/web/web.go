// Package web serves the citizen side over HTTP: the status page, which needs
// no sign-in and no script, its feed, and the pages on which officials open
// matters and decide what the public may see.
//
// The access code travels in the body of one POST and nowhere else. Addresses,
// the square code on the confirmation, referrers and logs hold at most the
// number.
package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"spolupis/citizen"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	frame "spolupis/security/web"
)

// People gives names to pseudonyms, as access.Accounts does.
type People interface {
	Names(ctx context.Context, ids ...security.ActorID) (map[security.ActorID]string, error)
}

// Handler serves the pages. Every field but Base and Place is required.
type Handler struct {
	Kit     *frame.Kit
	Citizen *citizen.Service
	People  People
	Base    string                       // address of the service as citizens know it, such as "https://stav.kraj.example"; "" = as in the request
	Place   func(r *http.Request) string // address a request came from, for counting tries; nil = Place
}

// Mount registers the routes on r.
func (h *Handler) Mount(r chi.Router) {
	k := h.Kit
	k.Get(r, "/stav", frame.Public, h.form)
	k.Post(r, "/stav", frame.Public, h.enter)
	k.Get(r, "/stav/{number}", frame.Public, h.status)
	k.Get(r, "/stav/{number}/document.pdf", frame.Public, h.file)
	k.Post(r, "/stav/{number}/leave", frame.Public, h.leave)
	k.Get(r, "/feeds/{feed}", frame.Public, h.feed)

	matter := frame.Object(access.Manage, func(r *http.Request) access.Object {
		return access.Document(string(h.Citizen.DocumentOf(r.Context(), matterID(r))))
	})
	k.Get(r, "/documents/{id}/matter", frame.Document(access.Manage), h.opening)
	k.Post(r, "/documents/{id}/matter", frame.Document(access.Manage), h.open)
	k.Get(r, "/matters/{id}", matter, h.matter)
	k.Get(r, "/matters/{id}/confirmation", matter, h.confirmation)
	k.Post(r, "/matters/{id}/code", matter, h.reissue)
	k.Post(r, "/matters/{id}/steps", matter, h.record)
	k.Post(r, "/matters/{id}/steps/{seq}/retract", matter, h.retract)

	agenda := func(act access.Act) frame.Rule {
		return frame.Object(act, func(r *http.Request) access.Object { return access.Agenda(chi.URLParam(r, "id")) })
	}
	k.Get(r, "/agendas", frame.SignedIn, h.agendas)
	k.Get(r, "/agendas/{id}/scope", agenda(access.View), h.scope)
	k.Post(r, "/agendas/{id}/scope", agenda(access.Publish), h.propose)
	k.Post(r, "/agendas/{id}/scope/{number}", agenda(access.Publish), h.decide)
}

func matterID(r *http.Request) citizen.MatterID { return citizen.MatterID(chi.URLParam(r, "id")) }

// Place is the network a request came from: the IPv4 address, or the /64 of an
// IPv6 address, which is what one household gets.
func Place(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

func (h *Handler) place(r *http.Request) string {
	if h.Place != nil {
		return h.Place(r)
	}
	return Place(r)
}

// address makes path absolute, as a citizen can type or scan it.
func (h *Handler) address(r *http.Request, path string) string {
	if h.Base != "" {
		return strings.TrimSuffix(h.Base, "/") + path
	}
	if h.Kit.TLS {
		return "https://" + r.Host + path
	}
	return "http://" + r.Host + path
}

// parseForm reads the form, or fails with fault.Invalid or fault.TooLarge.
func parseForm(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return fault.New(fault.TooLarge, "fault.too_large")
		}
		return fault.New(fault.Invalid, "fault.invalid")
	}
	return nil
}

// date reads a form field as a day in Prague; empty is the zero time.
func date(r *http.Request, field string) (time.Time, error) {
	s := strings.TrimSpace(r.PostFormValue(field))
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, s, citizen.Prague)
	if err != nil {
		return time.Time{}, fault.New(fault.Invalid, "citizen.fault.date")
	}
	return t, nil
}

func number(r *http.Request, field string) int {
	n, err := strconv.Atoi(strings.TrimSpace(r.PostFormValue(field)))
	if err != nil {
		return 0
	}
	return n
}

func list[T ~string](r *http.Request, field string) []T {
	var out []T
	for _, v := range r.PostForm[field] {
		out = append(out, T(v))
	}
	return out
}

// now brings the projection up to date, so that the page an official is sent to
// shows what he just did. If it fails the projection's own loop tries again.
func (h *Handler) now(r *http.Request) {
	if _, err := h.Citizen.Store.Follow(r.Context()); err != nil {
		h.Kit.Log.Warn("citizen projection", "err", err)
	}
}
