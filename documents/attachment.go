package documents

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"spolupis/documents/body"
	"spolupis/documents/filetype"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// AttachmentID identifies an attachment.
type AttachmentID string

// Attachment is a file beside a material, or beside one of its comments.
type Attachment struct {
	ID       AttachmentID
	Material MaterialID
	Comment  CommentID // "": of the material itself
	// Number is its place, from 1. One that replaces another takes its number,
	// so that "příloha č. 2" in the text goes on to be right.
	Number    int
	Name      string // as filetype.Clean leaves it; unique beside the same thing
	MediaType string
	Size      int
	SHA256    string // names the blob
	AddedBy   security.ActorID
	AddedAt   time.Time
}

// Upload is a file as somebody sends it.
type Upload struct {
	Name  string
	Bytes []byte
}

// Annex is an attachment as the manifest of a version lists it.
type Annex struct {
	Number    int    `json:"number"`
	Name      string `json:"name"`
	MediaType string `json:"media_type"`
	Size      int    `json:"size"`
	SHA256    string `json:"sha256"`
}

func (a Attachment) annex() Annex { return Annex{a.Number, a.Name, a.MediaType, a.Size, a.SHA256} }

// Limits of attachments.
const (
	MaxAttachment         = 20 << 20  // bytes of one file
	MaxAttachments        = 20        // of a material
	MaxAttached           = 100 << 20 // bytes of all of a material, or of all its comments
	MaxCommentAttachments = 5         // of one comment
)

// AttachmentReader answers which attachments there are.
type AttachmentReader interface {
	// Attachments lists those of a material itself, or of one of its comments, that were not removed, by number.
	Attachments(ctx context.Context, id MaterialID, c CommentID) ([]Attachment, error)
	// CommentAttachments lists those of all comments on a material, by comment and number.
	CommentAttachments(ctx context.Context, id MaterialID) ([]Attachment, error)
	// Attachment is fault.NotFound when it is not of that material, or was removed.
	Attachment(ctx context.Context, id MaterialID, a AttachmentID) (Attachment, error)
}

// AttachmentWriter keeps attachments within a transaction.
type AttachmentWriter interface {
	AddAttachment(ctx context.Context, a Attachment) error
	RemoveAttachment(ctx context.Context, a AttachmentID, by security.ActorID, at time.Time) error // fault.NotFound when it is gone
}

// Attachments lists the attachments of a material that who may see.
func (s *Service) Attachments(ctx context.Context, who security.Actor, id MaterialID) ([]Attachment, error) {
	if err := s.can(ctx, who, access.View, id); err != nil {
		return nil, err
	}
	return s.Store.Attachments(ctx, id, "")
}

// Attach adds files to a material while its text is open: all of them, or
// none. A file that is there already, of the same name and content, is left as
// it is, so a form sent twice adds nothing. An upload and a freeze exclude each
// other: a file that was taken is in the version that is frozen next.
func (s *Service) Attach(ctx context.Context, who security.Actor, id MaterialID, files []Upload) ([]Attachment, error) {
	if err := s.can(ctx, who, access.Edit, id); err != nil {
		return nil, err
	}
	fresh, err := s.received(who, id, "", files)
	if err != nil {
		return nil, err
	}
	err = s.Store.Write(ctx, func(tx Tx) error {
		m, err := s.editable(ctx, tx, id)
		if err != nil {
			return err
		}
		have, err := tx.Attachments(ctx, id, "")
		if err != nil {
			return err
		}
		added, err := s.place(ctx, tx, who, have, total(have), fresh, MaxAttachments)
		if err != nil || added == 0 {
			return err
		}
		m.ChangedAt = s.now()
		return tx.SetMaterial(ctx, m)
	})
	return attachmentsOf(fresh), wrap("attach to", id, err)
}

// incoming is a file that was checked and waits for its place.
type incoming struct {
	Attachment
	bytes []byte
}

func attachmentsOf(all []incoming) []Attachment {
	var out []Attachment
	for _, f := range all {
		out = append(out, f.Attachment)
	}
	return out
}

