package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"

	"spolupis/documents"
	"spolupis/security"
)

// documentRows are the numbers of issue 5. The wave comes after the searches
// and lists, since it adds to what they find.
var documentRows = []documentRow{
	{"search", 100 * time.Millisecond, measureSearch},
	{"list", 200 * time.Millisecond, measureLists},
	{"wave", 200 * time.Millisecond, measureWave},
	{"inbox", 200 * time.Millisecond, func(ctx context.Context, b *documentsBench, r documentRow) error {
		return b.ask(ctx, r, "inbox of a head of department", "vedouci", "/")
	}},
	{"settlement", 200 * time.Millisecond, measureSettlement},
	{"comparison", 300 * time.Millisecond, func(ctx context.Context, b *documentsBench, r documentRow) error {
		return b.ask(ctx, r, fmt.Sprintf("comparison of two versions of %d pages", b.size.pages), "zpracovatelka", "/documents/"+string(b.made.long.ID)+"/compare?from=1&to=2")
	}},
	{"docx", 2 * time.Second, measureDOCX},
}

// benchPeople see everything, a fifteenth twice over, everything by 50,000
// relations, and forty materials.
var benchPeople = []struct{ login, who string }{
	{"sekretariat", "sees all"}, {"misto1", "sees two fifteenths"}, {"radni", "sees each by its own right"}, {"novacek", "sees forty"},
}

func measureSearch(ctx context.Context, b *documentsBench, r documentRow) error {
	queries := []string{"kraje", "rada kraje schvaluje", "dotace sport", `"rada kraje"`, "smlouvy o dílo", "rozpočt*", "nesmysl neexistující", "usnesení zastupitelstva hejtman", "mostů"}
	for i, rare := range b.made.rare {
		if i < 20 {
			queries = append(queries, rare, rare+" dotace")
		}
	}
	for i, n := range b.made.numbers {
		if i < 20 {
			queries = append(queries, n)
		}
	}
	for _, p := range benchPeople {
		var paths []string
		for _, q := range queries {
			paths = append(paths, "/search?"+url.Values{"q": {q}}.Encode())
		}
		paths = append(paths, "/search?q=kraje&state=signed&agenda=agenda-3", "/search?q=rada&unit=odbor-1")
		if err := b.few(ctx, r, "search, who "+p.who, p.login, paths...); err != nil {
			return err
		}
	}
	return nil
}

// few is ask with a twentieth of the rounds, for rows of many pages.
func (b *documentsBench) few(ctx context.Context, r documentRow, name, login string, paths ...string) error {
	rounds := b.rounds
	defer func() { b.rounds = rounds }()
	b.rounds = max(1, rounds/20)
	return b.ask(ctx, r, name, login, paths...)
}

func measureLists(ctx context.Context, b *documentsBench, r documentRow) error {
	for _, p := range benchPeople {
		var paths []string
		for _, q := range []string{"", "state=signed", "agenda=agenda-3", "unit=odbor-2&state=draft", "drafter=me", "sort=title", "sort=created", "from=2024-01-01&to=2024-12-31",
			"q=most", "q=nenajde", "state=draft&agenda=agenda-1&unit=odbor-0&q=dotace"} {
			paths = append(paths, "/documents?"+q)
		}
		deep := "/documents"
		for range 5 {
			_, page, err := b.get(ctx, p.login, deep)
			if err != nil {
				return err
			}
			_, rest, ok := strings.Cut(page, `doc-after"><a class="btn btn--secondary" href="`)
			if !ok {
				break
			}
			link, _, _ := strings.Cut(rest, `"`)
			deep = strings.ReplaceAll(link, "&amp;", "&")
			paths = append(paths, deep)
		}
		if err := b.few(ctx, r, "list, who "+p.who, p.login, paths...); err != nil {
			return err
		}
	}
	return nil
}

