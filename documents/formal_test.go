package documents_test

import (
	"testing"

	"spolupis/collab/crdt"
	"spolupis/documents"
	"spolupis/documents/workflow"
	"spolupis/security"
	"spolupis/security/fault"
)

func replace(passage, with string) func(t *crdt.Text) {
	return func(t *crdt.Text) {
		i := index(t, passage)
		t.Delete(i, len([]rune(passage)))
		t.Insert(i, with, nil)
	}
}

func TestApprovalsOutliveAFormalChangeOnly(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m, v := frozen(o)
		route := documents.Route{Approvers: []documents.Group{group(documents.All, head), group(documents.All, budget)}, Signers: []documents.Group{group(documents.All, signer)}}
		_, err := o.StartRoute(o.ctx, drafter, v.ID, route)
		o.ok(err)
		_, err = o.CarryApprovals(o.ctx, drafter, v.ID)
		o.refused(err, fault.Conflict, "documents.fault.nothing_to_carry")
		_, err = o.Approve(o.ctx, head, v.ID)
		o.ok(err)

		o.ok(o.OpenDraft(o.ctx, drafter, m.ID))
		o.edit(m.ID, replace("Druhý odstavec zůstává", "Druhý  odstavec\u00a0zůstává"))
		v2, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		_, err = o.CarryApprovals(o.ctx, head, v2.ID)
		o.refused(err, fault.Denied, "fault.denied")
		c, err := o.CarryApprovals(o.ctx, drafter, v2.ID)
		o.ok(err)
		got := c.Steps[0].Members[0]
		if c.State != documents.Running || c.Current != 1 || got.Act != documents.ActApproved || got.Carried != v.ID {
			t.Errorf("carried as %+v, step %d", got, c.Current)
		}
		o.stands(m.ID, workflow.Approving, documents.Approving)
		notices, err := o.Notices(o.ctx, head, 0)
		o.ok(err)
		if notices[0].Kind != "carried" {
			t.Errorf("the approver was told %+v", notices)
		}
		stored, err := o.Circulation(o.ctx, drafter, v2.ID)
		o.ok(err)
		if stored.Steps[0].Members[0].Carried != v.ID {
			t.Errorf("stored as %+v", stored.Steps[0].Members[0])
		}
		_, err = o.Approve(o.ctx, budget, v2.ID)
		o.ok(err)
		o.stands(m.ID, workflow.Submitted, documents.Approved)

		// A second formal change: everything is approved, only signing is asked for again.
		o.ok(o.OpenDraft(o.ctx, drafter, m.ID))
		o.edit(m.ID, replace("a má dost", "a  má dost"))
		v3, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		c, err = o.CarryApprovals(o.ctx, drafter, v3.ID)
		o.ok(err)
		if c.State != documents.ToSign || c.Steps[0].Members[0].Carried != v.ID || c.Steps[1].Members[0].Carried != v2.ID || c.Steps[2].Members[0].Act != "" {
			t.Errorf("carried as %+v", c)
		}
		o.stands(m.ID, workflow.Submitted, documents.Approved)

		o.ok(o.OpenDraft(o.ctx, drafter, m.ID))
		o.edit(m.ID, replace("4 250 000", "9 250 000"))
		v4, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		_, err = o.CarryApprovals(o.ctx, drafter, v4.ID)
		o.refused(err, fault.Conflict, "documents.fault.not_formal")
	})
}

// A version goes to its signers only when the approvers are done.
func TestApprovalsBlockSigning(t *testing.T) {
	o := onSQLite(t)
	m, v := frozen(o)
	_, err := o.StartRoute(o.ctx, drafter, v.ID, documents.Route{Approvers: []documents.Group{group(documents.All, head)}, Signers: []documents.Group{group(documents.All, signer)}})
	o.ok(err)
	asked := func() bool {
		for _, e := range o.entries(m.ID) {
			if e.Kind == "documents.approved" { // what package signing asks the signers by
				return true
			}
		}
		return false
	}
	o.ok(o.MarkSigning(o.ctx, v.ID)) // too early: nothing happens
	if asked() || o.state(m.ID) != documents.Approving {
		t.Errorf("the signers are asked while the version is %s", o.state(m.ID))
	}
	_, err = o.Reject(o.ctx, head, v.ID, "Ne.")
	o.ok(err)
	o.ok(o.MarkSigning(o.ctx, v.ID))
	o.ok(o.MarkSigned(o.ctx, v.ID))
	if asked() || o.state(m.ID) != documents.Rejected {
		t.Errorf("a refused version is %s", o.state(m.ID))
	}
	for _, who := range []security.Actor{drafter} {
		notices, err := o.Notices(o.ctx, who, 0)
		o.ok(err)
		if len(notices) != 1 {
			t.Errorf("%s was told %+v", who.Name, notices)
		}
	}
}
