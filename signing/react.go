package signing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"spolupis/security"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// ReactsTo are the kinds of journal entries that are anything to React.
var ReactsTo = []string{"documents.approved", "documents.superseded", "documents.draft_opened", "documents.version_read", "documents.approval_given", "signing.signed"}

// React takes in one journal entry; other kinds than those it knows are nothing to it. It is idempotent, as a reaction must be.
// Run it as journal.React(ctx, "signing", service.React, ReactsTo...).
func (s *Service) React(ctx context.Context, e journal.Entry) error {
	var body struct {
		Version  VersionID            `json:"version"`
		Document MaterialID           `json:"document"`
		Signers  [][]security.ActorID `json:"signers"`
		From     VersionID            `json:"from"`
		Stopped  bool                 `json:"stopped"`
	}
	if !slices.Contains(ReactsTo, e.Kind) {
		return nil
	}
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return fmt.Errorf("read %s at %d: %w", e.Kind, e.Seq, err)
	}
	var err error
	switch e.Kind {
	case "documents.approved":
		err = s.Request(ctx, body.Version, body.Signers)
	case "documents.superseded":
		err = s.Store.Cancel(ctx, body.Version, CodeSuperseded)
	case "documents.draft_opened":
		if body.Stopped && body.From != "" {
			err = s.Store.Cancel(ctx, body.From, CodeWithdrawn)
		}
	case "documents.version_read", "documents.approval_given", "signing.signed":
		if id, ok := strings.CutPrefix(e.Subject, "version:"); ok {
			body.Version = VersionID(id)
		}
		err = s.saw(ctx, e, body.Version)
	}
	if errors.Is(err, fault.NotFound) {
		return nil // a version that does not exist has no signers; stopping here would stop everything after it
	}
	return err
}

// saw notes what a person read, for the column "changes since you last saw it". Most readers never sign; noting it for everybody
// costs a row per person and material and is right on the day he is asked to sign.
func (s *Service) saw(ctx context.Context, e journal.Entry, version VersionID) error {
	if version == "" || e.Actor == "" || e.Actor == security.SystemID {
		return nil
	}
	v, err := s.Documents.Version(ctx, version)
	if err != nil {
		return err
	}
	return s.Store.Saw(ctx, e.Actor, v.Material, Seen{Version: v.ID, Number: v.Number, At: e.At})
}

// Request asks the groups to sign a version, one group after another. A person named twice signs in the first group he is in.
// Requests for a superseded version are not made.
func (s *Service) Request(ctx context.Context, version VersionID, groups [][]security.ActorID) error {
	v, err := s.Documents.Version(ctx, version)
	if err != nil {
		return err
	}
	if v.State == Superseded || v.State == Rejected {
		return nil
	}
	pdf, err := s.Documents.PDF(ctx, version)
	if err != nil {
		return err
	}
	now := s.Now()
	named := map[security.ActorID]bool{}
	var list []Request
	group := 0
	for _, members := range groups {
		before := len(list)
		for _, who := range members {
			if who == "" || named[who] {
				continue
			}
			named[who] = true
			state := RequestWaits
			if group == 0 {
				state = RequestOpen
			}
			list = append(list, Request{
				Version: v.ID, Signer: who, Group: group, Material: v.Material, MaterialNumber: v.MaterialNumber, Title: v.Title, Base: sum(pdf),
				Number: v.Number, State: state, CreatedAt: now, ChangedAt: now,
			})
		}
		if len(list) > before {
			group++
		}
	}
	return s.Store.AddRequests(ctx, list)
}
