package ccaas

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
)

// A custodian's collection holds the opening of each of its subjects, the message that made the handle, under a key of its
// own; and of each transaction all other messages together, each sealed under a key made from its subject's opening. A
// private key costs each peer about as much as everything else of a message, so a transaction has one, not one a message;
// and an erasure purges one key, with which all that was ever sealed for the subject is gone.

// openingKey is where the opening of a subject is kept.
func openingKey(h consent.SubjectID) string { return consent.BodyKey(h, 1) }

// sealedKey is where the messages of a transaction are kept.
func sealedKey(tx string) string { return "sealed/" + tx }

// sealed are the messages of a transaction.
type sealed struct{ Bodies []sealedBody }

// sealedBody is one message, sealed. Digest is the SHA-256 of its canonical form, from which its key is made too: endorsers
// must come to the same bytes, so there is no nonce to draw, and no key ever seals two texts.
type sealedBody struct {
	Handle consent.SubjectID
	Seq    consent.Uint64
	Digest consent.Hash
	Box    string // AES-256-GCM, zero nonce
}

// box is the cipher of one text of a subject, by HKDF-SHA-256 (RFC 5869) from the salt of the subject's opening.
func box(salt, digest consent.Hash) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, salt[:], nil, "volens body"+string(digest[:]), 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func seal(salt consent.Hash, ev consent.Event, text []byte) (sealedBody, error) {
	b := sealedBody{Handle: ev.Handle, Seq: ev.Seq, Digest: sha256.Sum256(text)}
	c, err := box(salt, b.Digest)
	if err != nil {
		return b, err
	}
	b.Box = string(c.Seal(nil, make([]byte, c.NonceSize()), text, nil))
	return b, nil
}

func (b sealedBody) open(salt consent.Hash) ([]byte, error) {
	c, err := box(salt, b.Digest)
	if err != nil {
		return nil, err
	}
	return c.Open(nil, make([]byte, c.NonceSize()), []byte(b.Box), nil)
}

// saltOf is the salt of an opening in its canonical form.
func saltOf(opening []byte) (consent.Hash, error) {
	m, err := consent.Unmarshal(opening)
	if err != nil {
		return consent.Hash{}, err
	}
	o, ok := m.Body.(*consent.SubjectOpen)
	if !ok {
		return consent.Hash{}, consent.Errorf(consent.Internal, "a subject's first message is no SubjectOpen")
	}
	return o.Salt, nil
}

// collection is what a transaction does to the collection of its one custodian.
type collection struct {
	name   string
	salts  map[consent.SubjectID]consent.Hash // of the openings that are known
	opened map[consent.SubjectID][]byte       // openings that the transaction brings
	sealed sealed
	purged []consent.SubjectID
}

// know finds the salts of the openings that the outcomes of a transaction need: of those that it brings, and those that are
// in the collection.
func (c *collection) know(stub Stub, outs []consent.Outcome) (err error) {
	c.salts, c.opened = map[consent.SubjectID]consent.Hash{}, map[consent.SubjectID][]byte{}
	var keys []string
	var handles []consent.SubjectID
	for _, o := range outs {
		h := o.Event.Handle
		if _, known := c.salts[h]; len(o.Private) == 0 || known {
			continue
		}
		c.salts[h] = consent.Hash{} // as long as it is not known
		if o.Event.Seq > 1 {
			keys, handles = append(keys, openingKey(h)), append(handles, h)
		} else if c.salts[h], err = saltOf(o.Private[0].Value); err != nil {
			return err
		}
	}
	if len(keys) == 0 {
		return nil
	}
	values, err := stub.GetMultiplePrivateData(c.name, keys...)
	if err != nil || len(values) != len(keys) {
		return consent.Errorf(consent.Internal, "read the openings: %w", err)
	}
	for i, b := range values {
		if salt, err := saltOf(b); err == nil { // else it is not here, or is not what it should be, which comes to the same
			c.salts[handles[i]] = salt
		}
	}
	return nil
}

