package main

import (
	"net/http"
	"regexp"
	"strings"

	"spolupis/security/web"
)

// operation says what a route under /api/ is for. Parameters in the path come
// from the pattern; the others are named here.
type operation struct {
	Summary string
	Query   map[string]string // name, meaning
	Body    string            // name of a schema; empty: none
	Answer  string            // name of a schema; empty: any JSON
	Key     bool              // takes an Idempotency-Key
}

// operations describes every route under /api/; a test compares it with the
// route table.
var operations = map[string]operation{
	"GET /api/openapi.json":     {Summary: "This description", Answer: "Any"},
	"GET /api/v1/me":            {Summary: "Who is asking", Answer: "Any"},
	"GET /api/v1/accounts":      {Summary: "People with an account (administrators)", Answer: "Any"},
	"POST /api/v1/accounts":     {Summary: "Create an account (administrators)", Body: "Any", Answer: "Any"},
	"GET /api/v1/audit/entries": {Summary: "Journal entries, newest first (auditors)", Answer: "Any"},
	"GET /api/v1/audit/status":  {Summary: "State of the journal's tree (auditors)", Answer: "Any"},
	"POST /api/v1/audit/verify": {Summary: "Verify the whole journal now (auditors)", Answer: "Any"},
	"GET /api/v1/documents":     {Summary: "Materials the caller may see, newest change first", Answer: "Any"},
	"GET /api/v1/search": {Summary: "Materials by the words of their number, title, texts and comments, among those the caller may see", Answer: "Any", Query: map[string]string{
		"q": "words; quotes for phrases, a star for any ending", "state": "state of the material", "agenda": "id of an agenda", "unit": "id of a unit", "drafter": "id of a person, or me",
		"from": "last changed that day or later", "to": "last changed that day or before", "after": "next of the page before"}},
	"GET /api/v1/documents/{id}/comments":         {Summary: "All comments of a material", Answer: "Comments"},
	"GET /api/v1/documents/{id}/attachments":      {Summary: "Attachments of a material: id, number, name, media_type, size, sha256", Answer: "Any"},
	"GET /api/v1/documents/{id}/changes":          {Summary: "Open tracked changes of the live text; file says that the author is a name in an imported file; with origins=1 also who really wrote what was inserted", Answer: "Any"},
	"POST /api/v1/documents/{id}/comments":        {Summary: "Carry out a comment command", Body: "Command", Answer: "Comment", Key: true},
	"GET /api/v1/documents/{id}/settlement":       {Summary: "The settlement table: rounds, statements of units, and every comment in its thirteen columns", Query: map[string]string{"order": "text (default) or unit"}, Answer: "Any"},
	"GET /api/v1/signing/basket":                  {Summary: "What waits for the caller's signature", Answer: "Any"},
	"POST /api/v1/signing/intents":                {Summary: "The list that one authorisation would cover, with its hash", Body: "Any", Answer: "Any"},
	"POST /api/v1/signing/batches":                {Summary: "Authorise exactly one list; the server signs on by itself", Body: "Any", Answer: "Any"},
	"GET /api/v1/signing/batches/{id}":            {Summary: "Progress and result of each document of a bulk signature", Answer: "Any"},
	"POST /api/v1/signing/batches/{id}/cancel":    {Summary: "Stop; what is signed stays signed", Answer: "Any"},
	"POST /api/v1/signing/batches/{id}/authorise": {Summary: "Go on with a bulk signature that asks again", Body: "Any", Answer: "Any"},
	"GET /api/v1/signing/versions/{version}":      {Summary: "Validation report of a version's signatures", Answer: "Any"},
}

func ref(name string) map[string]any { return map[string]any{"$ref": "#/components/schemas/" + name} }

func object(required []string, properties map[string]any) map[string]any {
	return map[string]any{"type": "object", "required": required, "properties": properties}
}

var (
	text   = map[string]any{"type": "string"}
	maybe  = map[string]any{"type": []string{"string", "null"}}
	yesNo  = map[string]any{"type": "boolean"}
	moment = map[string]any{"type": "string", "format": "date-time"}
)

