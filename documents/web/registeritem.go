package web

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"spolupis/documents/register"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/web"
)

// field is one field of a form that is made from a list.
type field struct {
	Name, Label, Hint, Value string
	Kind                     string // text, area, select, date, month, number
	Max                      int
	Required                 bool
	Options                  []option
}

// item shows the form of one signature, barrier, alternative or saving; the
// key "new" is of one to be added.
func (h *Register) item(w http.ResponseWriter, r *http.Request, f form) {
	ctx, who := r.Context(), web.Who(r)
	k, err := h.register.Entry(ctx, who, h.id(r))
	if err == nil && !h.register.May(ctx, who, k.Unit) {
		err = fault.New(fault.Denied, "register.fault.denied")
	}
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	x, units, err := h.frame(r, f)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	list, key := chi.URLParam(r, "list"), chi.URLParam(r, "key")
	version := k.Version
	if f.Values != nil {
		version = number(f.Of("version"))
	}
	fields, err := h.fields(r, k.Entry, list, key, units)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	if f.Values != nil {
		for i := range fields {
			fields[i].Value = f.Of(fields[i].Name)
		}
	}
	h.kit.Page(w, r, f.status(), "register/item", map[string]any{"X": x, "E": k, "List": list, "Key": key, "New": key == "new", "Fields": fields, "Version": version, "Why": f.Of("why")})
}

func find[T any](all []T, key string, of func(T) string) (T, error) {
	var zero T
	if key == "new" {
		return zero, nil
	}
	if i := slices.IndexFunc(all, func(x T) bool { return of(x) == key }); i >= 0 {
		return all[i], nil
	}
	return zero, errNoItem
}

func (h *Register) fields(r *http.Request, e register.Entry, list, key string, units []access.UnitInfo) ([]field, error) {
	t := func(name string) string {
		return h.kit.Pages.Text(web.Lang(r), "register.field."+list+"."+name)
	}
	fig := figures{web.Lang(r)}
	text := func(name, value string, most int, required bool) field {
		return field{Name: name, Label: t(name), Value: value, Kind: "text", Max: most, Required: required}
	}
	area := func(name, value string, required bool) field {
		return field{Name: name, Label: t(name), Value: value, Kind: "area", Max: register.MaxText, Required: required}
	}
	choose := func(name, value, words string, values []string) field {
		return field{Name: name, Label: t(name), Value: value, Kind: "select", Options: h.options(r, words, values)}
	}
	amount := func(name string, x float64) field {
		v := fig.Input(x)
		if x == 0 && key == "new" {
			v = ""
		}
		return field{Name: name, Label: t(name), Value: v, Kind: "number"}
	}
	blankPhases := append([]string{""}, words(register.Phases)...)
	switch list {
	case "signatures":
		x, err := find(e.Signatures, key, func(x register.Signature) string { return x.Key })
		return []field{text("document", x.Document, register.MaxName, true), choose("phase", string(x.Phase), "phase", words(register.Phases)),
			choose("level", x.Level, "level", register.Levels), area("reason", x.Reason, false)}, err
	case "barriers":
		x, err := find(e.Barriers, key, func(x register.Barrier) string { return x.Key })
		unit := field{Name: "unit", Label: t("unit"), Value: string(x.Unit), Kind: "select", Options: []option{{"", "–"}}}
		if key == "new" {
			unit.Value = string(e.Unit)
		}
		for _, u := range units {
			unit.Options = append(unit.Options, option{string(u.ID), u.Name})
		}
		owner := field{Name: "owner", Label: t("owner"), Value: string(x.Owner), Kind: "select", Options: []option{{"", "–"}}}
		people, perr := h.register.Directory.People(r.Context(), access.PeopleFilter{})
		if perr != nil {
			return nil, perr
		}
		for _, p := range people {
			owner.Options = append(owner.Options, option{string(p.ID), strings.TrimSuffix(p.Name+", "+p.UnitName, ", ")})
		}
		return []field{area("text", x.Text, true), choose("type", x.Type, "barrier", register.BarrierTypes), choose("side", x.Side, "side", register.Sides),
			choose("phase", string(x.Phase), "phase", blankPhases), area("law", x.Law, false), unit, owner,
			{Name: "due", Label: t("due"), Value: string(x.Due), Kind: "date"}, choose("status", x.Status, "status", register.Statuses), area("resolution", x.Resolution, false)}, err
	case "alternatives":
		x, err := find(e.Alternatives, key, func(x register.Alternative) string { return x.Key })
		return []field{text("tool", x.Tool, register.MaxName, true), amount("minutes", x.Minutes), amount("clicks", float64(x.Clicks)), amount("cost", float64(x.Cost)),
			area("pros", x.Pros, false), area("cons", x.Cons, false), choose("decision", x.Decision, "decision", register.Decisions), text("by", x.By, register.MaxName, false),
			{Name: "on", Label: t("on"), Value: string(x.On), Kind: "date"}, area("reason", x.Reason, false)}, err
	case "savings":
		x, err := find(e.Savings, key, func(x register.Saving) string { return x.Key })
		return []field{text("what", x.What, register.MaxName, true), amount("minutes", x.Minutes), amount("pages", x.Pages), amount("yearly", float64(x.Yearly)),
			choose("event", string(x.Event), "event", words(register.Events)), {Name: "since", Label: t("since"), Value: string(x.Since), Kind: "month"}, area("method", x.Method, true)}, err
	}
	return nil, errNoItem
}

