package bus

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"spolupis/collab"
	"spolupis/collab/store"
	"spolupis/collab/ws"
	"spolupis/collab/ws/official"
	"spolupis/security"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

type everybody struct{}

func (everybody) Right(context.Context, security.Actor, collab.DocumentID) (collab.Right, int64, error) {
	return collab.Edit, 1, nil
}

func (everybody) Epoch(context.Context, security.ActorID, collab.DocumentID) (int64, error) {
	return 1, nil
}

// node starts a node with its own connections to PostgreSQL and Redis and returns its address.
func node(t *testing.T, postgres, redis string) string {
	db, err := database.Open(context.Background(), postgres, database.Set{Name: "journal", FS: journal.Migrations}, database.Set{Name: "collab", FS: store.Migrations})
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.New(db, journal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := store.New(db, store.Config{Journal: j, Now: time.Now})
	hub, err := collab.New(collab.Config{Log: s, Leases: s, Witness: s, Rights: everybody{}, Now: time.Now, Fanout: dial(t, redis),
		Poll: time.Hour}) // only hints can be fast enough for this test
	if err != nil {
		t.Fatal(err)
	}
	h, err := ws.New(ws.Config{Hub: hub,
		Token: func(_ context.Context, token string) (security.Actor, error) {
			return security.Actor{ID: security.ActorID("p-" + token), Name: token, Session: token}, nil
		},
		Session: func(*http.Request) (security.Actor, error) { return security.Actor{}, fault.Unauthenticated },
	})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(h)
	t.Cleanup(func() {
		hub.Close()
		h.Close()
		web.Close()
		s.Close()
		db.Close()
	})
	return "ws" + strings.TrimPrefix(web.URL, "http") + "/collab/"
}

func TestOfficialsOnTwoNodesConvergeOverPostgreSQLAndRedis(t *testing.T) {
	redis := os.Getenv("SPOLUPIS_TEST_REDIS")
	if redis == "" {
		dbtest.Missing(t, "Redis (SPOLUPIS_TEST_REDIS is not set)")
	}
	postgres := dbtest.Postgres(t)
	nodes := []string{node(t, postgres, redis), node(t, postgres, redis)}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	doc := fmt.Sprint("d", time.Now().UnixNano()) // Redis is shared with other runs
	var all []*official.Official
	for i := range 4 {
		o, err := official.Dial(ctx, official.Config{URL: nodes[i%2] + doc, Header: http.Header{"Authorization": {fmt.Sprint("Bearer o", i)}}})
		if err != nil {
			t.Fatal(err)
		}
		defer o.Break()
		all = append(all, o)
	}
	for n := range 20 {
		for i, o := range all {
			o.Type(fmt.Sprintf("<%d.%d>", i, n))
		}
	}
	for i, o := range all {
		if err := o.WaitAcked(ctx); err != nil {
			t.Fatalf("official %d: %v", i, err)
		}
		if err := o.WaitText(ctx, func(body string) bool { return strings.Count(body, "<") == 80 }); err != nil {
			t.Fatalf("official %d has %d of 80 words: %v", i, strings.Count(o.Text(), "<"), err)
		}
	}
	for _, o := range all[1:] {
		if !bytes.Equal(o.State(), all[0].State()) {
			t.Error("documents differ")
		}
	}
}