// measureWave has all units comment on all materials of a meeting, four people
// at once without a pause, while each looks at the pages he comments on.
func measureWave(ctx context.Context, b *documentsBench, r documentRow) error {
	type act struct {
		login string
		m     int
		n     int
	}
	acts := make(chan act)
	var mu sync.Mutex
	times := map[string][]time.Duration{} // guarded by mu
	var failed []error                    // guarded by mu
	var workers sync.WaitGroup
	before := processorTime()
	note := func(what string, took time.Duration, err error) {
		mu.Lock()
		defer mu.Unlock()
		times[what] = append(times[what], took)
		failed = append(failed, err)
	}
	for range 4 {
		workers.Go(func() {
			for a := range acts {
				page := "/documents/" + string(b.made.wave[a.m].ID)
				if a.n%b.size.each == 0 {
					took, _, err := b.get(ctx, a.login, page+"/text")
					note("text page", took, err)
				}
				took, err := b.post(ctx, a.login, page+"/comments", url.Values{"command": {"comment.add"}, "key": {fmt.Sprintf("%s-%d-%d", a.login, a.m, a.n)}, "kind": {[]string{"major", "advisory", "formal"}[a.n%3]},
					"quote": {fmt.Sprintf("bod číslo %d.", a.n)}, "text": {fmt.Sprintf("Připomínka %d: doplňte zdroj údaje.", a.n)}, "reasoning": {"Údaj nelze ověřit."}})
				note("adding a comment", took, err)
				took, _, err = b.get(ctx, a.login, page+"/comments")
				note("comments page", took, err)
				if a.n%7 == 0 {
					took, _, err := b.get(ctx, a.login, "/")
					note("inbox", took, err)
				}
			}
		})
	}
	for n := range b.size.each {
		for unit := range b.size.units {
			for m := range b.size.wave {
				acts <- act{fmt.Sprintf("misto%d", unit), m, unit*b.size.each + n}
			}
		}
	}
	close(acts)
	workers.Wait()
	spent := processorTime() - before
	if err := errors.Join(failed...); err != nil {
		return err
	}
	for _, what := range []string{"adding a comment", "comments page", "text page", "inbox"} {
		if len(times[what]) > 0 {
			b.add(r, fmt.Sprintf("wave of %d comments: %s", len(times["adding a comment"]), what), times[what], spent, len(failed))
		}
	}
	return nil
}

func measureSettlement(ctx context.Context, b *documentsBench, r documentRow) error {
	page := "/documents/" + string(b.made.settlement.ID) + "/comments"
	for i := range b.size.settlement {
		login := fmt.Sprintf("misto%d", i%b.size.units)
		if _, err := b.post(ctx, login, page, url.Values{"command": {"comment.add"}, "key": {fmt.Sprint("settlement-", i)}, "kind": {"advisory"},
			"quote": {fmt.Sprintf("bod číslo %d.", i)}, "text": {"Upřesněte, prosím."}, "proposed": {fmt.Sprintf("bod upřesněný %d.", i)}}); err != nil {
			return err
		}
	}
	if err := b.ask(ctx, r, fmt.Sprintf("settlement page of %d comments", b.size.settlement), "zpracovatelka", page); err != nil {
		return err
	}
	// Comments are in the table once the head of their unit has confirmed them.
	for i := range b.size.units {
		head := security.Actor{ID: security.ActorID(fmt.Sprintf("p-head%d", i)), Name: "Osoba vedoucí", Unit: benchUnit(i), Roles: []security.Role{security.Head}, Session: "bench"}
		if err := b.Documents.State(ctx, head, b.made.settlement.ID, head.Unit, documents.WithRemarks, ""); err != nil {
			return err
		}
	}
	table := "/documents/" + string(b.made.settlement.ID) + "/settlement"
	if err := b.ask(ctx, r, fmt.Sprintf("settlement table of %d comments", b.size.settlement), "zpracovatelka", table); err != nil {
		return err
	}
	rounds := b.rounds
	defer func() { b.rounds = rounds }()
	b.rounds = min(10, rounds)
	r.goal = 2 * time.Second
	for _, form := range []string{"docx", "pdf", "csv", "json"} {
		if err := b.ask(ctx, r, fmt.Sprintf("settlement table of %d comments as %s", b.size.settlement, form), "zpracovatelka", table+"."+form); err != nil {
			return err
		}
	}
	return nil
}

func measureDOCX(ctx context.Context, b *documentsBench, r documentRow) error {
	var times []time.Duration
	before := processorTime()
	for i := range min(10, b.rounds) {
		var form bytes.Buffer
		w := multipart.NewWriter(&form)
		for name, value := range map[string]string{"title": fmt.Sprintf("Z Wordu %d", i), "agenda": string(benchAgenda(0))} {
			if err := w.WriteField(name, value); err != nil {
				return err
			}
		}
		part, err := w.CreateFormFile("file", "material.docx")
		if err != nil {
			return err
		}
		if _, err := part.Write(b.made.docx); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/documents", &form)
		request.Header.Set("Content-Type", w.FormDataContentType())
		took, _, err := b.do(request, "zpracovatelka", http.StatusSeeOther)
		if err != nil {
			return err
		}
		times = append(times, took)
	}
	b.add(r, fmt.Sprintf("import of a .docx of %d pages", b.size.pages), times, processorTime()-before, len(times))
	return nil
}
