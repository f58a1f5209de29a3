package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// readKinds are the entries that say somebody saw a document.
var readKinds = []string{"documents.read", "documents.version_read", "documents.derivative_read", "documents.attachment_read", "documents.searched", "collab.opened", "signing.read"}

// auditQuery is the filter as it was typed.
type auditQuery struct {
	Person, Document, Kind, From, To string
	Before                           int64
}

func typed(r *http.Request) auditQuery {
	q := r.URL.Query()
	before, _ := strconv.ParseInt(q.Get("before"), 10, 64)
	return auditQuery{
		Person: strings.TrimSpace(q.Get("person")), Document: strings.TrimSpace(q.Get("document")), Kind: q.Get("kind"),
		From: q.Get("from"), To: q.Get("to"), Before: max(0, before),
	}
}

// link is the address of this filter with another page.
func (q auditQuery) link(before int64) string {
	v := url.Values{}
	for key, s := range map[string]string{"person": q.Person, "document": q.Document, "kind": q.Kind, "from": q.From, "to": q.To} {
		if s != "" {
			v.Set(key, s)
		}
	}
	if before > 0 {
		v.Set("before", strconv.FormatInt(before, 10))
	}
	if len(v) == 0 {
		return "/audit"
	}
	return "/audit?" + v.Encode()
}

// filter turns what was typed into a journal filter. none means that the person
// or document is not known, so nothing can match.
func (o *Office) filter(ctx context.Context, q auditQuery) (f journal.Filter, none bool, err error) {
	f = journal.Filter{Kind: q.Kind, Before: q.Before}
	if f.From, err = day(q.From, 0); err != nil {
		return f, false, err
	}
	if f.To, err = day(q.To, 1); err != nil {
		return f, false, err
	}
	if q.Person != "" {
		if f.Actors, err = o.people(ctx, q.Person); err != nil || len(f.Actors) == 0 {
			return f, true, err
		}
	}
	if q.Document != "" {
		ids := []string{strings.TrimPrefix(q.Document, "document:")}
		if o.Find != nil {
			if ids, err = o.Find(ctx, q.Document); err != nil || len(ids) == 0 {
				return f, true, err
			}
		}
		for _, id := range ids[:min(len(ids), 20)] {
			subjects, err := o.Journal.SubjectsOf(ctx, id)
			if err != nil {
				return f, false, err
			}
			f.Subjects = append(f.Subjects, subjects...)
		}
	}
	return f, false, nil
}

// day reads a date of a filter field; plus 1 gives the end of that day.
func day(s string, plus int) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation("2006-01-02", s, prague)
	if err != nil {
		return time.Time{}, fault.New(fault.Invalid, "audit.fault.day")
	}
	return t.AddDate(0, 0, plus), nil
}

// people resolves a pseudonym, a login, or part of a name.
func (o *Office) people(ctx context.Context, text string) ([]security.ActorID, error) {
	if text == string(security.SystemID) {
		return []security.ActorID{security.SystemID}, nil
	}
	if strings.HasPrefix(text, "p-") {
		return []security.ActorID{security.ActorID(text)}, nil
	}
	found, err := o.Accounts.People(ctx, access.PeopleFilter{Text: text, Disabled: true, Limit: 50})
	if err != nil {
		return nil, err
	}
	var out []security.ActorID
	for _, p := range found {
		out = append(out, p.ID)
	}
	return out, nil
}

