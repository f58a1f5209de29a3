package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"spolupis/collab"
	"spolupis/collab/ws/official"
)

// revoke takes, while an official types, his right to the document from him, and in every other run his account. Nothing that
// he typed after the act was answered may ever be in the text; he must be told within two seconds; what was acknowledged
// before stays.
func revoke(ctx context.Context, o options) (*verdict, error) {
	if !o.product || o.admin.login == "" || len(o.people) < 2 {
		return nil, errors.New("needs a whole office with an administrator (-admin) and two logins")
	}
	v := &verdict{Figures: map[string]any{}}
	few := o
	few.clients = 0
	c, err := gather(ctx, few)
	if err != nil {
		return nil, err
	}
	admin, err := o.admin.header(ctx, o.url)
	if err != nil {
		return nil, err
	}
	victim, err := c.person(ctx, 1)
	if err != nil {
		return nil, err
	}
	r := &withdrawal{crew: c, admin: admin, victim: victim, v: v}
	for n := range o.runs {
		if err := r.once(ctx, n); err != nil {
			return nil, fmt.Errorf("run %d: %w", n+1, err)
		}
		if len(v.Broken) > 0 {
			break
		}
	}
	v.Figures["withdrawals"] = o.runs
	v.Figures["acknowledged words"] = r.kept
	v.Figures["words typed after the act"] = r.late
	v.Figures["slowest to be told ms"] = r.slowest.Milliseconds()
	return v, nil
}

type withdrawal struct {
	*crew
	admin      http.Header
	victim     string
	v          *verdict
	kept, late int
	slowest    time.Duration
}

func (r *withdrawal) once(ctx context.Context, n int) error {
	when, doc := fmt.Sprintf("run %d", n+1), r.o.documents[n%len(r.o.documents)]
	off, err := official.Dial(ctx, official.Config{URL: socket(r.o.nodes[n%len(r.o.nodes)], doc), Header: at(r.o.nodes[n%len(r.o.nodes)], r.headers[1])})
	if err != nil {
		return err
	}
	defer off.Break()
	t := &typist{Official: off, n: n, room: doc}
	r.typists = []*typist{t}
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := r.work(working, 0)
	defer func() { stop() }()
	if err := sleep(ctx, 200*time.Millisecond); err != nil {
		return err
	}
	if err := r.waitKept(ctx, 1); err != nil {
		return err
	}
	account := n%2 == 1
	began := time.Now()
	if account {
		err = r.disable(ctx, true)
	} else {
		err = r.takePart(ctx, doc, r.victim, false)
	}
	if err != nil {
		return err
	}
	_, before := t.kept()
	told, cancelTold := context.WithTimeout(ctx, 20*time.Second)
	code, _, err := t.WaitClosed(told)
	cancelTold()
	took := time.Since(began)
	r.slowest = max(r.slowest, took)
	if want := map[bool]collab.Code{false: collab.CodeDenied, true: collab.CodeSignIn}[account]; err != nil || code != want && code != collab.CodeDenied {
		r.v.breach("%s: closed with %d after %s (%v), want %d", when, code, took.Round(time.Millisecond), err, want)
	} else if took > 2*time.Second {
		r.v.breach("%s: told only after %s", when, took.Round(time.Millisecond))
	}
	if err := sleep(ctx, 200*time.Millisecond); err != nil { // he goes on typing, into nothing
		return err
	}
	stop()
	if err := r.inspect(ctx, doc, when, r.v); err != nil {
		return err
	}
	stranger, err := r.stranger(ctx, 0, doc)
	if err != nil {
		return err
	}
	text := stranger.Text()
	stranger.Break()
	kept, all := t.kept()
	for _, w := range t.words[before:] {
		if w.kept || contains(text, w.text) {
			r.v.breach("%s: %s was typed after the act and accepted", when, w.text)
		}
	}
	if kept == 0 {
		r.v.breach("%s: nothing was acknowledged before the act", when)
	}
	r.kept, r.late = r.kept+kept, r.late+all-before
	what := "right"
	if account {
		what = "account"
	}
	r.o.log("%s: %s withdrawn, told after %s, %d words acknowledged before, %d typed after", when, what, took.Round(time.Millisecond), kept, all-before)
	if account {
		if err := r.disable(ctx, false); err != nil {
			return err
		}
		r.headers[1], err = r.o.people[1].header(ctx, r.o.url)
		return err
	}
	return r.takePart(ctx, doc, r.victim, true)
}

// disable fills in the administrator's form about the victim's account.
func (r *withdrawal) disable(ctx context.Context, on bool) error {
	form := url.Values{"unit": {r.o.unit}, "role": {"drafter", "commenter"}, "confirm": {r.o.admin.password}}
	if on {
		form.Set("disabled", "1")
	}
	status, _, err := post(ctx, r.o.url, "/accounts/"+r.victim, r.admin, form)
	if err == nil && status != http.StatusSeeOther {
		err = fmt.Errorf("status %d", status)
	}
	if err != nil {
		return fmt.Errorf("change the account: %w", err)
	}
	return nil
}