func (h *Register) setItem(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	list, key := chi.URLParam(r, "list"), chi.URLParam(r, "key")
	done := "register.done.item"
	_, err := h.register.Edit(r.Context(), web.Who(r), h.id(r), number(r.Form.Get("version")), r.Form.Get("why"), func(e *register.Entry) error {
		if r.Form.Get("do") == "remove" {
			done = "register.done.removed"
			return removeItem(e, list, key)
		}
		return readItem(r, e, list, key)
	})
	if err != nil {
		h.again(w, r, err, "", func(f form) { h.item(w, r, f) })
		return
	}
	h.kit.Done(w, r, "/register/"+string(h.id(r))+"#"+list, done)
}

// put replaces the item with this key, or adds one.
func put[T any](all []T, key string, x T, of func(T) string) ([]T, error) {
	if key == "new" {
		return append(all, x), nil
	}
	i := slices.IndexFunc(all, func(y T) bool { return of(y) == key })
	if i < 0 {
		return nil, errNoItem
	}
	all[i] = x
	return all, nil
}

func readItem(r *http.Request, e *register.Entry, list, key string) (err error) {
	v := r.Form
	get := func(name string) string { return strings.TrimSpace(v.Get(name)) }
	k := key
	if k == "new" {
		k = register.NewKey()
	}
	var minutes, pages float64
	if minutes, err = decimal(v, "minutes"); err != nil {
		return err
	}
	if pages, err = decimal(v, "pages"); err != nil {
		return err
	}
	var n [3]int
	for i, name := range []string{"clicks", "cost", "yearly"} {
		if n[i], err = whole(v, name); err != nil {
			return err
		}
	}
	switch list {
	case "signatures":
		x := register.Signature{Key: k, Document: get("document"), Phase: register.Phase(get("phase")), Level: get("level"), Reason: get("reason")}
		e.Signatures, err = put(e.Signatures, key, x, func(x register.Signature) string { return x.Key })
	case "barriers":
		x := register.Barrier{Key: k, Type: get("type"), Side: get("side"), Phase: register.Phase(get("phase")), Text: get("text"), Law: get("law"),
			Unit: security.UnitID(get("unit")), Owner: security.ActorID(get("owner")), Due: register.Day(get("due")), Status: get("status"), Resolution: get("resolution")}
		e.Barriers, err = put(e.Barriers, key, x, func(x register.Barrier) string { return x.Key })
	case "alternatives":
		x := register.Alternative{Key: k, Tool: get("tool"), Minutes: minutes, Clicks: n[0], Cost: n[1], Pros: get("pros"), Cons: get("cons"),
			Decision: get("decision"), By: get("by"), On: register.Day(get("on")), Reason: get("reason")}
		e.Alternatives, err = put(e.Alternatives, key, x, func(x register.Alternative) string { return x.Key })
	case "savings":
		x := register.Saving{Key: k, What: get("what"), Event: register.Event(get("event")), Minutes: minutes, Pages: pages, Yearly: n[2],
			Since: register.Month(get("since")), Method: get("method")}
		e.Savings, err = put(e.Savings, key, x, func(x register.Saving) string { return x.Key })
	default:
		err = errNoItem
	}
	return err
}

func removeItem(e *register.Entry, list, key string) error {
	before := len(e.Signatures) + len(e.Barriers) + len(e.Alternatives) + len(e.Savings)
	switch list {
	case "signatures":
		e.Signatures = slices.DeleteFunc(e.Signatures, func(x register.Signature) bool { return x.Key == key })
	case "barriers":
		e.Barriers = slices.DeleteFunc(e.Barriers, func(x register.Barrier) bool { return x.Key == key })
	case "alternatives":
		e.Alternatives = slices.DeleteFunc(e.Alternatives, func(x register.Alternative) bool { return x.Key == key })
	case "savings":
		e.Savings = slices.DeleteFunc(e.Savings, func(x register.Saving) bool { return x.Key == key })
	}
	if len(e.Signatures)+len(e.Barriers)+len(e.Alternatives)+len(e.Savings) == before {
		return errNoItem
	}
	return nil
}

func encodeFile(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func decodeFile(s string) ([]byte, error) { return base64.StdEncoding.DecodeString(s) }