// recordView notes that the log was looked at, with what filter. The filter
// takes part in the subject, so that looking elsewhere is another view.
func (o *Office) recordView(ctx context.Context, who security.Actor, f journal.Filter) error {
	body := map[string]any{"actors": f.Actors, "subjects": f.Subjects, "kind": f.Kind, "before": f.Before}
	if !f.From.IsZero() {
		body["from"] = f.From.UTC()
	}
	if !f.To.IsZero() {
		body["to"] = f.To.UTC()
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(raw)
	return o.Journal.Recorded(ctx, who, "audit.viewed", "journal:"+hex.EncodeToString(sum[:6]), body)
}

// fact is one field of an entry; At instead of Value when it is a moment.
type fact struct {
	Label, Value string
	At           time.Time
}

// entryView is an entry as the page shows it.
type entryView struct {
	Seq      int64
	At       time.Time
	Who      string
	Actor    security.ActorID
	Behalf   string
	What     string
	Kind     string
	Thing    string
	Href     string
	Facts    []fact
	Personal []fact
	Erased   bool
}

// show turns entries into what people read: names for pseudonyms, sentences for
// kinds, titles for subjects.
func (o *Office) show(ctx context.Context, lang string, entries []journal.Entry) ([]entryView, error) {
	names, err := o.namesIn(ctx, lang, entries)
	if err != nil {
		return nil, err
	}
	things := map[string]string{}
	out := make([]entryView, len(entries))
	for i, e := range entries {
		if _, ok := things[e.Subject]; !ok {
			things[e.Subject] = o.thing(ctx, lang, e.Subject, names)
		}
		v := entryView{
			Seq: e.Seq, At: e.At, Who: names[string(e.Actor)], Actor: e.Actor, What: o.word(lang, "audit.kind."+e.Kind, e.Kind), Kind: e.Kind,
			Thing: things[e.Subject], Href: hrefOf(e.Subject), Erased: e.Erased,
			Facts: o.facts(ctx, lang, e.Body, names), Personal: o.facts(ctx, lang, e.Personal, names),
		}
		if e.OnBehalfOf != "" {
			v.Behalf = names[string(e.OnBehalfOf)]
		}
		out[i] = v
	}
	return out, nil
}

// word is the dictionary entry key, or fallback when there is none.
func (o *Office) word(lang, key, fallback string) string {
	if s := o.Kit.Pages.Text(lang, key); s != key {
		return s
	}
	return fallback
}

func (o *Office) namesIn(ctx context.Context, lang string, entries []journal.Entry) (map[string]string, error) {
	names := map[string]string{"": o.Kit.Pages.Text(lang, "audit.nobody"), string(security.SystemID): o.Kit.Pages.Text(lang, "audit.system")}
	var ids []security.ActorID
	note := func(s string) {
		if _, ok := names[s]; !ok && strings.HasPrefix(s, "p-") {
			names[s] = s
			ids = append(ids, security.ActorID(s))
		}
	}
	for _, e := range entries {
		note(string(e.Actor))
		note(string(e.OnBehalfOf))
		note(strings.TrimPrefix(e.Subject, "account:"))
		var body any
		if json.Unmarshal(e.Body, &body) == nil {
			eachString(body, note)
		}
	}
	for _, r := range security.Roles {
		names["role:"+string(r)] = o.Kit.Pages.Text(lang, "role."+string(r))
	}
	units, err := o.Accounts.Units(ctx)
	if err != nil {
		return nil, err
	}
	for _, u := range units {
		names["unit:"+string(u.ID)] = u.Name
	}
	found, err := o.Accounts.Names(ctx, ids...)
	for id, name := range found {
		names[string(id)] = name
	}
	return names, err
}

// eachString calls f for every string in a decoded JSON value.
func eachString(v any, f func(string)) {
	switch v := v.(type) {
	case string:
		f(strings.TrimPrefix(v, "user:"))
	case []any:
		for _, x := range v {
			eachString(x, f)
		}
	case map[string]any:
		for _, x := range v {
			eachString(x, f)
		}
	}
}

func (o *Office) thing(ctx context.Context, lang, subject string, names map[string]string) string {
	kind, id, _ := strings.Cut(subject, ":")
	if o.Name != nil {
		if s := o.Name(ctx, subject); s != "" {
			return s
		}
	}
	if name, ok := names[id]; ok && kind == "account" {
		return name
	}
	if name, ok := names[subject]; ok && kind == "unit" {
		return name
	}
	label := o.word(lang, "audit.subject."+kind, kind)
	if id == "" || kind == "journal" {
		return label
	}
	return label + " " + short(id)
}

// things replaces journal subjects in a decoded JSON value by what people call
// them.
func (o *Office) things(ctx context.Context, lang string, v any, names map[string]string) any {
	return each(v, func(s string) string {
		if strings.Contains(s, ":") || s == string(access.Office) {
			return o.thing(ctx, lang, s, names)
		}
		return s
	})
}

// each applies f to a string, or to every string of a list.
func each(v any, f func(string) string) any {
	switch v := v.(type) {
	case string:
		return f(v)
	case []any:
		for i := range v {
			v[i] = each(v[i], f)
		}
	}
	return v
}

func short(s string) string {
	if len(s) > 16 {
		return s[:12] + "…"
	}
	return s
}

// hrefOf is the page of a subject that an auditor may open.
func hrefOf(subject string) string {
	kind, id, ok := strings.Cut(subject, ":")
	if ok && kind == "document" {
		return "/audit/documents/" + url.PathEscape(id)
	}
	return ""
}

func (o *Office) facts(ctx context.Context, lang string, raw json.RawMessage, names map[string]string) []fact {
	var fields map[string]any
	if len(raw) == 0 || json.Unmarshal(raw, &fields) != nil {
		return nil
	}
	keys := make([]string, 0, len(fields))
	for k := range fields {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var out []fact
	for _, k := range keys {
		if many, ok := fields[k].([]any); ok && len(many) > 3 {
			fields[k] = append(many[:3:3], "… (+"+strconv.Itoa(len(many)-3)+")")
		}
		if k == "subjects" || k == "parent" {
			fields[k] = o.things(ctx, lang, fields[k], names)
		}
		if k == "unit" || k == "units" {
			fields[k] = each(fields[k], func(s string) string { return "unit:" + s })
		}
		if at := moment(k, fields[k]); !at.IsZero() {
			out = append(out, fact{Label: o.word(lang, "audit.field."+k, k), At: at})
			continue
		}
		s := say(fields[k], names)
		if s == "" || s == "0" && (k == "before" || k == "wrong") {
			continue
		}
		if b, ok := fields[k].(bool); ok {
			s = o.Kit.Pages.Text(lang, "audit."+map[bool]string{true: "yes", false: "no"}[b])
		}
		if slices.Contains(worded, k) {
			s = o.word(lang, "audit.value."+s, o.word(lang, "audit.kind."+s, o.word(lang, "citizen.stage."+s+".name", s)))
		}
		out = append(out, fact{Label: o.word(lang, "audit.field."+k, k), Value: s})
	}
	return out
}

// worded are the fields whose values are words of ours, with a translation under audit.value.
var worded = []string{"relation", "level", "outcome", "kind", "page", "what", "stage"}

// moment is the time that a field tells: as a string of RFC 3339, or, in the fields of the citizen side, as Unix microseconds.
// It is zero for everything else.
func moment(field string, v any) time.Time {
	switch v := v.(type) {
	case string:
		at, _ := time.Parse(time.RFC3339, v)
		return at
	case float64:
		if v > 0 && (field == "received" || field == "at" || field == "until") {
			return time.UnixMicro(int64(v))
		}
	}
	return time.Time{}
}

func say(v any, names map[string]string) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		if name, ok := names[strings.TrimPrefix(v, "user:")]; ok && v != "" {
			return name
		}
		if len(v) == 64 {
			return short(v)
		}
		return strings.TrimPrefix(v, "unit:")
	case []any:
		var parts []string
		for _, x := range v {
			if s := say(x, names); s != "" {
				parts = append(parts, s)
			}
		}
		return strings.Join(parts, ", ")
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case map[string]any:
		b, _ := json.Marshal(v)
		return string(b)
	}
	return fmt.Sprint(v)
}

