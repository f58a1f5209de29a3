package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"spolupis/collab"
)

// freeze has the first official freeze a new material in each run while everybody types in it. Everything acknowledged must be
// in the frozen text and in the live one, nothing typed after the answer may be in either, everybody who goes on typing is
// sent away with 4409, and the frozen files must not change.
func freeze(ctx context.Context, o options) (*verdict, error) {
	if !o.product {
		return nil, errors.New("needs a whole office")
	}
	v := &verdict{Figures: map[string]any{}}
	o.documents, o.create = nil, 1
	kept, late := 0, 0
	for n := range o.runs {
		k, l, err := freezeOnce(ctx, o, fmt.Sprintf("run %d", n+1), v)
		if err != nil {
			return nil, fmt.Errorf("run %d: %w", n+1, err)
		}
		kept, late = kept+k, late+l
		if len(v.Broken) > 0 {
			break
		}
	}
	v.Figures["freezes"] = o.runs
	v.Figures["acknowledged words"] = kept
	v.Figures["words typed after the act"] = late
	return v, nil
}

func freezeOnce(ctx context.Context, o options, when string, v *verdict) (kept, late int, err error) {
	c, err := gather(ctx, o)
	if err != nil {
		return 0, 0, err
	}
	defer c.disband()
	doc := c.o.documents[0]
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := c.work(working, 0)
	defer func() { stop() }()
	if err := sleep(ctx, 400*time.Millisecond); err != nil {
		return 0, 0, err
	}
	began := time.Now()
	status, _, err := post(ctx, o.url, "/documents/"+doc+"/freeze", c.headers[0], nil)
	if err == nil && status != http.StatusSeeOther {
		err = fmt.Errorf("freeze: status %d", status)
	}
	if err != nil {
		return 0, 0, err
	}
	took := time.Since(began)
	before := make([]int, len(c.typists))
	for i, t := range c.typists {
		_, before[i] = t.kept()
	}
	first, text, err := c.version(ctx, doc)
	if err != nil {
		return 0, 0, err
	}
	for _, t := range c.typists {
		told, cancel := context.WithTimeout(ctx, 5*time.Second)
		code, _, err := t.WaitClosed(told)
		cancel()
		if err != nil || code != collab.CodeFrozen {
			v.breach("%s: official %d goes on typing and was closed with %d (%v), want 4409", when, t.n, code, err)
		}
	}
	if err := sleep(ctx, 2*o.every); err != nil {
		return 0, 0, err
	}
	stop()
	live, err := c.stranger(ctx, 0, doc)
	if err != nil {
		return 0, 0, err
	}
	defer live.Break()
	for i, t := range c.typists {
		k, all := t.kept()
		kept, late = kept+k, late+all-before[i]
		for _, w := range t.words[before[i]:] {
			if w.kept || contains(text, w.text) || contains(live.Text(), w.text) {
				v.breach("%s: %s was typed after the freeze and accepted", when, w.text)
			}
		}
	}
	c.compare(doc, text, when+", frozen text", v)
	c.compare(doc, live.Text(), when+", live text", v)
	again, _, err := c.version(ctx, doc)
	if err != nil {
		return 0, 0, err
	}
	if first != again {
		v.breach("%s: the frozen files changed from %s to %s", when, first, again)
	}
	if kept == 0 {
		v.breach("%s: nothing was acknowledged before the freeze", when)
	}
	o.log("%s: frozen in %s, %d words acknowledged, %d typed after", when, took.Round(time.Millisecond), kept, late)
	return kept, late, nil
}

// version returns the hash of the first version's manifest and text, and the text.
func (c *crew) version(ctx context.Context, doc string) (hash, text string, err error) {
	manifest, err := get(ctx, c.o.url, "/documents/"+doc+"/versions/1/manifest.json", c.headers[0])
	if err != nil {
		return "", "", err
	}
	text, err = get(ctx, c.o.url, "/documents/"+doc+"/versions/1/document.md", c.headers[0])
	return fmt.Sprintf("%x", sha256.Sum256([]byte(manifest+"\x00"+text))), text, err
}

func contains(text, word string) bool { return strings.Contains(text, word) }
