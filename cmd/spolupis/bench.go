package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"

	"spolupis/cmd/internal/capacity"
	"spolupis/cmd/internal/collabbench"
	"spolupis/cmd/internal/crdtbench"
	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/access"
)

const benchUsage = `usage: spolupis bench crdt [-traces DIR] [-only REGEXP] [-n N] [-json]
       spolupis bench collab [-traces DIR] [-only REGEXP] [-for TIME] [-json]
       spolupis bench capacity [-for TIME] [-json]
       spolupis bench documents [-database URL] [-materials N] [-words N] [-n N] [-only REGEXP] [-json]

bench collab itself uses
       spolupis bench furnish PEOPLE DOCUMENTS [flags of serve]
       spolupis bench serve [flags of serve]
`

// bench measures a part of the service.
func bench(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "crdt":
			return crdtbench.Command(ctx, args[1:], stdout, stderr)
		case "collab":
			return collabbench.Command(ctx, args[1:], stdout, stderr)
		case "capacity":
			return capacity.Command(ctx, args[1:], stdout, stderr)
		case "documents":
			return benchDocuments(ctx, args[1:], stdout, stderr)
		case "furnish":
			return benchFurnish(ctx, args[1:], stdout, stderr)
		case "serve":
			return benchServe(ctx, args[1:], stdout, stderr)
		}
	}
	fmt.Fprint(stderr, benchUsage)
	return exitStatus(2)
}

// benchServe is serve, except that one connection may send as fast as it can: what the server carries is to be measured, not
// where it stops a single client.
func benchServe(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	cfg, err := parse("bench serve", args, stderr)
	if err != nil {
		return err
	}
	cfg.unpaced = true
	return serveOffice(ctx, cfg, stdout, stderr, func(context.Context, *App, string) error { return nil })
}

// benchFurnish makes an office of so many people and empty documents, which all of them may edit, and prints their API tokens
// and the documents' ids.
func benchFurnish(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) < 2 {
		fmt.Fprint(stderr, benchUsage)
		return exitStatus(2)
	}
	people, perr := strconv.Atoi(args[0])
	materials, merr := strconv.Atoi(args[1])
	cfg, err := parse("bench furnish", args[2:], stderr)
	if err := errors.Join(perr, merr, err); err != nil {
		return err
	}
	app, err := Open(ctx, cfg, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	defer app.Close()
	var made struct{ Tokens, Documents []string }
	unit := access.UnitInfo{ID: "bench", Name: "Měření"}
	if err := app.Accounts.CreateUnit(ctx, security.System, unit); err != nil {
		return err
	}
	if err := app.Documents.CreateAgenda(ctx, security.System, documents.Agenda{ID: "bench", Name: unit.Name, Unit: unit.ID, Numbering: "M {n}/{year}"}); err != nil {
		return err
	}
	var drafter security.Actor
	for i := range people {
		n := access.NewAccount{Login: fmt.Sprintf("merena%d", i), Name: fmt.Sprintf("Měřená Osoba %d", i), Password: randomPassword(),
			Unit: unit.ID, Roles: []security.Role{security.Drafter}}
		id, err := app.Accounts.Create(ctx, security.System, n)
		if err != nil {
			return err
		}
		drafter = security.Actor{ID: id, Name: n.Name, Unit: n.Unit, Roles: n.Roles}
		token, err := app.Accounts.CreateToken(ctx, drafter, "bench", []access.Scope{access.ScopeEdit}, 0)
		if err != nil {
			return err
		}
		made.Tokens = append(made.Tokens, token)
	}
	for i := range materials {
		m, err := app.Documents.Create(ctx, drafter, documents.NewMaterial{Title: fmt.Sprintf("Měření %d", i), Agenda: "bench",
			Participants: []documents.Participant{{Subject: "unit:bench", Relation: "editor"}}})
		if err != nil {
			return err
		}
		made.Documents = append(made.Documents, string(m.ID))
	}
	if err := app.Settle(ctx); err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(made)
}
