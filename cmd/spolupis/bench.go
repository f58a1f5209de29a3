package main

import (
	"context"
	"fmt"
	"io"

	"spolupis/cmd/internal/crdtbench"
)

const benchUsage = `usage: spolupis bench crdt [-traces DIR] [-only REGEXP] [-n N] [-json]
`

// bench measures a part of the service.
func bench(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 || args[0] != "crdt" {
		fmt.Fprint(stderr, benchUsage)
		return exitStatus(2)
	}
	return crdtbench.Command(ctx, args[1:], stdout, stderr)
}
