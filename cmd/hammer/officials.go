package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"time"

	"spolupis/collab/ws/official"
)

// credential is how one person signs in: an API token, or a login and password.
type credential struct {
	token           string
	login, password string
}

// header signs in when needed and returns what to send along with the WebSocket request.
func (c credential) header(ctx context.Context, base string) (http.Header, error) {
	if c.token != "" {
		return http.Header{"Authorization": {"Bearer " + c.token}}, nil
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Jar: jar, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	form := url.Values{"login": {c.login}, "password": {c.password}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/sign-in", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", base)
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("sign in %s: %w", c.login, err)
	}
	resp.Body.Close()
	h := http.Header{"Origin": {base}}
	for _, k := range resp.Cookies() { // by hand: a jar keeps Secure cookies from plain HTTP
		h.Add("Cookie", k.Name+"="+k.Value)
	}
	if len(resp.Cookies()) == 0 {
		return nil, fmt.Errorf("sign in %s: %s and no cookie", c.login, resp.Status)
	}
	return h, nil
}

// typist is an official who types words that can be recognised later.
type typist struct {
	*official.Official
	n    int
	room string

	mu    sync.Mutex
	words []word // guarded by mu
}

type word struct {
	text string
	end  uint32 // own clock after it
}

// typeWord types the next word, such as "⟨3.17⟩".
func (t *typist) typeWord() {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := fmt.Sprintf("⟨%d.%d⟩", t.n, len(t.words))
	t.Type(w)
	t.words = append(t.words, word{w, t.Clock()})
}

// missing returns the words acknowledged to t that are not exactly once in text.
func (t *typist) missing(text string) (gone []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	acked := t.Acked()
	for _, w := range t.words {
		if w.end <= acked && strings.Count(text, w.text) != 1 {
			gone = append(gone, w.text)
		}
	}
	return gone
}

// duplicates returns the words that are more than once in text, acknowledged or not.
func (t *typist) duplicates(text string) (twice []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.words {
		if strings.Count(text, w.text) > 1 {
			twice = append(twice, w.text)
		}
	}
	return twice
}

// keepTyping types a word at every tick until stop is closed.
func (t *typist) keepTyping(every time.Duration, stop <-chan struct{}) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			t.typeWord()
		}
	}
}

// crew is everybody who types, and how to get at the documents as somebody new.
type crew struct {
	o       options
	headers []http.Header
	typists []*typist
}

// socket is where official n finds document: they spread over the nodes.
func (o options) socket(n int, document string) string {
	return "ws" + strings.TrimPrefix(o.nodes[n%len(o.nodes)], "http") + "/collab/" + document
}

// header returns what person i sends along to the node of official n. A cookie counts only from that node's own pages.
func (c *crew) header(i, n int) http.Header {
	h := c.headers[i%len(c.headers)].Clone()
	if h.Get("Origin") != "" {
		h.Set("Origin", c.o.nodes[n%len(c.o.nodes)])
	}
	return h
}

// gather signs everybody in and connects the typists.
func gather(ctx context.Context, o options) (*crew, error) {
	c := &crew{o: o}
	for _, p := range o.people {
		h, err := p.header(ctx, o.url)
		if err != nil {
			return nil, err
		}
		c.headers = append(c.headers, h)
	}
	for n := range o.create {
		doc, err := c.newMaterial(ctx, n)
		if err != nil {
			return nil, err
		}
		c.o.documents = append(c.o.documents, doc)
	}
	o.documents = c.o.documents
	for i := range o.clients {
		doc := o.documents[i%len(o.documents)]
		off, err := official.Dial(ctx, official.Config{URL: o.socket(i/len(o.documents), doc), Header: c.header(i/len(o.documents), i/len(o.documents))})
		if err != nil {
			return nil, fmt.Errorf("official %d in %s: %w", i, doc, err)
		}
		if r := off.Hello().Right; r != "edit" || off.Hello().Frozen {
			return nil, fmt.Errorf("official %d may %s %s (frozen %v): nothing to type", i, r, doc, off.Hello().Frozen)
		}
		c.typists = append(c.typists, &typist{Official: off, n: i, room: doc})
	}
	return c, nil
}

// newMaterial fills in the form for a new material and returns the document's id.
func (c *crew) newMaterial(ctx context.Context, n int) (string, error) {
	form := url.Values{"title": {fmt.Sprint("Zkouška odolnosti ", n+1)}, "agenda": {c.o.agenda}, "unit": {c.o.unit}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.o.url+"/documents", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header = c.headers[0].Clone()
	req.Header.Set("Origin", c.o.url)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("new material: %w", err)
	}
	resp.Body.Close()
	_, id, ok := strings.Cut(resp.Header.Get("Location"), "/documents/")
	if !ok || resp.StatusCode != http.StatusSeeOther {
		return "", fmt.Errorf("new material: %s, location %q", resp.Status, resp.Header.Get("Location"))
	}
	id, _, _ = strings.Cut(id, "?")
	return id, nil
}

// stranger opens a document with no memory of it, on the node of official n.
func (c *crew) stranger(ctx context.Context, n int, document string) (*official.Official, error) {
	return official.Dial(ctx, official.Config{URL: c.o.socket(n, document), Header: c.header(len(c.headers)-1, n)})
}

func (c *crew) each(do func(t *typist) error) error {
	errs := make([]error, len(c.typists))
	var wg sync.WaitGroup
	for i, t := range c.typists {
		wg.Go(func() { errs[i] = do(t) })
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("official %d: %w", i, err)
		}
	}
	return nil
}

func (c *crew) disband() {
	for _, t := range c.typists {
		t.Break()
	}
}
