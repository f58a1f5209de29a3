package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"spolupis/frontend"
	"spolupis/security/database"
	"spolupis/security/journal"
	"spolupis/security/journal/bundle"
)

const auditUsage = `usage: spolupis audit export [-data DIR | -database URL] -o FILE
       spolupis audit verify FILE [-key VKEY] [-previous CHECKPOINT] [-json] [-lang cs|en]
`

func audit(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(stderr, auditUsage)
		return exitStatus(2)
	}
	switch args[0] {
	case "export":
		return auditExport(ctx, args[1:], stdout, stderr)
	case "verify":
		pages, err := frontend.Open("")
		if err != nil {
			return err
		}
		if status := bundle.Command(args[1:], pages.Text, stdout, stderr); status != 0 {
			return exitStatus(status)
		}
		return nil
	}
	fmt.Fprint(stderr, auditUsage)
	return exitStatus(2)
}

// auditExport writes the journal as a bundle. The server may go on meanwhile.
func auditExport(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var cfg Config
	var out string
	f := flag.NewFlagSet("spolupis audit export", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&cfg.Data, "data", "data", "folder of the embedded database and keys")
	f.StringVar(&cfg.DatabaseURL, "database", os.Getenv("SPOLUPIS_DATABASE_URL"), "PostgreSQL URL; empty: SQLite in the data folder")
	f.StringVar(&out, "o", "", "file to write")
	if err := f.Parse(args); err != nil {
		return err
	}
	if out == "" || f.NArg() > 0 {
		fmt.Fprint(stderr, auditUsage)
		return exitStatus(2)
	}
	if cfg.DatabaseURL == "" {
		if _, err := os.Stat(cfg.database()); err != nil {
			return fmt.Errorf("no office in %s: %w", cfg.Data, err)
		}
	}
	db, err := database.Open(ctx, cfg.database(), sets...)
	if err != nil {
		return err
	}
	defer db.Close()
	origin, key, err := (&App{Config: cfg, DB: db}).logKey()
	if err != nil {
		return err
	}
	j, err := journal.New(db, journal.Config{Now: time.Now, Origin: origin, Key: key})
	if err != nil {
		return err
	}
	s, err := bundle.WriteFile(ctx, out, j, bundle.Options{})
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: %d entries of %s, %d personal parts shown\n", out, s.Size, s.Origin, s.Openings)
	return nil
}
