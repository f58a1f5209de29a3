package fault

import (
	"errors"
	"fmt"
	"testing"
)

func TestKindIsSeenThroughWrapping(t *testing.T) {
	err := fmt.Errorf("freeze m-1: %w", New(Conflict, "documents.fault.frozen", "m-1"))
	if !errors.Is(err, Conflict) {
		t.Errorf("errors.Is(%v, Conflict) = false", err)
	}
	if errors.Is(err, Denied) {
		t.Errorf("errors.Is(%v, Denied) = true", err)
	}
	if f := Of(err); f.Key != "documents.fault.frozen" || f.Args[0] != "m-1" {
		t.Errorf("Of(%v) = %+v", err, f)
	}
}

func TestAnErrorOfNoKindIsInternalAndKeepsItsTextFromPeople(t *testing.T) {
	f := Of(errors.New("dial tcp: secret address"))
	if f.Kind != Internal || f.Key != "fault.internal" {
		t.Errorf("Of(plain error) = %+v, want internal", f)
	}
	if f := Of(fmt.Errorf("x: %w", NotFound)); f.Kind != NotFound || f.Key != "fault.not_found" {
		t.Errorf("Of(bare kind) = %+v, want not_found", f)
	}
}
