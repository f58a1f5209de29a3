// Package signing collects signatures on frozen versions, many with one authorisation, and says what a later change does to them:
// nothing. A signature stays with the version it was given to; the requests that are still open are cancelled and the signer is told.
//
// A [Request] asks one person to sign one version. He chooses requests from his basket ([Service.Basket]), sees the list once more
// ([Service.Confirm]) and authorises exactly that list ([Service.Authorise]). From then on the server works alone ([Service.Run]):
// each item goes through the steps prepared, signed, stamped, embedded, verified, stored, and each step is written down before the
// next, so that the work goes on where it was when a server dies, on the same server or another.
//
// The package holds the rules. Keys, time stamps, documents and the database are behind the ports in ports.go and store.go.
package signing
