package consent_test

import (
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
)

// tree stands for the log that a host took over.
var tree = consent.Tree{Size: 10, Root: consent.Hash{1}}

// moved is a closed ledger on a host that has taken it over.
func moved(t *testing.T) *ledger {
	t.Helper()
	x := newScene(t, "closed")
	x.log = tree
	return x.ledger
}

func (l *ledger) opening(change func(*consent.Import), keys ...sig.Key) consent.Message {
	m := &consent.Import{Seq: 3, Size: tree.Size, Root: tree.Root, Salt: l.w.Rand.Hash()}
	change(m)
	return l.w.Sign(m, keys...)
}

// TestImport: the ledger goes on where it was closed, and one closing is opened once.
func TestImport(t *testing.T) {
	l := moved(t)
	same := func(*consent.Import) {}
	l.refuse(consent.Closed, l.w.Sign(&consent.Close{Seq: 3, Salt: l.w.Rand.Hash()}, trust, regulator))
	for name, c := range map[string]struct {
		code   consent.Code
		change func(*consent.Import)
		keys   []sig.Key
	}{
		"one authority":     {consent.Unauthorized, same, []sig.Key{trust}},
		"a stranger":        {consent.Unauthorized, same, []sig.Key{mallory}},
		"another size":      {consent.Conflict, func(m *consent.Import) { m.Size-- }, []sig.Key{trust, regulator}},
		"another root":      {consent.Conflict, func(m *consent.Import) { m.Root[31] ^= 1 }, []sig.Key{trust, regulator}},
		"an earlier record": {consent.Conflict, func(m *consent.Import) { m.Seq-- }, []sig.Key{trust, regulator}},
		"no salt":           {consent.Malformed, func(m *consent.Import) { m.Salt = consent.Hash{} }, []sig.Key{trust, regulator}},
	} {
		t.Run(name, func(*testing.T) { l.refuse(c.code, l.opening(c.change, c.keys...)) })
	}
	first := l.opening(same, trust, regulator)
	l.must(first)
	l.refuse(consent.Conflict, first)
	l.refuse(consent.WrongState, l.opening(func(m *consent.Import) { m.Seq = 4 }, trust, regulator)) // it is open
	_, open := l.w.Open()
	l.must(open)
	l.must(l.w.Sign(&consent.Close{Seq: 4, Salt: l.w.Rand.Hash()}, trust, regulator))
	l.must(l.opening(func(m *consent.Import) { m.Seq = 5 }, trust, regulator))
}

// TestNoHostOpensWhatItClosed: a host that took nothing over refuses what opens the ledger elsewhere.
func TestNoHostOpensWhatItClosed(t *testing.T) {
	l := moved(t)
	l.log = consent.Tree{}
	l.refuse(consent.WrongState, l.opening(func(*consent.Import) {}, trust, regulator))
}

// TestAgain: what was taken comes to its leaf again, on the state before it and on no other.
func TestAgain(t *testing.T) {
	x := newSceneOf(t, "again", "active")
	play(x)
	for _, st := range x.done {
		v, err := consent.Verify(x.w.Ledger, st.m)
		if err != nil {
			t.Fatal(err)
		}
		before := stateOf(hexed(st.read))
		if o, err := consent.Again(before, v, st.out.Leaf, consent.Tree{}); err != nil || o.Event != st.out.Event {
			t.Fatalf("%s: %+v, %v", st.out.Event.Type, o.Event, err)
		}
		other := st.out.Leaf
		other.Time += 3 * 60_000
		other.Writes = append([]consent.Write(nil), other.Writes...)
		other.Writes[0].Value = append([]byte{0xff}, other.Writes[0].Value...)
		if _, err := consent.Again(before, v, other, consent.Tree{}); err == nil {
			t.Fatalf("%s comes to another leaf, too", st.out.Event.Type)
		}
	}
}

// TestAloneAbout: a message that is missing is one of a subject, and touches nothing else.
func TestAloneAbout(t *testing.T) {
	x := newSceneOf(t, "alone", "active")
	for _, st := range x.done {
		h, err := consent.AloneAbout(st.out.Leaf)
		if want := st.out.Event.Handle; want.IsZero() != (err != nil) || err == nil && h != want {
			t.Fatalf("%s: %s, %v; it is about %s", st.out.Event.Type, h, err, want)
		}
		if err != nil {
			continue
		}
		leaf := st.out.Leaf
		for _, key := range []string{consent.GenesisKey(), consent.MemberKey("a"), consent.HeadKey(consent.SubjectID{1}), consent.AnchorKey("a")} {
			leaf.Writes = append([]consent.Write{{Key: key, Value: []byte{1}}}, st.out.Leaf.Writes...)
			if _, err := consent.AloneAbout(leaf); err == nil {
				t.Fatalf("%s may write %s unseen", st.out.Event.Type, key)
			}
		}
	}
}
