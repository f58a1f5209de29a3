// Package keys is where signing keys and time stamps come from.
//
// [Folder] keeps software keys in PKCS#12 files under a certification authority of its own, with a time-stamp authority beside it. It
// exists for the demo office and for tests: its certificates say "NEKVALIFIKOVANÝ – zkušební klíč" in their subject, and every
// signature made with them is of the class seal.Test. [TSA] asks a real time-stamp authority over HTTP.
package keys
