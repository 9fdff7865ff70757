package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"slices"
	"strconv"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/gateway/access"
	"github.com/volens-ledger/volens/gateway/api"
)

// asker makes requests for random subjects and knows what must be answered.
type asker struct {
	shape   Shape
	names   access.Pseudonyms
	members []asking
	host    string
	drawn   []uint16 // the form of each consent, where subjects draw from forms
}

// asking is one member with its token and the bodies it sends.
type asking struct {
	id    consent.MemberID
	token string
	asks  []question
}

// question is what a body asks about, and the body, cut where the subject's pseudonym and the resource's id go.
type question struct {
	purpose, resource, label string
	body                     [3][]byte
}

const (
	subjectHere  = "00000000000000000000000000000000"
	resourceHere = "resource-here"
)

var labels = []string{"N", "R"}

func (s *server) asker(ctx context.Context, shape Shape) (*asker, error) {
	names, err := node.Pseudonyms(s.p)
	if err != nil {
		return nil, err
	}
	a := &asker{shape: shape, names: names, host: s.host}
	if !shape.Unique {
		r := draws()
		a.drawn = make([]uint16, shape.Subjects*shape.Consents)
		for i := range a.drawn {
			a.drawn[i] = uint16(r.IntN(shape.Forms)) //nolint:gosec // forms are hundreds
		}
	}
	for i := range shape.Members {
		m := asking{id: memberID(i)}
		if m.token, err = s.token(ctx, m.id); err != nil {
			return nil, err
		}
		if m.asks, err = questions(); err != nil {
			return nil, err
		}
		a.members = append(a.members, m)
	}
	return a, nil
}

// questions are all that a member asks, purpose by purpose.
func questions() (qs []question, err error) {
	for _, p := range purposes {
		for _, t := range resourceTypes {
			for _, l := range labels {
				body, err := json.Marshal(api.AccessRequest{
					Subject: subjectHere, Purpose: consent.Coding{Code: p}, Actor: api.Actor{Reference: "Practitioner/bob"},
					Resources: []api.Resource{{Type: t, ID: resourceHere, Labels: []consent.Coding{{System: confidentiality, Code: l}}}},
				})
				if err != nil {
					return nil, err
				}
				q := question{purpose: p, resource: t, label: l}
				q.body[0], body, _ = bytes.Cut(body, []byte(subjectHere))
				q.body[1], q.body[2], _ = bytes.Cut(body, []byte(resourceHere))
				qs = append(qs, q)
			}
		}
	}
	return qs, nil
}

// inquirer is one client's share of the load. It is not safe for concurrent use.
type inquirer struct {
	a      *asker
	r      *mrand.Rand
	buf    []byte
	permit bool // what the last request must be answered
}

func (a *asker) inquirers(n, stream int) []*inquirer {
	out := make([]*inquirer, n)
	for i := range out {
		out[i] = &inquirer{a: a, r: mrand.New(mrand.NewPCG(uint64(i), uint64(stream)))} //nolint:gosec // a load, not a secret
	}
	return out
}

// next is a request for a random subject by a random member. It is valid until the next one.
func (c *inquirer) next() request {
	who := c.r.IntN(len(c.a.members))
	m := &c.a.members[who]
	i := c.r.IntN(c.a.shape.Subjects)
	pseudonym, err := c.a.names.Of(m.id, handleOf(i))
	if err != nil {
		return nil
	}
	q, id := &m.asks[c.r.IntN(len(m.asks))], "r1" // consents except numbers, none of them this
	if c.a.shape.Unique {                         // for the purpose that the subject's consents speak of, so that one of them always matters
		each := len(m.asks) / len(purposes)
		k := c.a.consentTo(i, who)
		q = &m.asks[c.a.speaksOf(k)*each+c.r.IntN(each)]
		if c.a.shape.Named { // the one document that the consent excepts: no two such questions are alike, whatever is left out
			q = &m.asks[c.a.speaksOf(k)*each+slices.Index(resourceTypes, "DocumentReference")*len(labels)]
			id = strconv.Itoa(k)
		}
	}
	c.permit = !c.a.shape.Named && c.a.permits(i, who, q)
	n := len(q.body[0]) + len(pseudonym) + len(q.body[1]) + len(id) + len(q.body[2])
	b := c.buf[:0]
	b = append(b, "POST "+api.PathAccess+" HTTP/1.1\r\nHost: "...)
	b = append(append(append(b, c.a.host...), "\r\nContent-Type: application/json\r\nAuthorization: Bearer "...), m.token...)
	b = append(strconv.AppendInt(append(b, "\r\nContent-Length: "...), int64(n), 10), "\r\n\r\n"...)
	b = append(append(append(b, q.body[0]...), pseudonym...), q.body[1]...)
	c.buf = append(append(b, id...), q.body[2]...)
	return c.buf
}

// speaksOf is which purpose form k speaks of.
func (a *asker) speaksOf(k int) int { return k / a.shape.Members % len(purposes) }

// consentTo is the number of subject i's consent to a member, when every consent has a shape of its own.
func (a *asker) consentTo(i, who int) int {
	first, members := i*a.shape.Consents, a.shape.Members
	return first + (who-first%members+members)%members
}

// permits is what the consents of subject i say, worked out from the forms and not from any policy.
func (a *asker) permits(i, who int, q *question) bool {
	if a.shape.Unique {
		k := a.consentTo(i, who)
		return k < (i+1)*a.shape.Consents && says(k, a.shape.Members, who, q) > 0
	}
	permit := false
	for _, k := range a.drawn[i*a.shape.Consents : (i+1)*a.shape.Consents] {
		switch w := says(int(k), a.shape.Members, who, q); {
		case w < 0:
			return false
		case w > 0:
			permit = true
		}
	}
	return permit
}

// says is what form k says of a question: 1 permits, -1 denies, 0 nothing. See form.
func says(k, members, who int, q *question) int {
	variant := k / (members * len(purposes))
	if k%members != who || purposes[k/members%len(purposes)] != q.purpose {
		return 0
	}
	switch variant % 4 {
	case 1:
		if q.label != "N" {
			return 0
		}
	case 2:
		if q.resource == resourceTypes[variant%len(resourceTypes)] {
			return -1
		}
	case 3:
		if q.resource != "Observation" && q.resource != "Condition" {
			return 0
		}
	}
	return 1
}

var (
	permitted = []byte(`{"decision":"permit",`)
	denied    = []byte(`{"decision":"deny",`)
	receipt   = []byte(`"use":{"index":"`)
	stale     = []byte(`"code":"stale"`)
)

// check says what is wrong with the answer to the last request: it must be the decision that the consents make it, with the
// receipt of its use. A node that is behind its ledger may deny.
func (c *inquirer) check(body []byte) error {
	want := denied
	if c.permit {
		want = permitted
	}
	switch {
	case !bytes.HasPrefix(body, want) && !bytes.Contains(body, stale):
		return fmt.Errorf("an answer was %.60s, not %s", body, want)
	case !bytes.Contains(body, receipt):
		return errors.New("an answer came without the receipt of its use")
	}
	return nil
}
