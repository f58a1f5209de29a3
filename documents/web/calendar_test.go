package web_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
)

func TestADeadlineIsAFileOfItsPageAndAllAreAFeed(t *testing.T) {
	s := serve(t)
	id, _ := s.create("Oprava mostu v Turnově, silnice", sample)
	doc := "/documents/" + id
	s.post("drafter", doc+"/round", url.Values{"unit_pravni": {"required"}, "days": {"5"}}).want(200)
	if page := s.get("drafter", doc+"/round").want(200, "Přidat do kalendáře"); !strings.Contains(page.body, doc+`/round/1/deadline.ics" download`) {
		t.Error("the round has no link to its deadline")
	}
	one := s.get("jurist", doc+"/round/1/deadline.ics").want(200)
	file := strings.ReplaceAll(one.body, "\r\n ", "")
	for _, line := range []string{"BEGIN:VCALENDAR", "DTSTART;VALUE=DATE:20261130", `SUMMARY:Konec připomínek: KULK 1/2026 Oprava mostu v Turnově\, silnice`,
		"URL:https://office.example" + doc + "/round", "SEQUENCE:0", "TRIGGER:-PT15H"} {
		if !strings.Contains(file, line+"\r\n") {
			t.Errorf("%q is missing:\n%s", line, file)
		}
	}
	if one.header.Get("Content-Type") != "text/calendar; charset=utf-8" || !strings.HasSuffix(one.header.Get("Content-Disposition"), `.ics"`) {
		t.Errorf("headers %v", one.header)
	}
	s.get("head", doc+"/round/1/deadline.ics").want(404)
	s.get("jurist", doc+"/round/2/deadline.ics").want(404)
	s.get("drafter", doc+"/deadline.ics").want(200, "Lhůta: KULK 1/2026")
	s.get("drafter", doc+"/tasks/nowhere/deadline.ics").want(404)
	s.get("drafter", "/meetings/nowhere/meeting.ics").want(404)

	s.get("jurist", "/account/calendar").want(200, "Adresu zatím nemáte.", "Kdo adresu zná, uvidí bez přihlášení", "Vytvořit adresu")
	address := func(a answer) string {
		return regexp.MustCompile(`https://office\.example(/calendar/[a-z2-7]{26}\.ics)`).FindStringSubmatch(a.body)[1]
	}
	first := address(s.post("jurist", "/account/calendar", url.Values{}).want(200, "znovu se už nezobrazí"))
	feed := s.get("", first).want(200) // nobody signed in: a calendar program
	uid := regexp.MustCompile(`UID:\S+`)
	if !strings.Contains(feed.body, "X-WR-CALNAME:Lhůty – Spolupis\r\n") || uid.FindString(feed.body) != uid.FindString(one.body) || strings.Contains(feed.body, "4 250 000") {
		t.Errorf("feed:\n%s", feed.body)
	}
	page := s.get("jurist", "/account/calendar").want(200, "Naposledy čtena", "Vytvořit novou adresu", "Zrušit adresu")
	if strings.Contains(page.body, first) {
		t.Error("the secret is shown again")
	}
	second := address(s.post("jurist", "/account/calendar", url.Values{}).want(200))
	s.get("", first).want(404, "Tato adresa kalendáře neplatí.")
	s.get("", second).want(200)
	s.post("jurist", "/account/calendar/revoke", url.Values{}).want(200, "Adresa kalendáře je zrušena.", "Adresu zatím nemáte.")
	s.get("", second).want(404)
	s.get("", "/calendar/x").want(404)
}
