package web_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"spolupis/documents"
	"spolupis/documents/office"
	"spolupis/security"
)

func init() {
	for key, a := range map[string]security.Actor{
		"economist": {ID: "p-e1", Name: "Tomáš Beneš", Unit: "finance", Session: "s20", Roles: []security.Role{security.Commenter}},
		"economy":   {ID: "p-e2", Name: "Lenka Horáková", Unit: "finance", Session: "s21", Roles: []security.Role{security.Head}},
		"schools":   {ID: "p-e3", Name: "Ivana Školská", Unit: "skolstvi", Session: "s22", Roles: []security.Role{security.Head}},
		"transport": {ID: "p-e4", Name: "Jiří Malý", Unit: "doprava", Session: "s23", Roles: []security.Role{security.Head}},
		"director":  {ID: "p-e5", Name: "Karel Urban", Unit: "kancelar", Session: "s24", Roles: []security.Role{security.Director}},
	} {
		everybody[key] = a
	}
}

const council = `# Předkládací zpráva

Rada kraje schvaluje opravu mostu v celkové výši 4 250 000 Kč z rozpočtu kraje.

Stavbu provede vybraný zhotovitel do konce roku.

# Odůvodnění

Most je ve špatném stavu a jeho oprava je nutná.
`

// A whole round: four units, of which one has a major comment that is rejected, one has a wording that is accepted, one consents and one
// is silent; a dispute settled at the second level; the table in four forms, from the draft and from the version.
func TestAWholeRoundWithADisputeEndsInATableInFourForms(t *testing.T) {
	s := serve(t)
	id, _ := s.create("Oprava mostu v Turnově", council)
	doc := "/documents/" + id
	s.ok(s.service.Invite(t.Context(), everybody["drafter"], documents.MaterialID(id), documents.Participant{Subject: "unit:doprava", Relation: "reader"}))
	s.get("drafter", doc+"/round").want(200, "Zatím neproběhlo.", "Lhůta v pracovních dnech", "Odbor školství")
	start := url.Values{"unit_pravni": {"required"}, "unit_finance": {"required"}, "unit_skolstvi": {"required"}, "unit_zivotni": {"optional"}, "days": {"3"}}
	refused := s.post("drafter", doc+"/round", start).want(422, "Lhůtu kratší než 5 pracovních dnů je nutné odůvodnit.")
	if !strings.Contains(refused.body, `aria-describedby="e-urgent"`) || !regexp.MustCompile(`value="optional" selected`).MatchString(refused.body) {
		t.Error("the error is not beside its field, or the units are forgotten")
	}
	start.Set("days", "5")
	s.post("drafter", doc+"/round", start).want(200, "Připomínkové kolo je zahájeno.", "30. 11. 2026 23:59", "(zbývá 5 pracovních dnů)", "0 z 4", "zatím bez vyjádření")
	s.post("jurist", doc+"/round", url.Values{"act": {"end"}}).want(403)

	add := func(who, kind, quote, text, reasoning, proposed string) {
		t.Helper()
		page := s.get(who, doc+"/comments").want(200)
		s.post(who, doc+"/comments", url.Values{"command": {"comment.add"}, "key": {key(page)}, "kind": {kind}, "quote": {quote}, "text": {text}, "reasoning": {reasoning}, "proposed": {proposed}}).
			want(200, "pracovní poznámka útvaru")
	}
	add("jurist", "major", "Rada kraje schvaluje", "O věci rozhoduje zastupitelstvo.", "§ 35 zákona o krajích.", "")
	add("economist", "advisory", "4 250 000 Kč", "=Částka je jiná.", "", "5 000 000 Kč")
	s.post("lawhead", doc+"/round/statement", url.Values{"act": {"state"}, "unit": {"pravni"}, "statement": {"remarks"}}).want(200, "Stanovisko je potvrzeno.")
	s.post("jurist", doc+"/round/statement", url.Values{"act": {"state"}, "unit": {"finance"}, "statement": {"consents"}}).want(403, "To smí jen vedoucí útvaru nebo jeho zástupce.")
	s.post("economy", doc+"/round/statement", url.Values{"act": {"state"}, "unit": {"finance"}, "statement": {"consents"}}).want(409, "Útvar má připomínky (1).")
	s.post("economy", doc+"/round/statement", url.Values{"act": {"state"}, "unit": {"finance"}, "statement": {"disagrees"}}).want(422, "Nesouhlas je nutné odůvodnit.")
	s.post("economy", doc+"/round/statement", url.Values{"act": {"state"}, "unit": {"finance"}, "statement": {"remarks"}}).want(200)
	s.post("drafter", doc+"/round", url.Values{"act": {"end"}}).want(409, "nevyjádřila se povinná místa (1)")
	s.post("transport", doc+"/round/statement", url.Values{"act": {"extend"}, "days": {"x"}, "reason": {"Dovolené."}}).want(422, "od 1 do 60")
	s.post("transport", doc+"/round/statement", url.Values{"act": {"extend"}, "days": {"2"}, "reason": {"Dovolené."}}).want(200, "Lhůta je prodloužena.", "do 2. 12. 2026", "Dovolené.")
	s.post("schools", doc+"/round/statement", url.Values{"act": {"state"}, "unit": {"skolstvi"}, "statement": {"consents"}}).want(200)
	s.post("drafter", doc+"/round", url.Values{"act": {"end"}}).want(200, "Připomínkové kolo je ukončeno.", "ukončeno dřív", "nevyjádřeno (považuje se za souhlas)", "zapsáno systémem")

	// Settling, one after another.
	table := s.get("drafter", doc+"/settlement").want(200, "Připomínek 2, zbývá vypořádat 2.", "Předkládací zpráva, 1. odstavec", "Odbor právní")
	if strings.Index(table.body, "zastupitelstvo") > strings.Index(table.body, "Částka je jiná") {
		t.Error("the table is not in the order of the text")
	}
	one := s.get("drafter", doc+"/settlement/1").want(200, "O věci rozhoduje zastupitelstvo.", "Text v tomto místě se nezměnil.", "Další nevypořádaná (č. 2)")
	comment := func(page answer) string {
		return regexp.MustCompile(`name="comment" value="(c-[^"]+)"`).FindStringSubmatch(page.body)[1]
	}
	settle := func(page answer, command string, more url.Values) answer {
		more.Set("command", command)
		more.Set("comment", comment(page))
		more.Set("key", drawn(page)+command)
		return s.post("drafter", strings.SplitN(page.url, "?", 2)[0], more)
	}
	settle(one, "comment.settle", url.Values{"outcome": {"accepted"}}).want(422, "Text v tomto místě se od začátku kola nezměnil.")
	two := settle(one, "comment.settle", url.Values{"outcome": {"rejected"}, "reasoning": {"Oprava je v působnosti rady."}, "next": {"1"}}).want(200, "Připomínka č. 2", "5 000 000 Kč")
	settle(two, "comment.accept", url.Values{"next": {"1"}}).want(200, "Nevypořádaná připomínka už žádná není.")
	s.get("drafter", doc+"/settlement/2").want(200, "zapracováno do textu", "vloženo: 5 000 000", "konec změny")

	// The lawyers insist; the director decides.
	one = s.get("lawhead", doc+"/settlement/1").want(200, "Trváním na zásadní připomínce vznikne rozpor.")
	s.post("lawhead", doc+"/settlement/1", url.Values{"command": {"comment.insist"}, "comment": {comment(one)}, "key": {drawn(one) + "i"}}).want(422, "Napište, proč na připomínce trváte.")
	s.post("lawhead", doc+"/settlement/1", url.Values{"command": {"comment.insist"}, "comment": {comment(one)}, "key": {drawn(one) + "j"}, "reasoning": {"Zákon je jasný."}}).
		want(200, "trvá na připomínce", "1. úroveň: jednají vedoucí odborů")
	s.post("drafter", doc+"/freeze", nil).want(409, "otevřené rozpory: 1")
	s.post("lawhead", doc+"/settlement/1/dispute", url.Values{"act": {"escalate"}, "decider": {"p-olga"}, "text": {"Neshodli jsme se."}}).want(422, "Vyberte ředitele úřadu nebo radního.")
	s.post("lawhead", doc+"/settlement/1/dispute", url.Values{"act": {"escalate"}, "decider": {"p-e5"}, "text": {"Neshodli jsme se."}}).want(200, "2. úroveň", "Karel Urban")
	s.post("drafter", doc+"/settlement/1/dispute", url.Values{"act": {"dismissed"}, "text": {"Sám."}}).want(403, "O tomto rozporu rozhoduje někdo jiný.")
	s.get("director", "/").want(200, "Rozhodnout rozpor")
	s.post("director", doc+"/settlement/1/dispute", url.Values{"act": {"dismissed"}, "text": {""}}).want(422, "Napište, na čem jste se shodli")
	s.post("director", doc+"/settlement/1/dispute", url.Values{"act": {"dismissed"}, "text": {"Rozhoduje rada, viz stanovisko."}}).want(200, "Rozhodnuto proti připomínce", "Rozhoduje rada, viz stanovisko.")
	s.get("drafter", doc+"/settlement?show=dispute").want(200, "odstraněn na 2. úrovni: rozhodnuto proti připomínce", "1 připomínka")

	s.post("drafter", doc+"/freeze", nil).want(200, "Znění je zmrazeno.")
	s.get("drafter", doc+"/versions/1").want(200, "Tabulka vypořádání")
	for _, where := range []string{doc + "/settlement", doc + "/versions/1/settlement"} {
		s.readBack(where)
	}
	s.follow()
	s.get("drafter", doc+"/history").want(200, "Stanovisko útvaru potvrzeno", "Vznikl rozpor", "Rozpor postoupen výš", "Rozpor rozhodnut proti připomínce", "Lhůta kola prodloužena")
}

