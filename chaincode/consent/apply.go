package consent

import (
	"slices"
	"strings"
)

// Event is the one thing that a transaction says to those who follow the ledger. It is public.
type Event struct {
	Type       string    `json:"type"`
	Handle     SubjectID `json:"handle"` // zero for messages that speak of no subject
	Member     MemberID  `json:"member"` // for messages that change a member's record or anchor
	Seq        Uint64    `json:"seq"`    // of the subject, member or genesis record; 0 for an anchor
	Commitment Hash      `json:"commitment"`
	Time       Millis    `json:"time"` // whole minutes
}

// Apply decides whether v may change the ledger and makes its writes. It runs in order on every host and depends on
// nothing but its arguments. A refusal has written nothing that the host may keep.
func Apply(tx Tx, st State, v Verified) (Event, error) {
	c := &change{tx: tx, st: st, v: v}
	c.event = Event{Type: TypeOf(v.msg.Body), Commitment: v.commitment, Time: tx.Time / minute * minute}
	if err := c.begin(); err != nil {
		return Event{}, err
	}
	if err := v.msg.Body.apply(c); err != nil {
		return Event{}, err
	}
	return c.event, nil
}

// Outcome is a transaction's result as a host keeps it.
type Outcome struct {
	Event   Event
	Leaf    Leaf
	Private []Write  // to be kept by who holds the records
	Purge   []string // private keys to be purged
}

// EventOf returns the event of a leaf: what Apply returned when the leaf was made.
func EventOf(l Leaf) (Event, error) {
	ev := Event{Type: l.Type, Commitment: l.Commitment, Time: l.Time}
	for _, w := range l.Writes {
		kind, rest, _ := strings.Cut(w.Key, "/")
		var err error
		switch kind {
		case "head":
			var h Head
			if err = ev.Handle.UnmarshalText([]byte(rest)); err == nil {
				err = Decode(w.Value, &h)
			}
			ev.Seq = h.Seq
		case "member":
			var m Member
			err = Decode(w.Value, &m)
			ev.Member, ev.Seq = m.ID, m.Seq
		case "anchor":
			ev.Member = MemberID(rest)
		case "genesis":
			var g Genesis
			err = Decode(w.Value, &g)
			ev.Seq = g.Seq
		}
		if err != nil {
			return Event{}, errorf(Malformed, "read the write of %s: %w", w.Key, err)
		}
	}
	return ev, nil
}

// Reader reads committed public state.
type Reader interface {
	Get(key string) ([]byte, error)
}

// Run applies v on top of r and returns the writes instead of making them, in the one order that leaves have.
func Run(tx Tx, r Reader, v Verified) (Outcome, error) {
	rec := recorder{Reader: r}
	ev, err := Apply(tx, &rec, v)
	if err != nil {
		return Outcome{}, err
	}
	byKey := func(a, b Write) int { return strings.Compare(a.Key, b.Key) }
	slices.SortFunc(rec.writes, byKey)
	slices.SortFunc(rec.private, byKey)
	leaf := Leaf{Type: ev.Type, Time: ev.Time, Commitment: v.commitment, Writes: rec.writes}
	return Outcome{Event: ev, Leaf: leaf, Private: rec.private, Purge: rec.purge}, nil
}

// recorder is a State that keeps writes to itself.
type recorder struct {
	Reader
	writes, private []Write
	purge           []string
}

var _ State = (*recorder)(nil)

func (r *recorder) Put(key string, value []byte) error {
	if len(value) == 0 || slices.ContainsFunc(r.writes, func(w Write) bool { return w.Key == key }) {
		return errorf(Internal, "write %s: empty or twice", key)
	}
	r.writes = append(r.writes, Write{key, value})
	return nil
}

func (r *recorder) PutPrivate(key string, value []byte) error {
	r.private = append(r.private, Write{key, value})
	return nil
}

func (r *recorder) PurgePrivate(key string) error {
	r.purge = append(r.purge, key)
	return nil
}

// change is one run of Apply.
type change struct {
	tx      Tx
	st      State
	v       Verified
	genesis Genesis
	head    Head // of the subject, when the body is a SubjectBody
	event   Event
}

// begin loads the genesis and, for a subject's message, checks its place in the chain.
func (c *change) begin() error {
	if c.tx.Time <= 0 {
		return errorf(Internal, "a transaction without a time")
	}
	found, err := c.load(genesisKey, &c.genesis)
	if err != nil {
		return err
	}
	_, isInit := c.v.msg.Body.(*Init)
	_, isImport := c.v.msg.Body.(*Import)
	switch {
	case isInit && found:
		return errorf(Exists, "the ledger has its genesis already")
	case isInit:
		return nil
	case !found:
		return errorf(WrongState, "the ledger has no genesis yet")
	case c.v.ledger != c.genesis.Ledger:
		return errorf(BadSignature, "the message was signed for another ledger")
	case c.genesis.Closed && !isImport:
		return errorf(Closed, "the ledger is closed")
	}
	if b, ok := c.v.msg.Body.(SubjectBody); ok {
		return c.beginSubject(b.Link())
	}
	return nil
}

func (c *change) beginSubject(l Link) error {
	c.event.Handle, c.event.Seq = l.Handle, l.Seq
	found, err := c.load(HeadKey(l.Handle), &c.head)
	switch {
	case err != nil:
		return err
	case !found:
		return errorf(NotFound, "there is no such subject")
	case c.head.State == Gone:
		return errorf(Erased, "the subject was erased; enrol again for a new handle")
	case l.Seq != c.head.Seq+1 || l.Prev != c.head.Prev:
		return errorf(Conflict, "the message does not follow the head (seq %d)", c.head.Seq)
	case c.tx.Time/minute*minute < c.head.Time:
		return errorf(Unavailable, "the host's clock is behind the subject's last message")
	}
	return nil
}

// advance writes the head, moved on to this message, and keeps the message itself as private data.
func (c *change) advance() error {
	c.head.Seq, c.head.Prev, c.head.Time = c.head.Seq+1, c.v.commitment, c.event.Time
	h := c.event.Handle
	if err := c.st.PutPrivate(BodyKey(h, c.head.Seq), c.v.canonical); err != nil {
		return err
	}
	return c.put(HeadKey(h), c.head)
}

// load reads and decodes a public value into v and reports whether there is one.
func (c *change) load(key string, v any) (bool, error) {
	b, err := c.st.Get(key)
	if err != nil || b == nil {
		return false, err
	}
	if err := Decode(b, v); err != nil {
		return false, errorf(Internal, "read %s: %w", key, err)
	}
	return true, nil
}

func (c *change) put(key string, v any) error { return c.st.Put(key, Append(nil, v)) }
