package fhir

import (
	"fmt"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
)

// half reads a FHIR Period as a half-open one: each end is an interval by its precision, the period reaches from the
// beginning of the first to the end of the last. A missing end is open.
func (f *findings) half(p *period, at string) consent.Period {
	if p == nil {
		return consent.Period{}
	}
	h, err := policies.ParsePeriod(p.Start, p.End)
	if err != nil || p.Start == "" && p.End == "" {
		f.refuse("value", at, "not a FHIR period with a start or an end")
		return consent.Period{}
	}
	return h
}

// instant reads the beginning of a FHIR date or dateTime; 0 when there is none.
func (f *findings) instant(text, at string) consent.Millis {
	if text == "" {
		return 0
	}
	p, err := policies.ParseDate(text)
	if err != nil {
		f.refuse("value", at, "not a FHIR date or dateTime")
	}
	return p.Start
}

// whole writes a half-open period as FHIR's, whose end is inclusive: to the second, or to the millisecond where a second
// would say too much. Always with a zone, so that every reader reads the same.
func whole(p consent.Period) (*period, error) {
	if p == (consent.Period{}) {
		return nil, nil //nolint:nilnil // no period is no element
	}
	out := &period{}
	var err error
	if p.Start != 0 {
		if out.Start, err = stamp(p.Start); err != nil {
			return nil, err
		}
	}
	switch last := p.End - 1000; {
	case p.End == 0:
	case p.End%1000 == 0 && p.Start <= last:
		out.End, err = stamp(last)
	default:
		out.End, err = format(p.End-1, milliseconds)
	}
	return out, err
}

const (
	seconds      = "2006-01-02T15:04:05Z"
	milliseconds = "2006-01-02T15:04:05.000Z"
)

// stamp writes an instant.
func stamp(t consent.Millis) (string, error) {
	if t%1000 == 0 {
		return format(t, seconds)
	}
	return format(t, milliseconds)
}

func format(t consent.Millis, layout string) (string, error) {
	at := time.UnixMilli(int64(t)).UTC()
	if at.Year() < 1 || at.Year() > 9999 {
		return "", fmt.Errorf("FHIR has no date in the year %d", at.Year())
	}
	return at.Format(layout), nil
}