// statusView is the state of the chain, for the top of the page.
type statusView struct {
	Size     int64
	Checked  bool
	OK       bool
	Verified int64
	At       time.Time
	Wrong    int64
	What     string
	Key      string
}

func (o *Office) status(ctx context.Context) (statusView, error) {
	size, err := o.Journal.Size(ctx)
	if err != nil {
		return statusView{}, err
	}
	rep, err := o.Journal.Verification(ctx)
	if err != nil {
		return statusView{}, err
	}
	return statusView{Size: size, Checked: !rep.At.IsZero(), OK: rep.OK(), Verified: rep.Verified, At: rep.At, Wrong: rep.Wrong, What: rep.What, Key: o.Journal.VerifierKey()}, nil
}

type kindView struct {
	Kind, Name string
	Group      bool
}

// kinds lists the choices of the filter: whole areas, then every kind that
// occurs, by name.
func (o *Office) kinds(ctx context.Context, lang string) ([]kindView, error) {
	found, err := o.Journal.Kinds(ctx)
	if err != nil {
		return nil, err
	}
	var groups, out []kindView
	for _, k := range found {
		area, _, _ := strings.Cut(k, ".")
		if g := (kindView{area + ".", o.word(lang, "audit.area."+area, area), true}); !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
		out = append(out, kindView{k, o.word(lang, "audit.kind."+k, k), false})
	}
	sort.Slice(out, func(a, b int) bool { return out[a].Name < out[b].Name })
	return append(groups, out...), nil
}

const auditPage = 50

