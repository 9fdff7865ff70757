package policies

import "encoding/binary"

// writer appends values so that different values never have the same bytes: lengths go before contents.
type writer []byte

func (w *writer) numbers(ns ...int64) {
	for _, n := range ns {
		*w = binary.AppendVarint(*w, n)
	}
}

func (w *writer) text(s string) {
	*w = binary.AppendUvarint(*w, uint64(len(s)))
	*w = append(*w, s...)
}

func (w *writer) list(ss []string) {
	*w = binary.AppendUvarint(*w, uint64(len(ss)))
	for _, s := range ss {
		w.text(s)
	}
}

func (w *writer) flag(b bool) {
	if b {
		*w = append(*w, 1)
		return
	}
	*w = append(*w, 0)
}
