package web

import (
	"encoding/json"

	"spolupis/documents"
	"spolupis/security/journal"
)

type historyRow struct {
	journal.Entry
	By     documents.PersonView
	Behalf string
	What   string
}

// what says one journal entry in the reader's language. A kind that has no
// sentence is shown by its name: nothing that happened is left out.
func (h *Handler) what(lang string, e journal.Entry) string {
	var b struct {
		Kind    string `json:"kind"`
		Outcome string `json:"outcome"`
		Number  any    `json:"number"`
		Page    string `json:"page"`
	}
	json.Unmarshal(e.Body, &b) // fields that are missing leave their words out
	text := func(key string) string { return h.kit.Pages.Text(lang, key) }
	key := "documents.event." + e.Kind
	var arg any = ""
	switch e.Kind {
	case "documents.comment_added":
		arg = text("documents.kind." + b.Kind)
	case "documents.comment_settled":
		arg = text("documents.outcome." + b.Outcome)
	case "documents.frozen", "documents.version_read", "documents.created":
		arg = b.Number
	}
	if s := h.kit.Pages.Text(lang, key, arg); s != key {
		return s
	}
	return e.Kind
}
