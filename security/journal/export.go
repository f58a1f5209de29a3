package journal

import "context"

// Exported is one entry as it leaves the database: exactly what is stored,
// right or wrong, so that a check elsewhere sees what a check here would.
type Exported struct {
	Seq      int64
	Leaf     []byte // canonical bytes of what the row says; nil when there is no such row
	Personal []byte // opened; nil when there is none, or it cannot be opened
	Salt     []byte
	Sealed   bool // a commitment stands in the leaf
	Erased   bool // committed to, and destroyed
}

// Export calls f for entries 1 to size, in order.
func (j *Journal) Export(ctx context.Context, size int64, f func(Exported) error) error {
	next := int64(1)
	fill := func(to int64) error {
		for ; next < to; next++ {
			if err := f(Exported{Seq: next}); err != nil {
				return err
			}
		}
		return nil
	}
	err := j.each(ctx, 0, size, func(r row, secret []byte) error {
		if err := fill(r.seq); err != nil {
			return err
		}
		e := Exported{Seq: r.seq, Leaf: r.leafBytes(), Sealed: len(r.commitment) > 0}
		if e.Sealed {
			e.Erased = len(r.sealed) == 0
			e.Salt, e.Personal, _ = openPersonal(secret, r.nonce, r.sealed)
		}
		next = r.seq + 1
		return f(e)
	})
	if err != nil {
		return err
	}
	return fill(size + 1)
}
