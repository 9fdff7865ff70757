package policies

import (
	"fmt"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// ParseDate reads a FHIR date, dateTime or instant as the half-open interval that it names: 2016 is a year, 2016-01-01 a
// day, a time with seconds one second. Without a zone it is UTC.
func ParseDate(text string) (consent.Period, error) {
	for _, f := range []struct {
		layout string
		next   func(time.Time) time.Time
	}{
		{"2006", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }},
		{"2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
		{"2006-01-02", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
		{"2006-01-02T15:04Z07:00", func(t time.Time) time.Time { return t.Add(time.Minute) }},
		{"2006-01-02T15:04", func(t time.Time) time.Time { return t.Add(time.Minute) }},
		{"2006-01-02T15:04:05Z07:00", func(t time.Time) time.Time { return t.Add(fraction(text)) }},
		{"2006-01-02T15:04:05", func(t time.Time) time.Time { return t.Add(fraction(text)) }},
	} {
		if t, err := time.Parse(f.layout, text); err == nil {
			p := consent.Period{Start: consent.Millis(t.UnixMilli()), End: consent.Millis(f.next(t).UnixMilli())}
			if p.Start == 0 { // 0 means open; the first millisecond of 1970 is given up
				p.Start = 1
			}
			return p, nil
		}
	}
	return consent.Period{}, fmt.Errorf("read date: %q is not a FHIR date or dateTime", text)
}

// fraction is how long an instant written with seconds lasts: a second, or a millisecond when it has decimals.
func fraction(text string) time.Duration {
	if len(text) > 19 && text[19] == '.' {
		return time.Millisecond
	}
	return time.Second
}

// ParsePeriod reads the two ends of a FHIR Period, either of which may be "". FHIR's end is inclusive, the result's is not.
func ParsePeriod(start, end string) (consent.Period, error) {
	var p consent.Period
	if start != "" {
		s, err := ParseDate(start)
		if err != nil {
			return p, err
		}
		p.Start = s.Start
	}
	if end != "" {
		e, err := ParseDate(end)
		if err != nil {
			return p, err
		}
		p.End = e.End
	}
	return p, nil
}