// received checks files by themselves.
func (s *Service) received(who security.Actor, id MaterialID, c CommentID, files []Upload) ([]incoming, error) {
	if len(files) == 0 {
		return nil, invalid("attachments.fault.none")
	}
	var out []incoming
	for _, f := range files {
		name := filetype.Clean(f.Name)
		if name == "" {
			return nil, invalid("attachments.fault.name")
		}
		if len(f.Bytes) > MaxAttachment {
			return nil, fault.New(fault.TooLarge, "attachments.fault.large", name, MaxAttachment>>20)
		}
		media, err := filetype.Of(name, f.Bytes)
		if why, ok := errors.AsType[filetype.Refusal](err); ok {
			return nil, invalid("attachments.fault."+string(why), name, filetype.Extension(name), strings.Join(filetype.Extensions(), ", "))
		} else if err != nil {
			return nil, err
		}
		out = append(out, incoming{Attachment{ID: AttachmentID(newID("a")), Material: id, Comment: c, Name: name, MediaType: media,
			Size: len(f.Bytes), SHA256: sum(f.Bytes), AddedBy: who.ID, AddedAt: s.now()}, f.Bytes})
	}
	return out, nil
}

// place numbers and writes what is not there yet, and records it. Stored is what all attachments of their kind hold already.
func (s *Service) place(ctx context.Context, tx Tx, who security.Actor, have []Attachment, stored int, fresh []incoming, most int) (added int, err error) {
	var entries []journal.Entry
	for i := range fresh {
		f := &fresh[i]
		if twin := slices.IndexFunc(have, func(a Attachment) bool { return strings.EqualFold(a.Name, f.Name) }); twin >= 0 {
			if have[twin].SHA256 != f.SHA256 || have[twin].Name != f.Name {
				return 0, conflict("attachments.fault.twice", f.Name)
			}
			f.Attachment = have[twin]
			continue
		}
		if len(have) >= most {
			return 0, fault.New(fault.TooMany, "attachments.fault.many", most)
		}
		if stored += f.Size; stored > MaxAttached {
			return 0, fault.New(fault.TooLarge, "attachments.fault.total", f.Name, MaxAttached>>20)
		}
		f.Number = 1
		for slices.ContainsFunc(have, func(a Attachment) bool { return a.Number == f.Number }) {
			f.Number++
		}
		if err := tx.PutBlob(ctx, f.SHA256, f.bytes); err != nil {
			return 0, err
		}
		if err := tx.AddAttachment(ctx, f.Attachment); err != nil {
			return 0, err
		}
		have = append(have, f.Attachment)
		entries = append(entries, s.attachmentEntry(who, "documents.attachment_added", f.Attachment))
		added++
	}
	if added == 0 {
		return 0, nil
	}
	return added, tx.Record(ctx, entries...)
}

func total(all []Attachment) (n int) {
	for _, a := range all {
		n += a.Size
	}
	return n
}

// attachmentEntry keeps the name sealed: files are often called after people.
func (s *Service) attachmentEntry(who security.Actor, kind string, a Attachment) journal.Entry {
	facts := map[string]any{"attachment": a.ID, "number": a.Number, "media_type": a.MediaType, "size": a.Size, "sha256": a.SHA256}
	if a.Comment != "" {
		facts["comment"] = a.Comment
	}
	return s.entry(who, kind, a.Material, facts, map[string]any{"name": a.Name})
}

// Detach removes an attachment of a material while its text is open. Versions
// frozen with it keep it.
func (s *Service) Detach(ctx context.Context, who security.Actor, id MaterialID, a AttachmentID) error {
	if err := s.can(ctx, who, access.Edit, id); err != nil {
		return err
	}
	return wrap("detach from", id, s.Store.Write(ctx, func(tx Tx) error {
		m, err := s.editable(ctx, tx, id)
		if err != nil {
			return err
		}
		x, err := tx.Attachment(ctx, id, a)
		if err != nil {
			return err
		}
		if x.Comment != "" {
			return fault.New(fault.NotFound, "attachments.fault.gone")
		}
		if err := s.remove(ctx, tx, who, x); err != nil {
			return err
		}
		m.ChangedAt = s.now()
		return tx.SetMaterial(ctx, m)
	}))
}

