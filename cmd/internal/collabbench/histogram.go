package collabbench

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// histogram counts durations in buckets 3 % wide: 32 for each power of two of nanoseconds.
type histogram struct {
	n       atomic.Int64
	buckets [60 * 32]atomic.Int64
}

func (h *histogram) add(d time.Duration) {
	v := uint64(max(d, 0))
	i := int(v)
	if v >= 32 {
		e := bits.Len64(v) - 6 // v>>e has six bits, the first of them set
		i = (e+1)*32 + int(v>>e) - 32
	}
	h.buckets[i].Add(1)
	h.n.Add(1)
}

// quantile returns the upper end of the bucket in which the share q of all durations ends; 0 when there are none.
func (h *histogram) quantile(q float64) time.Duration {
	rest := int64(q * float64(h.n.Load()))
	for i := range h.buckets {
		k := h.buckets[i].Load()
		if rest -= k; rest < 0 || k > 0 && rest == 0 {
			if i < 32 {
				return time.Duration(i)
			}
			e := i/32 - 1
			return time.Duration((i%32+33)<<e - 1)
		}
	}
	return 0
}

func (h *histogram) ms(q float64) float64 { return float64(h.quantile(q)) / 1e6 }
