package bench

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
)

// writers is how many of the mixed load's clients are patients who give and revoke; the others ask for decisions.
const writers = 4

// Mixed measures decisions while patients give and revoke consents.
func Mixed(ctx context.Context, o Options) ([]Result, error) {
	s, err := o.start(ctx)
	if err != nil {
		return nil, err
	}
	rs, err := s.mixed(ctx, o)
	return rs, errors.Join(err, s.close(ctx))
}

func (s *server) mixed(ctx context.Context, o Options) ([]Result, error) {
	a, err := s.asker(ctx, o.Shape)
	if err != nil {
		return nil, err
	}
	token, err := s.token(ctx, custodian)
	if err != nil {
		return nil, err
	}
	ps, err := s.enrol(ctx, writers)
	if err != nil {
		return nil, err
	}
	queues := make([][]request, writers)
	for i, p := range ps {
		if queues[i], err = s.givesAndRevokes(p, token, max(int(o.For.Seconds())*500, 50)); err != nil {
			return nil, err
		}
	}
	type outcome struct {
		r   Result
		err error
	}
	patients := make(chan outcome, 1)
	go func() {
		r, err := drive(ctx, s.host, writers, o.For, func(i, k int) request {
			if k >= len(queues[i]) {
				return nil
			}
			return queues[i][k]
		}, hasReceipt)
		patients <- outcome{r, err}
	}()
	readers := a.inquirers(o.Clients, 9)
	r, err := o.measure(ctx, "mixed", s.host, o.For, func(i, _ int) request { return readers[i].next() },
		func(i int, body []byte) error { return readers[i].check(body) })
	w := <-patients
	r.Name, r.Subjects, r.Consents = "mixed: decisions", o.Shape.Subjects, o.Shape.Subjects*o.Shape.Consents
	w.r.Name, w.r.Subjects = "mixed: grants and revocations", writers
	return []Result{r, w.r}, errors.Join(err, w.err)
}

// givesAndRevokes are a patient's messages: a grant, its revocation, the next grant, and so on.
func (s *server) givesAndRevokes(p *patient, token string, n int) ([]request, error) {
	var out []request
	for range n / 2 {
		ms, err := p.grants(s.ledger, 1, form(0, 1, false))
		if err != nil {
			return nil, err
		}
		b := &consent.ConsentRevoke{Handle: p.handle, Seq: p.seq + 1, Prev: p.prev, Consent: p.seq, Salt: random()}
		m := consent.Message{Body: b, Openings: consent.Openings{KeySalt: &p.salt}}
		if err := m.Sign(s.ledger, p.key); err != nil {
			return nil, err
		}
		p.seq, p.prev = p.seq+1, consent.Commitment(b)
		for _, m := range append(ms, m) {
			body, err := json.Marshal(m)
			if err != nil {
				return nil, err
			}
			out = append(out, render(s.host, api.PathMessages, token, body))
		}
	}
	return out, nil
}
