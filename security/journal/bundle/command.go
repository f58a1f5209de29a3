package bundle

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// Text gives the sentence of a dictionary key in a language.
type Text func(lang, key string, args ...any) string

// The exit codes of Command.
const (
	ExitGood   = 0
	ExitWrong  = 1 // the log was altered
	ExitNoTest = 2 // it could not be checked: bad arguments, unreadable file
)

// Command is `spolupis audit verify`: it checks the bundle named in args and
// says the outcome as a sentence, or as JSON, on out. It touches no network and
// no database. It returns the exit code.
func Command(args []string, text Text, out, errs io.Writer) int {
	fs := flag.NewFlagSet("audit verify", flag.ContinueOnError)
	fs.SetOutput(errs)
	key := fs.String("key", "", "public key line of the log, or a file with it, from a source you trust")
	previous := fs.String("previous", "", "file with a checkpoint of this log kept from before")
	witness := fs.String("witness", "", "public key line of a witness, or a file with it, that must have cosigned the log")
	asJSON := fs.Bool("json", false, "print the outcome as JSON")
	lang := fs.String("lang", "cs", "language of the sentence, cs or en")
	fs.Usage = func() {
		fmt.Fprintln(errs, "usage: spolupis audit verify bundle.zip [-key vkey|file] [-previous checkpoint] [-witness vkey|file] [-json] [-lang cs|en]")
		fs.PrintDefaults()
	}
	files, err := parseAnywhere(fs, args)
	if err != nil || len(files) != 1 {
		if err == nil {
			fs.Usage()
		}
		return ExitNoTest
	}
	rep, err := verifyFile(files[0], *key, *previous, *witness)
	if err != nil {
		fmt.Fprintln(errs, text(*lang, "audit.verify.cannot", err))
		return ExitNoTest
	}
	if *asJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		enc.Encode(rep)
	} else {
		for _, s := range rep.Sentences(*lang, text) {
			fmt.Fprintln(out, s)
		}
	}
	if !rep.OK {
		return ExitWrong
	}
	return ExitGood
}

// parseAnywhere lets flags stand before and after the file's name.
func parseAnywhere(fs *flag.FlagSet, args []string) (files []string, err error) {
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		if fs.NArg() == 0 {
			return files, nil
		}
		files, args = append(files, fs.Arg(0)), fs.Args()[1:]
	}
}

func verifyFile(path, key, previous, witness string) (Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return Report{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Report{}, err
	}
	var check Check
	check.Key, check.Witness = lineOf(key), lineOf(witness)
	if previous != "" {
		if check.Previous, err = os.ReadFile(previous); err != nil {
			return Report{}, err
		}
	}
	return Verify(f, info.Size(), check)
}

// lineOf returns what stands in the file s, or s itself when there is none.
func lineOf(s string) string {
	if b, err := os.ReadFile(s); err == nil {
		s = string(b)
	}
	return strings.TrimSpace(s)
}

// Sentences says the outcome to a person.
func (r Report) Sentences(lang string, text Text) []string {
	var out []string
	say := func(key string, args ...any) { out = append(out, text(lang, key, args...)) }
	switch {
	case r.OK:
		say("audit.verify.good", r.Size, r.Origin)
	case r.WrongTo > r.Wrong:
		say("audit.verify.wrong_range", r.Wrong, r.WrongTo)
	case r.Wrong > 0:
		say("audit.verify.wrong", r.Wrong)
	default:
		say("audit.verify.wrong_nowhere")
	}
	if !r.OK {
		say("audit.wrong." + r.What)
		if r.File != "" {
			say("audit.verify.file", r.File)
		}
		return out
	}
	say("audit.verify.parts", r.Opened, r.Erased, r.Withheld)
	if r.Previous > 0 {
		say("audit.verify.previous", r.Previous)
	}
	if r.Witness != "" {
		say("audit.verify.witness", r.Witness, r.Seen)
	}
	if !r.OwnKey {
		say("audit.verify.own_key")
	}
	return out
}
