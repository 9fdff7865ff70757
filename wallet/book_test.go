package wallet_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/wallet"
)

func TestPin(t *testing.T) {
	var b wallet.Book
	l := wallet.Ledger{ID: fixedHash(1), Genesis: fixedHash(1), Log: wallet.Log{Key: "a"}}
	for range 2 {
		if err := b.Pin(l); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.Ledgers) != 1 {
		t.Errorf("pinned %d ledgers", len(b.Ledgers))
	}
	otherKey, otherGenesis := l, l
	otherKey.Log.Key, otherGenesis.Genesis = "b", fixedHash(2)
	for _, other := range []wallet.Ledger{otherKey, otherGenesis} {
		if err := b.Pin(other); !errors.Is(err, wallet.ErrPinned) {
			t.Errorf("%+v: got %v", other, err)
		}
	}
	if err := b.Pin(wallet.Ledger{ID: fixedHash(3)}); err == nil {
		t.Error("pinned a ledger without a key")
	}
}

func TestAdd(t *testing.T) {
	var b wallet.Book
	h := consent.SubjectID{1}
	if _, err := b.Add(wallet.Subject{Handle: h, Ledger: fixedHash(1)}); !errors.Is(err, wallet.ErrPinned) {
		t.Errorf("ledger not pinned: %v", err)
	}
	if err := b.Pin(wallet.Ledger{ID: fixedHash(1), Genesis: fixedHash(1), Log: wallet.Log{Key: "a"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Add(wallet.Subject{Ledger: fixedHash(1)}); !errors.Is(err, wallet.ErrSubject) {
		t.Errorf("zero handle: %v", err)
	}
	if _, err := b.Add(wallet.Subject{Handle: h, Ledger: fixedHash(1)}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Add(wallet.Subject{Handle: h, Ledger: fixedHash(1)}); err == nil {
		t.Error("added twice")
	}
}

func TestAdvance(t *testing.T) {
	var l wallet.Log
	var s wallet.Subject
	for _, c := range []struct {
		size consent.Uint64
		root byte
		want error
	}{
		{5, 1, nil}, {5, 1, nil}, {6, 2, nil}, {5, 1, wallet.ErrRollback}, {6, 3, wallet.ErrFork}, {0, 0, wallet.ErrRollback}, {6, 2, nil},
	} {
		err := l.Advance(wallet.Checkpoint{Size: c.size, Root: fixedHash(c.root), Note: "note"})
		if !errors.Is(err, c.want) {
			t.Errorf("checkpoint %d/%d: got %v", c.size, c.root, err)
		}
		if err := s.AdvanceUse(wallet.UseMark{Seq: c.size, Leaf: fixedHash(c.root)}); !errors.Is(err, c.want) {
			t.Errorf("use %d/%d: got %v", c.size, c.root, err)
		}
	}
	if l.Checkpoint.Size != 6 || l.Checkpoint.Root != fixedHash(2) || s.LastUse.Leaf != fixedHash(2) {
		t.Errorf("ended at %+v and %+v", l.Checkpoint, s.LastUse)
	}
}

func TestRecord(t *testing.T) {
	s := wallet.Subject{Handle: consent.SubjectID{1}}
	m := consent.Message{Body: revokeAll(s.Handle)}
	if err := s.Record(m, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Record(m, json.RawMessage(`{}`)); err != nil {
		t.Fatal(err)
	}
	c := consent.Commitment(m.Body)
	if len(s.Records) != 1 || string(s.Records[0].Receipt) != "{}" || s.Records[0].Commitment != c {
		t.Errorf("kept %+v", s.Records)
	}
	if s.Seq != 2 || s.Prev != c {
		t.Errorf("at %d after %s", s.Seq, s.Prev)
	}
	if err := s.Record(consent.Message{Body: revokeAll(consent.SubjectID{2})}, nil); !errors.Is(err, wallet.ErrSubject) {
		t.Errorf("another handle's message: %v", err)
	}
	var back consent.Message
	if err := json.Unmarshal(s.Records[0].Message, &back); err != nil || consent.Commitment(back.Body) != c {
		t.Errorf("the message does not come back: %v", err)
	}
}
