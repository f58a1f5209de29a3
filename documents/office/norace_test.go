//go:build !race

package office

const race = false
