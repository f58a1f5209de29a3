package crdt

// wire builds updates by hand, for tests of what no client of ours would send.
type wire []byte

func (b wire) n(xs ...uint64) wire {
	for _, x := range xs {
		b = appendUint(b, x)
	}
	return b
}

func (b wire) s(s string) wire        { return appendString(b, s) }
func (b wire) raw(p ...byte) wire     { return append(b, p...) }
func (b wire) join(p []byte) wire     { return append(b, p...) }
func root(client, clock uint64) wire  { return wire{}.n(1, 1, client, clock) }
func (b wire) text(s string) wire     { return b.raw(0x04).n(1).s("text").s(s) }
func (b wire) after(c, k uint64) wire { return b.raw(0x84).n(c, k) }
func (b wire) done() []byte           { return b.n(0) }
func deletes(c uint64, xs ...uint64) []byte {
	return wire{}.n(0, 1, c, uint64(len(xs)/2)).n(xs...)
}
