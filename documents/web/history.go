package web

import (
	"encoding/json"

	"spolupis/documents"
	"spolupis/documents/workflow"
	"spolupis/security/journal"
)

type historyRow struct {
	journal.Entry
	By     documents.PersonView
	Behalf string
	What   string
	Report string // address of the report of an import, "" for other entries
}

// reportOf is where the report of an import is, "" when e is no import with one.
func reportOf(id documents.MaterialID, e journal.Entry) string {
	var b struct {
		Report string `json:"report"`
	}
	if e.Kind != "documents.imported" || json.Unmarshal(e.Body, &b) != nil || b.Report == "" {
		return ""
	}
	return address(id, "/import/"+b.Report)
}

// what says one journal entry in the reader's language. A kind that has no
// sentence is shown by its name: nothing that happened is left out.
func (h *Handler) what(lang string, e journal.Entry) string {
	var b struct {
		Kind    string         `json:"kind"`
		Outcome string         `json:"outcome"`
		Number  any            `json:"number"`
		Page    string         `json:"page"`
		Comment string         `json:"comment"`
		Format  string         `json:"format"`
		To      workflow.Place `json:"to"`
	}
	json.Unmarshal(e.Body, &b) // fields that are missing leave their words out
	text := func(key string) string { return h.kit.Pages.Text(lang, key) }
	key := "documents.event." + e.Kind
	if b.Format == "docx" {
		key += "_docx"
	}
	var arg any = ""
	switch e.Kind {
	case "documents.moved":
		arg = workflow.Material().PlaceName(b.To, lang)
	case "documents.comment_added":
		arg = text("documents.kind." + b.Kind)
	case "documents.comment_settled":
		arg = text("documents.outcome." + b.Outcome)
	case "documents.decided":
		arg = text("meeting.state." + b.Outcome)
	case "documents.frozen", "documents.version_read", "documents.created", "documents.scheduled":
		arg = b.Number
	case "documents.attachment_added", "documents.attachment_removed", "documents.attachment_read":
		arg = b.Number
		if b.Comment != "" {
			key += "_comment"
		}
	}
	if s := h.kit.Pages.Text(lang, key, arg); s != key {
		return s
	}
	return e.Kind
}