// drawn is the key that a page drew for the first of its forms.
func drawn(page answer) string {
	page.t.Helper()
	m := regexp.MustCompile(`name="key" value="([^"]+)"`).FindStringSubmatch(page.body)
	if m == nil {
		page.t.Fatalf("%s has no form:\n%s", page.url, page.text())
	}
	return m[1]
}

// readBack gets a table in its four forms and reads them as others would.
func (s *site) readBack(where string) {
	s.t.Helper()
	wants := []string{"O věci rozhoduje zastupitelstvo.", "neakceptováno", "Oprava je v působnosti rady.", "odstraněn na 2. úrovni", "5 000 000 Kč", "Odbor právní", "trvá na připomínce"}
	var t documents.Table
	a := s.get("drafter", where+".json").want(200)
	if err := json.Unmarshal([]byte(a.body), &t); err != nil || len(t.Rows) != 2 || t.Rows[0].Dispute != documents.DisputeSettled || t.Rows[0].Result != documents.DisputeDismissed ||
		t.Rows[1].Outcome != documents.Accepted || !t.Rows[1].Changed || !strings.Contains(t.Rows[1].Before, "4 250 000") || !strings.Contains(t.Rows[1].After, "5 000 000") {
		s.t.Errorf("%s.json: %+v %v", where, t.Rows, err)
	}
	silent := ""
	for _, u := range t.Rounds[0].Units {
		if u.Statement == documents.Silent {
			silent += u.Name
		}
	}
	if silent != "Odbor životního prostředí" {
		s.t.Errorf("silent: %s", silent)
	}

	a = s.get("drafter", where+".csv?order=unit").want(200)
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(a.body, "\ufeff")))
	r.Comma = ';'
	rows, err := r.ReadAll()
	if err != nil || len(rows) != 3 || len(rows[0]) != 13 || rows[1][1] != "Odbor ekonomický" || rows[1][4] != "'=Částka je jiná." || rows[2][2] != "Z" {
		s.t.Errorf("%s.csv: %q %v", where, rows, err)
	}
	if got := a.header.Get("Content-Type"); got != "text/csv; charset=utf-8" {
		s.t.Errorf("csv is %s", got)
	}

	d, err := office.Read([]byte(s.get("drafter", where+".docx").want(200).body))
	s.ok(err)
	text := d.Body.Text()
	for _, want := range append(wants, "nevyjádřeno (považuje se za souhlas): Odbor životního prostředí (nepovinné)", "Souhlas místa") {
		if !strings.Contains(text, want) {
			s.t.Errorf("%s.docx does not say %q:\n%s", where, want, text)
		}
	}

	pdf := []byte(s.get("drafter", where+".pdf").want(200).body)
	if !bytes.Contains(pdf, []byte("pdfaid:part")) {
		s.t.Error("not PDF/A")
	}
	if _, err := exec.LookPath("pdftotext"); err != nil {
		s.t.Log("pdftotext is missing: the PDF is not read back")
		return
	}
	cmd := exec.Command("pdftotext", "-", "-")
	cmd.Stdin = bytes.NewReader(pdf)
	out, err := cmd.Output()
	s.ok(err)
	letters := strings.Join(strings.Fields(string(out)), "")
	for _, want := range []string{"neakceptováno", "5000000Kč"} {
		if !strings.Contains(letters, want) {
			s.t.Errorf("%s.pdf does not say %q:\n%s", where, want, out)
		}
	}
}

