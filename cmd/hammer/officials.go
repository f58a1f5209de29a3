package main

import (
	"context"
	"encoding/json"
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

// at returns what somebody signed in sends to base.
func at(base string, who http.Header) http.Header {
	h := who.Clone()
	if h.Get("Origin") != "" { // a cookie counts only from that node's own pages
		h.Set("Origin", base)
	}
	return h
}

// crew is everybody who types, and how to get at the documents as somebody new.
type crew struct {
	o       options
	headers []http.Header
	ids     []string // of the people, as far as asked for
	typists []*typist
	first   time.Duration // how long the first acknowledgement took when everybody came back last; 0: nobody waited for one
}

// base is the address that official n uses: they spread over the nodes, or over whatever stands before them.
func (o options) base(n int) string {
	if o.front != nil {
		return o.front(n)
	}
	return o.nodes[n%len(o.nodes)]
}

func socket(base, document string) string {
	return "ws" + strings.TrimPrefix(base, "http") + "/collab/" + document
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
		turn := i / len(o.documents)
		base := o.base(turn)
		off, err := official.Dial(ctx, official.Config{URL: socket(base, doc), Header: at(base, c.headers[turn%len(c.headers)])})
		if err != nil {
			return nil, fmt.Errorf("official %d in %s: %w", i, doc, err)
		}
		if r := off.Hello().Right; r != "edit" || off.Hello().Frozen {
			return nil, fmt.Errorf("official %d may %s %s (frozen %v): nothing to type", i, r, doc, off.Hello().Frozen)
		}
		c.typists = append(c.typists, &typist{Official: off, n: i, turn: turn, room: doc, comments: o.product})
	}
	return c, nil
}

// newMaterial fills in the form for a new material, lets everybody else edit it, and returns the document's id.
func (c *crew) newMaterial(ctx context.Context, n int) (string, error) {
	form := url.Values{"title": {fmt.Sprint("Zkouška odolnosti ", n+1)}, "agenda": {c.o.agenda}, "unit": {c.o.unit}}
	status, location, err := post(ctx, c.o.url, "/documents", c.headers[0], form)
	if err != nil {
		return "", fmt.Errorf("new material: %w", err)
	}
	_, id, ok := strings.Cut(location, "/documents/")
	if !ok || status != http.StatusSeeOther {
		return "", fmt.Errorf("new material: %d, location %q", status, location)
	}
	id, _, _ = strings.Cut(id, "?")
	for i := range c.headers[1:] {
		who, err := c.person(ctx, i+1)
		if err != nil {
			return "", err
		}
		if err := c.takePart(ctx, id, who, true); err != nil {
			return "", err
		}
	}
	return id, nil
}

// person returns the id of official i.
func (c *crew) person(ctx context.Context, i int) (string, error) {
	for len(c.ids) < len(c.headers) {
		c.ids = append(c.ids, "")
	}
	if c.ids[i] != "" {
		return c.ids[i], nil
	}
	b, err := get(ctx, c.o.url, "/api/v1/me", c.headers[i])
	if err != nil {
		return "", err
	}
	var me struct{ ID string }
	if err := json.Unmarshal([]byte(b), &me); err != nil {
		return "", fmt.Errorf("who am I: %w", err)
	}
	c.ids[i] = me.ID
	return me.ID, nil
}

// takePart has the first official give person the right to edit, or take it away.
func (c *crew) takePart(ctx context.Context, document, person string, in bool) error {
	form := url.Values{"subject": {"user:" + person}, "relation": {"editor"}}
	if !in {
		form.Set("remove", "1")
	}
	status, _, err := post(ctx, c.o.url, "/documents/"+document+"/participants", c.headers[0], form)
	if err == nil && status != http.StatusSeeOther {
		err = fmt.Errorf("status %d", status)
	}
	if err != nil {
		return fmt.Errorf("change who edits %s: %w", document, err)
	}
	return nil
}

// stranger opens a document with no memory of it, on node n itself.
func (c *crew) stranger(ctx context.Context, n int, document string) (*official.Official, error) {
	base := c.o.nodes[n%len(c.o.nodes)]
	return official.Dial(ctx, official.Config{URL: socket(base, document), Header: at(base, c.headers[n%len(c.headers)])})
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