// AttachToComment adds files to a comment: its author does, while it waits for
// an answer and its unit has not confirmed it. All of them, or none.
func (s *Service) AttachToComment(ctx context.Context, who security.Actor, id MaterialID, comment CommentID, files []Upload) error {
	if err := s.can(ctx, who, access.Comment, id); err != nil {
		return err
	}
	fresh, err := s.received(who, id, comment, files)
	if err != nil {
		return err
	}
	return s.onAttachments(ctx, "attach to comment on", who, id, comment, func(tx Tx, c Comment) error {
		all, err := tx.CommentAttachments(ctx, id)
		if err != nil {
			return err
		}
		_, err = s.place(ctx, tx, who, c.Attachments, total(all), fresh, MaxCommentAttachments)
		return err
	})
}

// DetachFromComment removes an attachment of a comment, on the same conditions.
func (s *Service) DetachFromComment(ctx context.Context, who security.Actor, id MaterialID, comment CommentID, a AttachmentID) error {
	if err := s.can(ctx, who, access.Comment, id); err != nil {
		return err
	}
	return s.onAttachments(ctx, "detach from comment on", who, id, comment, func(tx Tx, c Comment) error {
		i := slices.IndexFunc(c.Attachments, func(x Attachment) bool { return x.ID == a })
		if i < 0 {
			return fault.New(fault.NotFound, "attachments.fault.gone")
		}
		return s.remove(ctx, tx, who, c.Attachments[i])
	})
}

// onAttachments changes the attachments of a comment that who may still write, and tells the room.
func (s *Service) onAttachments(ctx context.Context, what string, who security.Actor, id MaterialID, comment CommentID, do func(tx Tx, c Comment) error) error {
	var c Comment
	err := s.Store.Write(ctx, func(tx Tx) error {
		_, err := s.editable(ctx, tx, id)
		if err != nil {
			return err
		}
		if c, err = s.commentOn(ctx, tx, id, comment); err != nil {
			return err
		}
		if err := own(who, &c); err != nil {
			return err
		}
		if err := unconfirmed(&c); err != nil {
			return err
		}
		if err := do(tx, c); err != nil {
			return err
		}
		c, err = tx.Comment(ctx, comment)
		return err
	})
	if err != nil {
		return wrap(what, id, err)
	}
	t, err := s.live(ctx, id)
	if err != nil {
		return wrap(what, id, err)
	}
	s.push(ctx, id, map[string]any{"type": "comment", "comment": s.view(ctx, "", c, t)})
	return nil
}

// annexes lists the attachments of a comment as versions keep them.
func (c Comment) annexes() []Annex {
	var out []Annex
	for _, a := range c.Attachments {
		out = append(out, a.annex())
	}
	return out
}

func (s *Service) remove(ctx context.Context, tx Tx, who security.Actor, a Attachment) error {
	if err := tx.RemoveAttachment(ctx, a.ID, who.ID, s.now()); err != nil {
		return err
	}
	return tx.Record(ctx, s.attachmentEntry(who, "documents.attachment_removed", a))
}

// AttachmentFile returns an attachment of a material or of one of its comments,
// for who may see the material. That he reads it is in the journal before it returns.
func (s *Service) AttachmentFile(ctx context.Context, who security.Actor, id MaterialID, a AttachmentID) (Annex, []byte, error) {
	if err := s.can(ctx, who, access.View, id); err != nil {
		return Annex{}, nil, err
	}
	x, err := s.Store.Attachment(ctx, id, a)
	if err != nil {
		return Annex{}, nil, err
	}
	facts := map[string]any{"attachment": a}
	if x.Comment != "" {
		facts["comment"] = x.Comment
	}
	b, err := s.annex(ctx, who, id, x.annex(), facts)
	return x.annex(), b, err
}

