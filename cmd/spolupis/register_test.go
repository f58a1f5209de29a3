package main

import (
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// page is a page as somebody of the demo office gets it, parsed.
func page(t *testing.T, a *App, login, path string) *html.Node {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.AddCookie(cookie(t, a, login))
	w := httptest.NewRecorder()
	a.Handler.ServeHTTP(w, r)
	if w.Code != 200 {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	doc, err := html.Parse(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// texts are the cells of the rows in the body of a table marked data-table=name.
func tableOf(doc *html.Node, name string) (rows [][]string) {
	var words func(n *html.Node) string
	words = func(n *html.Node) string {
		if n.Type == html.TextNode {
			return n.Data
		}
		var b strings.Builder
		for c := range n.ChildNodes() {
			b.WriteString(words(c) + " ")
		}
		return strings.Join(strings.Fields(b.String()), " ")
	}
	for n := range doc.Descendants() {
		if n.Data != "table" || attribute(n, "data-table") != name {
			continue
		}
		for tr := range n.Descendants() {
			if tr.Data != "tr" || tr.Parent.Data != "tbody" {
				continue
			}
			var cells []string
			for td := range tr.ChildNodes() {
				if td.Data == "td" || td.Data == "th" {
					cells = append(cells, words(td))
				}
			}
			rows = append(rows, cells)
		}
	}
	return rows
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// Issue 5, done when 7: the register filled with the region's real starting
// state shows which agendas are paper, which hybrid, what blocks them and what
// each would save. What is expected is what the project card says.
func TestTheDashboardShowsTheRegionsStartingState(t *testing.T) {
	a := furnished(t)
	doc := page(t, a, "dvorakova", "/register")
	want := map[string]struct{ how, blocks, saves string }{
		"Sběr dotačních žádostí":                             {"elektronická", "Nic", "Už je elektronická"},
		"Digitalizace přijatých písemností skenovací linkou": {"elektronická", "Nic", "Už je elektronická"},
		"Materiály pro radu a zastupitelstvo":                {"hybridní", "souběžný vstup do dokumentů od více uživatelů", "1 866,7 h, 240 000 stran"},
		"Oběh dokumentů ve spisové službě":                   {"hybridní", "Preference ručních úprav a podpisů.", "400 h, 36 000 stran"},
		"Podepisování a schvalování dokumentů":               {"hybridní", "Není vyřešen hromadný podpis", "600 h, 36 000 stran"},
		"Komunikace mezi odbory úřadu":                       {"hybridní", "Není tlak na pouze elektronickou komunikaci", "333,3 h, 20 000 stran"},
		"Komunikace občana s krajem o jeho věci":             {"hybridní", "Občan nemá přehled o stupni nebo stavu vyřízení", "500 h, 0 stran"},
		"Procesy řešené pouze papírovou formou":              {"papírová", "Papírové procesy nejsou popsány", "Zatím neodhadnuto"},
	}
	rows := tableOf(doc, "agendas")
	if len(rows) != len(want) {
		t.Errorf("%d agendas on the dashboard, want %d", len(rows), len(want))
	}
	for _, r := range rows {
		w, ok := want[r[0]]
		saves := strings.ReplaceAll(r[4], "\u00a0", " ")
		if !ok || r[1] != w.how || !strings.Contains(r[3], w.blocks) || !strings.Contains(saves, w.saves) {
			t.Errorf("%s: %q, blocked by %q, would save %q; want %+v", r[0], r[1], r[3], saves, w)
		}
	}
	// The map names the state of every phase in words.
	heat := map[string][]string{}
	for _, r := range tableOf(doc, "map") {
		heat[r[0]] = r[1:]
	}
	council := heat["Materiály pro radu a zastupitelstvo"]
	if len(council) != 12 || council[4] != "papír" || council[3] != "hybridně" || council[1] != "elektronicky" || council[9] != "?" {
		t.Errorf("council materials on the map: %q", council)
	}
	// Real savings come from what happened in this office, never from the plan:
	// seventeen council materials were made and none of the plan is in them.
	for _, r := range rows {
		if r[0] == "Materiály pro radu a zastupitelstvo" && !strings.Contains(r[5], "n = ") {
			t.Errorf("really saved: %q, want the number of events", r[5])
		}
		if r[0] == "Podepisování a schvalování dokumentů" && r[5] != "Neměřeno" {
			t.Errorf("really saved: %q, want nothing measured", r[5])
		}
	}
	if blocks := tableOf(doc, "blocks"); len(blocks) != 3 {
		t.Errorf("types of barriers: %q", blocks)
	}
	for _, name := range []string{"units", "kinds"} {
		if len(tableOf(doc, name)) < 2 {
			t.Errorf("no coverage by %s", name)
		}
	}
	// Everything leads to the agenda.
	links := 0
	for n := range doc.Descendants() {
		if n.Data == "a" && strings.HasPrefix(attribute(n, "href"), "/register/materialy") {
			links++
		}
	}
	if links < 5 {
		t.Errorf("%d links to the council materials", links)
	}
}