// Five hundred comments: no page is long. How long they take is told, and measured by spolupis bench documents.
func TestNoPageOfFiveHundredCommentsIsLong(t *testing.T) {
	s := serve(t)
	id := s.crowd(t, 1, 500)[0]
	doc := "/documents/" + string(id)
	for _, path := range []string{"/settlement", "/settlement?page=10", "/settlement?order=unit&page=3", "/settlement?show=open", "/settlement/250", "/round", "/settlement/duplicates", "/comments", "/comments?page=10"} {
		s.get("drafter", doc+path).want(200)
		best := time.Hour
		var a answer
		for range 3 {
			began := time.Now()
			a = s.get("drafter", doc+path)
			best = min(best, time.Since(began))
		}
		t.Logf("%s: %v, %d KiB", path, best, len(a.body)>>10)
		if len(a.body) > 400<<10 {
			t.Errorf("%s has %d KiB", path, len(a.body)>>10)
		}
	}
	s.get("drafter", doc+"/settlement?page=10").want(200, "500 připomínek")
}

// crowd makes n materials with c comments each by fifteen units.
func (s *site) crowd(tb testing.TB, n, c int) (ids []documents.MaterialID) {
	tb.Helper()
	ctx := tb.Context()
	var text strings.Builder
	for i := range 120 {
		if i%10 == 0 {
			fmt.Fprintf(&text, "## Část %d\n\n", i/10+1)
		}
		fmt.Fprintf(&text, "Odstavec číslo %d pojednává o věci a má svou větu, kterou lze připomínkovat.\n\n", i)
	}
	for range n {
		m, err := s.service.Import(ctx, everybody["drafter"], documents.NewMaterial{Title: "Materiál s připomínkami", Agenda: "rada", Unit: "doprava"}, []byte(text.String()))
		s.ok(err)
		var units []security.UnitID
		for u := range 15 {
			units = append(units, security.UnitID(fmt.Sprintf("u%02d", u)))
		}
		r, err := s.service.StartRound(ctx, everybody["drafter"], m.ID, documents.NewRound{Required: units})
		s.ok(err)
		add := map[string]any{"kind": "advisory", "text": "x", "quote": "Odstavec číslo 7 pojednává"}
		raw, _ := json.Marshal(add)
		made, err := s.service.Command(ctx, everybody["drafter"], m.ID, "k-"+string(m.ID), "comment.add", raw)
		s.ok(err)
		var v documents.CommentView
		s.ok(json.Unmarshal(made, &v))
		head, err := s.service.Remarks(ctx, everybody["drafter"], m.ID)
		s.ok(err)
		s.ok(s.store.Write(ctx, func(tx documents.Tx) error {
			for i := 1; i < c; i++ {
				x := head[0]
				x.ID, x.Number, x.Round, x.Unit = documents.CommentID(fmt.Sprintf("%s-%d", v.ID, i)), i+1, r.ID, units[i%15]
				x.Anchor, x.Quote = nil, fmt.Sprintf("Odstavec číslo %d pojednává", i%120)
				x.Text = fmt.Sprintf("Připomínka %d: věta o věci není dost jasná, doplňte prosím důvod číslo %d.", i, i*7919%1000)
				if i%3 == 0 {
					x.State, x.Settlement = documents.Settled, &documents.Settlement{Outcome: documents.AcceptedPartly, Reasoning: "Zapracováno zčásti.", By: "p-eva", At: x.At}
				}
				if err := tx.AddComment(ctx, x); err != nil {
					return err
				}
			}
			rounds, err := tx.Rounds(ctx, m.ID)
			if err != nil {
				return err
			}
			for i := range rounds[0].Asked {
				rounds[0].Asked[i].Statement = documents.WithRemarks
			}
			return tx.SetRound(ctx, rounds[0])
		}))
		s.ok(s.service.EndRound(ctx, everybody["drafter"], m.ID))
		ids = append(ids, m.ID)
	}
	return ids
}
