// Package signing collects signatures on frozen versions, one at a time or many with one authorisation, and says what a later change
// does to them: nothing; a signature stays with the version it was given to.
package signing
