package main

import (
	"context"
	"fmt"
	"time"

	"spolupis/documents"
	"spolupis/documents/meeting"
	"spolupis/security"
	"spolupis/security/access"
)

// heads names who leads the departments and one deputy.
func (f furnishing) heads(ctx context.Context) error {
	for unit, login := range map[security.UnitID]string{"oi": "maly", "oe": "horakova", "op": "pokorna", "sk": "urban"} {
		if err := f.Rights.NameHead(ctx, security.System, unit, f.actor[login].ID); err != nil {
			return fmt.Errorf("head of %s: %w", unit, err)
		}
	}
	now := time.Now()
	_, err := f.Rights.NameDeputy(ctx, f.actor["pokorna"], access.Deputyship{Person: f.actor["pokorna"].ID, Deputy: f.actor["fiala"].ID,
		First: access.DayOf(now), Last: access.DayOf(now.AddDate(0, 0, 14))})
	return err
}

// members of the council; the assembly has more, and in the demo the same.
var demoMembers = []string{"Pavel Kolář", "Hana Svobodová", "Josef Dvořák", "Irena Malá", "Zdeněk Pospíšil", "Věra Kučerová", "Radek Holub", "Olga Benešová", "Milan Říha"}

// meetings calls a council meeting today with three points, one of them
// decided, with tasks, and one being discussed, and an assembly session next month.
func (f furnishing) meetings(ctx context.Context, materials []documents.Material) error {
	marie, pavel := f.actor["vesela"], f.actor["kolar"]
	now := time.Now()
	call := func(kind meeting.Kind, days int) (meeting.Meeting, error) {
		return f.Documents.CallMeeting(ctx, marie, meeting.Meeting{Kind: kind, On: access.DayOf(now.AddDate(0, 0, days)), Chair: pavel.ID, Recorder: marie.ID,
			Verifiers: []security.ActorID{f.actor["svobodova"].ID}, Members: demoMembers})
	}
	today, err := call(meeting.Council, 0)
	if err != nil {
		return err
	}
	session, err := call(meeting.Assembly, 30)
	if err != nil {
		return err
	}
	for _, g := range []meeting.Meeting{today, session} {
		if err := f.Documents.PublishProgramme(ctx, marie, g.ID); err != nil {
			return err
		}
	}
	var items []meeting.Item
	for _, m := range materials[:3] {
		i, err := f.Documents.Schedule(ctx, marie, m.ID, today.ID, "")
		if err != nil {
			return fmt.Errorf("%s: %w", m.Number, err)
		}
		items = append(items, i)
	}
	for _, i := range items[:2] {
		if err := f.Documents.BeginDiscussion(ctx, marie, i.ID, 8); err != nil {
			return err
		}
	}
	clauses, err := f.Documents.Proposed(ctx, marie, documents.VersionID(items[0].Version))
	if err != nil {
		return err
	}
	for i := range clauses {
		if clauses[i].Verb == meeting.Orders {
			clauses[i].Unit, clauses[i].Person = "oe", f.actor["horakova"].ID
			if clauses[i].Due == "" {
				clauses[i].Due = access.DayOf(now.AddDate(0, 1, 0))
			}
		}
	}
	r, err := f.Documents.DecideItem(ctx, marie, items[0].ID, documents.Decision{Outcome: meeting.Adopted, Clauses: clauses, Vote: meeting.Vote{Present: 8, For: 7, Abstained: 1}})
	if err != nil {
		return err
	}
	if err := f.Documents.SendToSign(ctx, marie, items[0].ID); err != nil {
		return err
	}
	return f.Documents.SignResolution(ctx, pavel, items[0].ID, r.SHA256, true)
}
