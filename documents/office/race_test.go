//go:build race

package office

const race = true