// knows reports whether add can keep what an outcome wants kept.
func (c *collection) knows(o consent.Outcome) bool {
	return len(o.Private) == 0 || !c.salts[o.Event.Handle].IsZero()
}

// add notes what one outcome keeps and purges.
func (c *collection) add(o consent.Outcome) error {
	h := o.Event.Handle
	if len(o.Purge) > 0 {
		if _, here := c.opened[h]; here {
			delete(c.opened, h)
		} else {
			c.purged = append(c.purged, h)
		}
		c.sealed.Bodies = slices.DeleteFunc(c.sealed.Bodies, func(b sealedBody) bool { return b.Handle == h })
	}
	for _, w := range o.Private {
		if o.Event.Seq == 1 {
			c.opened[h] = w.Value
			continue
		}
		b, err := seal(c.salts[h], o.Event, w.Value)
		if err != nil {
			return err
		}
		c.sealed.Bodies = append(c.sealed.Bodies, b)
	}
	return nil
}

// write makes the writes.
func (c *collection) write(stub Stub) error {
	handles := make([]consent.SubjectID, 0, len(c.opened))
	for h := range c.opened {
		handles = append(handles, h)
	}
	slices.SortFunc(handles, func(a, b consent.SubjectID) int { return strings.Compare(a.String(), b.String()) })
	for _, h := range handles {
		if err := stub.PutPrivateData(c.name, openingKey(h), c.opened[h]); err != nil {
			return err
		}
	}
	if len(c.sealed.Bodies) > 0 {
		if err := stub.PutPrivateData(c.name, sealedKey(stub.GetTxID()), consent.Append(nil, c.sealed)); err != nil {
			return err
		}
	}
	for _, h := range c.purged {
		if err := stub.PurgePrivateData(c.name, openingKey(h)); err != nil {
			return err
		}
	}
	return nil
}

// bodies reads messages of one transaction from a custodian's collection: what was erased since is "". Who may read it is
// for the peer to say: the collection is for its members only.
func bodies(stub Stub, args []string) (wire.Values, error) {
	if len(args) < 3 || len(args) > 2+wire.MaxLeaves {
		return wire.Values{}, consent.Errorf(consent.Malformed, "bodies takes a custodian, a transaction and 1 to %d places", wire.MaxLeaves)
	}
	places := make([]sealedBody, len(args)-2)
	keys := []string{sealedKey(args[1])}
	for i, place := range args[2:] {
		handle, seq, _ := strings.Cut(place, "/")
		n, err := strconv.ParseUint(seq, 10, 64)
		if err != nil || places[i].Handle.UnmarshalText([]byte(handle)) != nil {
			return wire.Values{}, consent.Errorf(consent.Malformed, "a place is a handle and a number")
		}
		places[i].Seq = consent.Uint64(n)
		keys = append(keys, openingKey(places[i].Handle))
	}
	values, err := stub.GetMultiplePrivateData(args[0], keys...)
	if err != nil || len(values) != len(keys) {
		return wire.Values{}, consent.Errorf(consent.Unavailable, "read: %w", err)
	}
	var in sealed
	if len(values[0]) > 0 {
		if err := consent.Decode(values[0], &in); err != nil {
			return wire.Values{}, consent.Errorf(consent.Internal, "read the messages of the transaction: %w", err)
		}
	}
	v := wire.Values{Values: make([]string, len(places))}
	for i, p := range places {
		v.Values[i] = in.find(p, values[1+i])
	}
	return v, nil
}

// find opens one message. It is "" when it is not here, or cannot be opened, which comes to the same.
func (s sealed) find(p sealedBody, opening []byte) string {
	if p.Seq == 1 {
		return string(opening)
	}
	at := slices.IndexFunc(s.Bodies, func(b sealedBody) bool { return b.Handle == p.Handle && b.Seq == p.Seq })
	if at < 0 {
		return ""
	}
	salt, err := saltOf(opening)
	if err != nil {
		return ""
	}
	text, err := s.Bodies[at].open(salt)
	if err != nil {
		return ""
	}
	return string(text)
}
