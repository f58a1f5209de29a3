// Package arch holds no code: its test checks the rules about imports, package
// docs and top-level folders that the layout of the house rests on.
package arch