// VersionAnnex returns attachment number n of a version, as it was frozen, for
// who may see that version. That he reads it is in the journal before it returns.
func (s *Service) VersionAnnex(ctx context.Context, who security.Actor, id VersionID, n int) (Annex, []byte, error) {
	v, err := s.Version(ctx, who, id)
	if err != nil {
		return Annex{}, nil, err
	}
	i := slices.IndexFunc(v.Manifest.Annexes, func(a Annex) bool { return a.Number == n })
	if i < 0 {
		return Annex{}, nil, fault.New(fault.NotFound, "attachments.fault.gone")
	}
	a := v.Manifest.Annexes[i]
	b, err := s.annex(ctx, who, v.Material, a, map[string]any{"version": v.ID})
	return a, b, err
}

// annex records a reading and returns the bytes. The subject names the file and
// not only the material: two files read one after the other are two readings.
func (s *Service) annex(ctx context.Context, who security.Actor, id MaterialID, a Annex, facts map[string]any) ([]byte, error) {
	facts["document"], facts["number"], facts["sha256"] = id, a.Number, a.SHA256
	if err := s.Reads.Recorded(ctx, who, "documents.attachment_read", "attachment:"+string(id)+"/"+a.SHA256, facts); err != nil {
		return nil, err
	}
	return s.blob(ctx, a.SHA256)
}

// annexes lists what a version frozen now would have.
func (s *Service) annexes(ctx context.Context, id MaterialID) ([]Annex, error) {
	all, err := s.Store.Attachments(ctx, id, "")
	var out []Annex
	for _, a := range all {
		out = append(out, a.annex())
	}
	return out, err
}

// listed draws the list of attachments behind the text of a version, so that
// whoever signs the PDF signs their hashes with it. It is in Czech, as the text is.
func listed(all []Annex) body.Body {
	if len(all) == 0 {
		return body.Body{}
	}
	b := body.Body{Blocks: []body.Block{{Kind: body.Rule}, {Kind: body.Heading, Level: 2, Runs: []body.Run{{Text: "Přílohy"}}}}}
	for _, a := range all {
		b.Blocks = append(b.Blocks,
			body.Block{Kind: body.Paragraph, Runs: []body.Run{{Text: strconv.Itoa(a.Number) + ". "}, {Text: a.Name, Strong: true}, {Text: " (" + bytesInCzech(a.Size) + ")"}}},
			body.Block{Kind: body.Paragraph, Runs: []body.Run{{Text: "SHA-256: "}, {Text: a.SHA256, Code: true}}})
	}
	return b
}

// bytesInCzech writes a number of bytes with spaces between the thousands.
func bytesInCzech(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u00a0" + s[i:]
	}
	return s + "\u00a0B"
}

// AnnexChange is one attachment that is not the same on both sides of a comparison.
type AnnexChange struct {
	Kind string // "added", "removed", "replaced" (same number, other content) or "renamed" (same content, other name or number)
	Old  *Annex
	New  *Annex
}

// AnnexChanges compares the attachments of two sides, by number.
func AnnexChanges(before, after []Annex) []AnnexChange {
	var out []AnnexChange
	for _, o := range before {
		i := slices.IndexFunc(after, func(n Annex) bool { return n.Number == o.Number })
		switch {
		case i < 0:
			out = append(out, AnnexChange{Kind: "removed", Old: &o})
		case after[i].SHA256 != o.SHA256:
			out = append(out, AnnexChange{Kind: "replaced", Old: &o, New: &after[i]})
		case after[i] != o:
			out = append(out, AnnexChange{Kind: "renamed", Old: &o, New: &after[i]})
		}
	}
	for _, n := range after {
		if !slices.ContainsFunc(before, func(o Annex) bool { return o.Number == n.Number }) {
			out = append(out, AnnexChange{Kind: "added", New: &n})
		}
	}
	slices.SortStableFunc(out, func(a, b AnnexChange) int {
		return cmp.Compare(cmp.Or(a.New, a.Old).Number, cmp.Or(b.New, b.Old).Number)
	})
	return out
}
