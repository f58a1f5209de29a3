package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"spolupis/documents"
	"spolupis/documents/mail"
	"spolupis/security/fault"
	"spolupis/security/web"
)

func (h *Handler) mailSetting(w http.ResponseWriter, r *http.Request, f form) {
	m, err := h.documents.MailSetting(r.Context(), web.Who(r))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	if f.Status != 0 { // what was typed, again
		m = typedSetting(r)
	}
	h.kit.Page(w, r, f.status(), "documents/mail", map[string]any{"Setting": m, "Modes": documents.MailModes, "Kinds": documents.NoticeKinds, "Asks": documents.Asks,
		"Form": f, "On": h.Mail.On, "Hours": []int{5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}})
}

func typedSetting(r *http.Request) documents.MailSetting {
	hour, err := strconv.Atoi(r.PostFormValue("hour"))
	if err != nil {
		hour = -1
	}
	m := documents.MailSetting{Address: strings.TrimSpace(r.PostFormValue("address")), Mode: documents.MailMode(r.PostFormValue("mode")), Hour: hour, Kinds: map[string]documents.MailMode{}}
	for _, kind := range slices.Concat(documents.Asks, documents.NoticeKinds) {
		if mode := r.PostFormValue("kind-" + kind); mode != "" {
			m.Kinds[kind] = documents.MailMode(mode)
		}
	}
	return m
}

func (h *Handler) setMail(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	m := typedSetting(r)
	err := h.checkAddress(&m)
	if err == nil {
		err = h.documents.SetMailSetting(r.Context(), web.Who(r), m)
	}
	if err != nil {
		h.again(w, r, err, "", func(f form) { h.mailSetting(w, r, f) })
		return
	}
	h.kit.Done(w, r, "/account/mail", "mail.saved")
}

func (h *Handler) checkAddress(m *documents.MailSetting) error {
	if m.Address == "" {
		return nil
	}
	address, ok := mail.Address(m.Address)
	if !ok {
		return fault.New(fault.Invalid, "mail.fault.address")
	}
	m.Address = address
	if len(h.Mail.Domains) == 0 {
		return nil
	}
	domain := strings.ToLower(address[strings.LastIndex(address, "@")+1:])
	for _, d := range h.Mail.Domains {
		if domain == strings.ToLower(d) {
			return nil
		}
	}
	return fault.New(fault.Invalid, "mail.fault.domain", strings.Join(h.Mail.Domains, ", "))
}

// outbox shows what is sent to whom, and not what about: administrators need not see materials.
func (h *Handler) outbox(w http.ResponseWriter, r *http.Request) {
	all, err := h.documents.Outgoing(r.Context(), web.Who(r))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	type row struct {
		documents.Outgoing
		Name string
	}
	names := h.names(r)
	var rows []row
	for _, x := range all {
		rows = append(rows, row{x, names.of(x.Person).Name})
	}
	h.kit.Page(w, r, http.StatusOK, "documents/outbox", map[string]any{"Rows": rows, "On": h.Mail.On})
}