type auditView struct {
	Status  statusView
	Query   auditQuery
	Kinds   []kindView
	Entries []entryView
	Older   string // address of the next page; "" when this is the last
	Newest  string // address of the first page; "" when this is it
	None    bool   // the person or document is not known
	Error   string
}

func (o *Office) audit(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	v := auditView{Query: typed(r)}
	status := http.StatusOK
	f, none, err := o.filter(ctx, v.Query)
	if errors.Is(err, fault.Invalid) {
		v.Error, status, none, err = o.sentence(r, err), http.StatusUnprocessableEntity, true, nil
	}
	v.None = none && v.Error == ""
	f.Limit = auditPage + 1
	var err1, err2, err3, err4 error
	if err == nil && !none {
		// The view is recorded first: an answer that could not be recorded is not given.
		if err1 = o.recordView(ctx, Who(r), f); err1 == nil {
			var entries []journal.Entry
			if entries, err1 = o.Journal.Search(ctx, f); err1 == nil {
				if len(entries) > auditPage {
					entries = entries[:auditPage]
					v.Older = v.Query.link(entries[auditPage-1].Seq)
				}
				v.Entries, err2 = o.show(ctx, Lang(r), entries)
			}
		}
	}
	if v.Query.Before > 0 {
		v.Newest = v.Query.link(0)
	}
	v.Status, err3 = o.status(ctx)
	v.Kinds, err4 = o.kinds(ctx, Lang(r))
	if err := errors.Join(err, err1, err2, err3, err4); err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	o.Kit.Page(w, r, status, "security/audit", v)
}

type readerView struct {
	Name        string
	Times       int
	First, Last time.Time
}

type auditDocumentView struct {
	ID      string
	Title   string
	Readers []readerView
	Entries []entryView
	Older   string
	Newest  string
}

func (o *Office) auditDocument(w http.ResponseWriter, r *http.Request) {
	ctx, id := r.Context(), chi.URLParam(r, "id")
	before, _ := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	if err := o.Journal.Recorded(ctx, Who(r), "audit.document_viewed", "document:"+id, nil); err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	v := auditDocumentView{ID: id, Title: o.thing(ctx, Lang(r), "document:"+id, nil)}
	subjects, err := o.Journal.SubjectsOf(ctx, id)
	if err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	entries, err1 := o.Journal.Search(ctx, journal.Filter{Subjects: subjects, Without: readKinds, Before: max(0, before), Limit: auditPage + 1})
	if len(entries) > auditPage {
		entries = entries[:auditPage]
		v.Older = "/audit/documents/" + url.PathEscape(id) + "?before=" + strconv.FormatInt(entries[auditPage-1].Seq, 10)
	}
	if before > 0 {
		v.Newest = "/audit/documents/" + url.PathEscape(id)
	}
	var err2, err3 error
	v.Entries, err2 = o.show(ctx, Lang(r), entries)
	v.Readers, err3 = o.readers(ctx, Lang(r), subjects)
	if err := errors.Join(err1, err2, err3); err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	o.Kit.Page(w, r, http.StatusOK, "security/audit-document", v)
}

func (o *Office) readers(ctx context.Context, lang string, subjects []string) ([]readerView, error) {
	found, err := o.Journal.Readers(ctx, subjects, readKinds)
	if err != nil {
		return nil, err
	}
	entries := make([]journal.Entry, len(found))
	for i, f := range found {
		entries[i].Actor = f.Actor
	}
	names, err := o.namesIn(ctx, lang, entries)
	if err != nil {
		return nil, err
	}
	out := make([]readerView, len(found))
	for i, f := range found {
		out[i] = readerView{names[string(f.Actor)], f.Times, f.First, f.Last}
	}
	return out, nil
}

// verifyNow walks the whole log and records who asked and what came out.
func (o *Office) verifyNow(r *http.Request) (journal.Report, error) {
	rep, err := o.Journal.Verify(r.Context())
	if err != nil {
		return rep, err
	}
	return rep, o.Journal.Recorded(r.Context(), Who(r), "audit.verified", fmt.Sprintf("journal:%d", rep.Size),
		map[string]any{"size": rep.Size, "ok": rep.OK(), "wrong": rep.Wrong})
}

func (o *Office) verify(w http.ResponseWriter, r *http.Request) {
	rep, err := o.verifyNow(r)
	if err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	if rep.OK() {
		o.Kit.Done(w, r, "/audit", "audit.verified_good", rep.Verified)
		return
	}
	o.Kit.Done(w, r, "/audit", "audit.verified_wrong", rep.Wrong)
}
