package documents_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/journal"
)

// members is who is in a department of the test office.
func members(_ context.Context, id security.UnitID) (out []access.Person, err error) {
	for _, a := range everybody {
		if a.Unit == id {
			out = append(out, access.Person{ID: a.ID, Name: a.Name, Unit: a.Unit, Roles: a.Roles})
		}
	}
	return out, nil
}

// wants checks who got a message, with what in it, and empties the box.
func (p *postbox) wants(t *testing.T, want map[security.ActorID]string) {
	t.Helper()
	_, texts := p.taken(t)
	if len(texts) != len(want) {
		t.Errorf("%d messages, want %d: %q", len(texts), len(want), texts)
	}
	for who, words := range want {
		if !slices.ContainsFunc(texts, func(s string) bool {
			return strings.Contains(s, "<"+string(who)+"@") && strings.Contains(s, words) && strings.Contains(s, "https://office.example/notices/")
		}) {
			t.Errorf("%s is not told %q: %q", who, words, texts)
		}
	}
}

func TestAnApproverIsToldWhenItIsHisTurnAndOnce(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		box := openPostbox(t)
		m := o.mailer(box)
		o.wantsMail(head, documents.MailNow, nil)
		o.wantsMail(budget, documents.MailDaily, map[string]documents.MailMode{"to_approve": documents.MailNow})
		o.wantsMail(jurist, documents.MailDaily, nil)
		material := o.material(sample)
		v, err := o.Freeze(o.ctx, drafter, material.ID)
		o.ok(err)
		_, err = o.StartRoute(o.ctx, drafter, v.ID, documents.Route{Approvers: []documents.Group{group(documents.All, head, jurist), group(documents.All, budget)}})
		o.ok(err)
		o.deliver(m, 1)
		box.wants(t, map[security.ActorID]string{head.ID: "KULK 1/2026 Oprava mostu v Turnově: čeká na vaše schválení."})
		if n := o.count(`SELECT count(*) FROM documents_outbox WHERE person = $1`, jurist.ID); n != 0 {
			t.Error("who wants a digest has a row besides it, and would read of it twice")
		}
		// The task says it on the page; the notice behind the mail is not a second one.
		tasks, err := o.Inbox(o.ctx, head)
		o.ok(err)
		if len(tasks) != 1 || tasks[0].What != "approve" {
			t.Errorf("inbox %+v", tasks)
		}
		if n, err := o.Unseen(o.ctx, head); err != nil || n != 0 {
			t.Errorf("%d unseen notices, %v", n, err)
		}
		_, err = o.Approve(o.ctx, head, v.ID)
		o.ok(err)
		o.deliver(m, 0) // the jurist has not acted
		_, err = o.Approve(o.ctx, jurist, v.ID)
		o.ok(err)
		o.deliver(m, 1)
		box.wants(t, map[security.ActorID]string{budget.ID: "čeká na vaše schválení."})
		o.deliver(m, 0)
	})
}

func TestASignerIsToldOncePerRequest(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		box := openPostbox(t)
		m := o.mailer(box)
		o.wantsMail(signer, documents.MailNow, nil)
		material := o.material(sample)
		v, err := o.Freeze(o.ctx, drafter, material.ID)
		o.ok(err)
		_, err = o.StartRoute(o.ctx, drafter, v.ID, documents.Route{Approvers: []documents.Group{group(documents.All, head)}, Signers: []documents.Group{group(documents.All, signer)}})
		o.ok(err)
		_, err = o.Approve(o.ctx, head, v.ID)
		o.ok(err)
		body, err := json.Marshal(map[string]any{"version": v.ID, "signer": signer.ID})
		o.ok(err)
		asked := journal.Entry{Seq: 1000, Kind: "signing.requested", Subject: "document:" + string(material.ID), Body: body}
		o.ok(o.React(o.ctx, asked))
		o.deliver(m, 1)
		box.wants(t, map[security.ActorID]string{signer.ID: "čeká na váš podpis."})
		o.ok(o.React(o.ctx, asked)) // a reaction after a crash
		o.deliver(m, 0)

		// A request that comes when the version is not to be signed any more tells nobody.
		o.ok(o.OpenDraft(o.ctx, drafter, material.ID))
		asked.Seq++
		o.ok(o.React(o.ctx, asked))
		if n := o.count(`SELECT count(*) FROM documents_notice WHERE kind = 'to_sign'`); n != 1 {
			t.Errorf("%d notices of signatures", n)
		}
	})
}

func TestARoundTellsTheUnitsAskedAndTheirCommentsTellTheDrafter(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.Service.Members = members
		box := openPostbox(t)
		m := o.mailer(box)
		for _, who := range []security.Actor{jurist, juristsHead, budgetsHead, drafter} {
			o.wantsMail(who, documents.MailNow, nil)
		}
		o.wantsMail(reader, documents.MailNow, map[string]documents.MailMode{"to_comment": documents.MailNever})
		material := o.material(sample)
		o.start(material.ID, units("pravni"), units("finance"))
		o.deliver(m, 3)
		box.wants(t, map[security.ActorID]string{
			jurist.ID: "váš útvar má uplatnit připomínky.", juristsHead.ID: "čeká na stanovisko vašeho útvaru.", budgetsHead.ID: "čeká na stanovisko vašeho útvaru."})
		add(o, material.ID, "opravu mostu", nil)
		o.deliver(m, 0)
		o.ok(o.State(o.ctx, juristsHead, material.ID, "pravni", documents.WithRemarks, ""))
		o.deliver(m, 1)
		box.wants(t, map[security.ActorID]string{drafter.ID: "útvar potvrdil připomínky, můžete je vypořádat."})
		o.ok(o.State(o.ctx, budgetsHead, material.ID, "finance", documents.Consents, ""))
		o.deliver(m, 0) // there is nothing to settle
	})
}

// The act and the mail about it are one transaction: neither is there without the other.
func TestAnActThatFailsAsksNobody(t *testing.T) {
	o := onSQLite(t)
	o.Service.Members = members
	o.wantsMail(jurist, documents.MailNow, nil)
	o.wantsMail(head, documents.MailNow, nil)
	dying := o.serve(lastMoment{o.store}, o.hub)
	dying.Members = members
	asked := o.material(sample)
	if _, err := dying.StartRound(o.ctx, drafter, asked.ID, documents.NewRound{Required: units("pravni")}); err == nil {
		t.Fatal("the round was to fail")
	}
	m := o.material(sample)
	v, err := o.Freeze(o.ctx, drafter, m.ID)
	o.ok(err)
	if _, err := dying.StartRoute(o.ctx, drafter, v.ID, documents.Route{Approvers: []documents.Group{group(documents.All, head)}}); err == nil {
		t.Fatal("the route was to fail")
	}
	if n := o.count(`SELECT (SELECT count(*) FROM documents_outbox) + (SELECT count(*) FROM documents_notice) + (SELECT count(*) FROM documents_route)`); n != 0 {
		t.Errorf("%d rows are left of acts that failed", n)
	}
	_, err = o.StartRoute(o.ctx, drafter, v.ID, documents.Route{Approvers: []documents.Group{group(documents.All, head)}})
	o.ok(err)
	if n := o.count(`SELECT count(*) FROM documents_outbox`); n != 1 {
		t.Errorf("%d messages of the act that did not fail", n)
	}
}

// lastMoment dies when everything is written and nothing committed.
type lastMoment struct{ documents.Store }

func (l lastMoment) Write(ctx context.Context, do func(documents.Tx) error) error {
	return l.Store.Write(ctx, func(tx documents.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		return errDied
	})
}
