package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"spolupis/citizen"
	"spolupis/security/fault"
	frame "spolupis/security/web"
)

// The Atom elements we write (RFC 4287).
type (
	atomFeed struct {
		XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
		Lang    string      `xml:"xml:lang,attr"`
		ID      string      `xml:"id"`
		Title   string      `xml:"title"`
		Updated string      `xml:"updated"`
		Author  atomAuthor  `xml:"author"`
		Rights  string      `xml:"rights"`
		Links   []atomLink  `xml:"link"`
		Entries []atomEntry `xml:"entry"`
	}
	atomAuthor struct {
		Name string `xml:"name"`
	}
	atomLink struct {
		Rel  string `xml:"rel,attr"`
		Type string `xml:"type,attr"`
		Href string `xml:"href,attr"`
	}
	atomEntry struct {
		ID        string   `xml:"id"`
		Title     string   `xml:"title"`
		Updated   string   `xml:"updated"`
		Published string   `xml:"published"`
		Link      atomLink `xml:"link"`
		Content   string   `xml:"content"`
	}
)

// feed serves the steps of one matter to whoever holds its token. It repeats
// what the status page shows and adds nothing.
func (h *Handler) feed(w http.ResponseWriter, r *http.Request) {
	private(w)
	token, ok := strings.CutSuffix(chi.URLParam(r, "feed"), ".atom")
	if !ok {
		h.Kit.Fail(w, r, fault.NotFound)
		return
	}
	v, err := h.Citizen.Feed(r.Context(), token)
	if err != nil {
		h.Kit.Fail(w, r, err)
		return
	}
	body, err := h.atom(r, v, token)
	if err != nil {
		h.Kit.Fail(w, r, err)
		return
	}
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:12]) + `"`
	w.Header().Set("ETag", tag)
	w.Header().Set("Last-Modified", v.Changed.UTC().Format(http.TimeFormat))
	w.Header().Set("Cache-Control", "private, no-cache")
	if matches(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "application/atom+xml; charset=utf-8")
	w.Write(body)
}

func matches(header, tag string) bool {
	for t := range strings.SplitSeq(header, ",") {
		if t = strings.TrimPrefix(strings.TrimSpace(t), "W/"); t == tag || t == "*" {
			return true
		}
	}
	return false
}

func (h *Handler) atom(r *http.Request, v citizen.Status, token string) ([]byte, error) {
	lang := frame.Lang(r)
	say := func(key string, args ...any) string { return h.Kit.Pages.Text(lang, key, args...) }
	page := atomLink{"alternate", "text/html", h.address(r, "/stav/"+string(v.Number))}
	id, _, _ := strings.Cut(token, "-")
	f := atomFeed{
		Lang: lang, ID: "urn:spolupis:matter:" + id, Title: say("citizen.feed.title", v.Number), Updated: stamp(v.Changed),
		Author: atomAuthor{say("citizen.feed.author")}, Rights: say("citizen.status.legal"),
		Links: []atomLink{page, {"self", "application/atom+xml", h.address(r, "/feeds/"+token+".atom")}},
	}
	if v.Unit != "" {
		f.Author.Name = v.Unit
	}
	for _, e := range v.Entries {
		title, text := "", ""
		switch {
		case e.Op == citizen.OpWithdraw:
			title = say("citizen.feed.withdrawn", plainDay(e.At))
		case e.Op == citizen.OpCorrect:
			title = say("citizen.feed.corrected", say("citizen.stage."+string(e.Stage)+".name"))
		default:
			title = say("citizen.stage." + string(e.Stage) + ".name")
		}
		if e.Stage != "" {
			text = plainDay(e.At) + ": " + say("citizen.stage."+string(e.Stage)+".means") + " " + say("citizen.stage."+string(e.Stage)+".next")
		}
		f.Entries = append(f.Entries, atomEntry{ID: e.ID, Title: title, Updated: stamp(e.Made), Published: stamp(e.Made), Link: page, Content: text})
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	if err := xml.NewEncoder(&b).Encode(f); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func plainDay(t time.Time) string { return t.In(citizen.Prague).Format("2.\u00a01.\u00a02006") }