var schemas = map[string]any{
	"Any": map[string]any{},
	"Problem": object([]string{"title", "status", "code"}, map[string]any{"type": text, "title": map[string]any{"type": "string", "description": "a sentence in the reader's language"},
		"status": map[string]any{"type": "integer"}, "code": map[string]any{"type": "string", "description": "stable"}}),
	"Person": object([]string{"id", "name"}, map[string]any{"id": text, "name": text, "unit": text}),
	"Anchor": object([]string{"start", "end"}, map[string]any{"start": map[string]any{"type": "string", "contentEncoding": "base64", "description": "Yjs relative position, assoc 0"},
		"end": map[string]any{"type": "string", "contentEncoding": "base64", "description": "Yjs relative position, assoc -1"}}),
	"Comment": object([]string{"id", "document", "kind", "state", "author", "at", "text"}, map[string]any{"id": text, "document": text, "number": map[string]any{"type": "integer"},
		"kind": map[string]any{"enum": []string{"major", "advisory", "formal"}}, "state": map[string]any{"enum": []string{"open", "settled", "withdrawn"}},
		"author": ref("Person"), "at": moment, "anchor": map[string]any{"oneOf": []any{ref("Anchor"), map[string]any{"type": "null"}}}, "quote": text, "prefix": text, "suffix": text,
		"block": text, "orphan": yesNo, "text": text, "reasoning": text, "proposed": maybe, "applied": yesNo, "mine": yesNo, "unit": text, "working": yesNo, "twin": text,
		"attachments": map[string]any{"type": "array", "items": object([]string{"id", "number", "name", "media_type", "size", "sha256", "url"}, map[string]any{"id": text, "number": map[string]any{"type": "integer"},
			"name": text, "media_type": text, "size": map[string]any{"type": "integer"}, "sha256": text, "url": text})},
		"standing": map[string]any{"oneOf": []any{object([]string{"stand", "by", "at"}, map[string]any{"stand": map[string]any{"enum": []string{"agrees", "insists"}}, "note": text, "by": ref("Person"),
			"behalf": map[string]any{"oneOf": []any{ref("Person"), map[string]any{"type": "null"}}}, "at": moment}), map[string]any{"type": "null"}}},
		"replies":    map[string]any{"type": "array", "items": object([]string{"id", "author", "at", "text"}, map[string]any{"id": text, "author": ref("Person"), "at": moment, "text": text})},
		"settlement": map[string]any{"oneOf": []any{object([]string{"outcome", "by", "at"}, map[string]any{"outcome": ref("Outcome"), "reasoning": text, "by": ref("Person"), "at": moment}), map[string]any{"type": "null"}}}}),
	"Comments": object([]string{"comments"}, map[string]any{"comments": map[string]any{"type": "array", "items": ref("Comment")}}),
	"Outcome":  map[string]any{"enum": []string{"accepted", "accepted_partly", "accepted_otherwise", "rejected", "explained", "withdrawn", "moot"}},
	"Command": object([]string{"name", "args"}, map[string]any{"name": map[string]any{"enum": []string{"comment.add", "comment.edit", "comment.reply", "comment.withdraw", "comment.settle", "comment.accept", "comment.reanchor", "comment.agree", "comment.insist", "comment.group", "comment.ungroup"}},
		"args": map[string]any{"type": "object", "description": "comment.add: kind, anchor or quote, text, reasoning, proposed; comment.group: comment and others (ids of its duplicates); the others: comment (id) and what changes"}}),
}

var parameter = regexp.MustCompile(`\{(\w+)\}`)

// describe makes the OpenAPI 3.1 description of routes.
func describe(routes []web.Route) map[string]any {
	paths := map[string]map[string]any{}
	for _, r := range routes {
		op, ok := operations[r.Method+" "+r.Pattern]
		if !ok || !strings.HasPrefix(r.Pattern, "/api/") {
			continue
		}
		var params []any
		for _, m := range parameter.FindAllStringSubmatch(r.Pattern, -1) {
			params = append(params, map[string]any{"name": m[1], "in": "path", "required": true, "schema": text})
		}
		for name, meaning := range op.Query {
			params = append(params, map[string]any{"name": name, "in": "query", "description": meaning, "schema": text})
		}
		if op.Key {
			params = append(params, map[string]any{"name": "Idempotency-Key", "in": "header", "description": "the same key changes nothing the second time", "schema": text})
		}
		d := map[string]any{"summary": op.Summary, "responses": map[string]any{
			"200":     map[string]any{"description": "done", "content": map[string]any{"application/json": map[string]any{"schema": ref(op.Answer)}}},
			"default": map[string]any{"description": "refused", "content": map[string]any{"application/problem+json": map[string]any{"schema": ref("Problem")}}}}}
		if len(params) > 0 {
			d["parameters"] = params
		}
		if op.Body != "" {
			d["requestBody"] = map[string]any{"required": true, "content": map[string]any{"application/json": map[string]any{"schema": ref(op.Body)}}}
		}
		if r.Rule.String() == "public" {
			d["security"] = []any{}
		}
		if paths[r.Pattern] == nil {
			paths[r.Pattern] = map[string]any{}
		}
		paths[r.Pattern][strings.ToLower(r.Method)] = d
	}
	return map[string]any{"openapi": "3.1.0", "info": map[string]any{"title": "Spolupis", "version": "1"},
		"paths":    paths,
		"security": []any{map[string]any{"token": []string{}}, map[string]any{"session": []string{}}},
		"components": map[string]any{"schemas": schemas, "securitySchemes": map[string]any{
			"token": map[string]any{"type": "http", "scheme": "bearer"}, "session": map[string]any{"type": "apiKey", "in": "cookie", "name": "session"}}}}
}

func (a *App) openAPI(w http.ResponseWriter, r *http.Request) {
	a.Kit.JSON(w, http.StatusOK, describe(a.Kit.Routes()))
}
