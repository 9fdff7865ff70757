// Package deposit keeps documents that patients put down at their custodian's gateway, to be shared under their consents: a
// certificate, a letter, a picture.
//
// A deposit is a record of the use log, and there is no other store: the document is what is sealed beside the use that says
// it was put down. So it is as durable, as private and as hard to hide as every use, is in every backup, and is gone with
// the handle's key when the handle is erased. It is sealed twice, within that also under a key of its own, so that a document
// that was taken away is destroyed although the log keeps every byte: the document's key is dropped, as an erased subject's.
//
//	input of the deposit   length of the head (4, big-endian) ‖ head (JSON) ‖ sealed value of network/vault
//	additional data        "volens/document/1" ‖ handle (16) ‖ SHA-256 of the document (32)
//
// A document is named by the SHA-256 of its bytes. To requesters it is DocumentReference/<that>: a use names what was
// released by what it was, not by a number that anybody could move to other bytes, and a consent that names the document is
// a signature over its content. Whether it flows is decided as for any resource; nothing here permits anything.
//
// Documents are checked for form alone. Whether a certificate is true is for its reader to find out, offline, with keys
// that the reader trusts (package wallet/document): a gateway that said "verified" would have to be believed.
package deposit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/auth"
	"github.com/volens-ledger/volens/gateway/uses"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/network/vault"
)

// Bounds for each handle. A fetch may have to send all of a handle's documents in one answer.
const (
	MaxDocument = 1_000_000 // bytes of one
	MaxTotal    = 4_000_000 // bytes of all that are down
	MaxCount    = 32        // documents that are down
	MaxDaily    = 64        // deposits in 24 hours: the log keeps the bytes of those that were taken away, too
)

// Kinds of use that this package adds.
const (
	Deposit proof.Kind = "deposit" // the patient put a document down; the sealed input is the document
	Removal proof.Kind = "removal" // the patient took it away
)

// Place is whose documents they are: a handle and its slot in the use log.
type Place struct {
	Handle consent.SubjectID
	Slot   consent.Uint64
}

// Config sets a Shelf up. Uses and Vault are needed.
type Config struct {
	Uses  *uses.Log
	Vault *vault.Vault
	Now   func() time.Time
}

// Shelf puts documents down, finds them and takes them away. It is safe for concurrent use. It is the only one that writes
// deposits to its log, because it remembers what it has read there.
type Shelf struct {
	cfg   Config
	locks [64]sync.Mutex // by handle: its documents stand still while one of them comes or goes

	mu   sync.Mutex
	rows map[consent.SubjectID]*row
}

// row is a handle's documents, without their bytes.
type row struct {
	live  []entry          // oldest first
	times []consent.Millis // of deposits in the last day or longer, taken away or not, oldest first
}

type entry struct {
	api.Document
	key   vault.ID       // its own, in the vault
	index consent.Uint64 // of the deposit in the log
}

// head is what the log keeps of a deposit beside the bytes.
type head struct {
	Key      consent.SubjectID `json:"key"`
	Document api.Document      `json:"document"`
}

// maxRows is how many handles' rows are remembered. Others are read from the log again.
const maxRows = 1 << 14

// New returns a shelf over a use log.
func New(cfg Config) *Shelf {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Shelf{cfg: cfg, rows: map[consent.SubjectID]*row{}}
}

// hold locks a handle and returns its row.
func (s *Shelf) hold(ctx context.Context, at Place) (r *row, release func(), err error) {
	lock := &s.locks[at.Handle[0]%byte(len(s.locks))]
	lock.Lock()
	s.mu.Lock()
	r = s.rows[at.Handle]
	s.mu.Unlock()
	if r == nil {
		if r, err = s.load(ctx, at); err != nil {
			lock.Unlock()
			return nil, nil, err
		}
	}
	return r, lock.Unlock, nil
}

// Forget drops what is remembered of a handle that was erased. It does not wait for what is under way.
func (s *Shelf) Forget(h consent.SubjectID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rows, h)
}

// load reads a handle's row from its uses, the newest first. A document whose removal is on record and whose key is still
// there, because the process died in between or a backup was restored, loses it now.
func (s *Shelf) load(ctx context.Context, at Place) (*row, error) {
	r := &row{}
	gone := map[consent.Hash]bool{}
	err := s.cfg.Uses.History(ctx, at.Slot, at.Handle, 0, func(index consent.Uint64, u *proof.Use, input []byte) error {
		switch u.Kind { //nolint:exhaustive // all others are none of ours
		case Removal:
			if id, ok := named(u); ok {
				gone[id] = true
			}
		case Deposit:
			h, _, err := split(input)
			if err != nil {
				return err
			}
			r.times = append(r.times, u.Time)
			key := vault.ID(h.Key)
			switch {
			case !gone[h.Document.ID] && !s.cfg.Vault.Erased(key):
				r.live = append(r.live, entry{h.Document, key, index})
			case s.cfg.Vault.Known(key):
				return coded(s.cfg.Vault.Erase(key))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Reverse(r.live)
	slices.Reverse(r.times)
	s.mu.Lock()
	defer s.mu.Unlock()
	for h := range s.rows {
		if len(s.rows) < maxRows {
			break
		}
		delete(s.rows, h) // any: whose lock is held keeps a pointer, and loads anew next time
	}
	s.rows[at.Handle] = r
	return r, nil
}

// Put puts a document down. by says who did it and how. The same bytes again are what is there already.
func (s *Shelf) Put(ctx context.Context, at Place, in api.Deposit, by proof.Use) (api.Document, error) {
	d, data, err := check(in)
	if err != nil {
		return d, err
	}
	r, release, err := s.hold(ctx, at)
	if err != nil {
		return d, err
	}
	defer release()
	if i := r.find(d.ID); i >= 0 {
		return r.live[i].Document, nil
	}
	d.Time = consent.Millis(s.cfg.Now().UnixMilli())
	if err := r.room(d); err != nil {
		return d, err
	}
	e := entry{Document: d}
	_, _ = rand.Read(e.key[:]) //nolint:errcheck // never fails (crypto/rand)
	input, err := s.seal(at, e, data)
	if err != nil {
		return d, err
	}
	by.Handle, by.Time, by.Kind, by.Decision, by.Labels = at.Handle, d.Time, Deposit, proof.Permit, labels(d)
	by.ResourceTypes, by.Resources = []string{resourceType}, []string{reference(d.ID)}
	rec, err := s.cfg.Uses.Record(ctx, at.Slot, by, input)
	if err != nil {
		return d, err
	}
	e.index = rec.Index
	r.live, r.times = append(r.live, e), append(r.times, d.Time)
	return d, nil
}

// seal makes the input of a deposit. The document's key is durable when it returns, before anything is sealed with it for good.
func (s *Shelf) seal(at Place, e entry, data []byte) ([]byte, error) {
	b, err := json.Marshal(head{consent.SubjectID(e.key), e.Document})
	if err != nil {
		return nil, consent.Errorf(consent.Internal, "write a document's head: %w", err)
	}
	input := append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(b)+len(data)+vault.Overhead), uint32(len(b))), b...) //nolint:gosec // small
	if input, err = s.cfg.Vault.AppendSealed(input, e.key, data, bound(at.Handle, e.ID)); err == nil {
		err = s.cfg.Vault.Sync()
	}
	return input, coded(err)
}

func bound(h consent.SubjectID, id consent.Hash) []byte {
	return slices.Concat([]byte("volens/document/1"), h[:], id[:])
}

const day = 24 * 60 * 60 * 1000

// room refuses a document that there is no room for.
func (r *row) room(d api.Document) error {
	total := d.Size
	for _, e := range r.live {
		total += e.Size
	}
	if len(r.live) >= MaxCount || total > MaxTotal {
		return consent.Errorf(consent.TooLarge, "at most %d documents of %d bytes in all can be here: take one away first", MaxCount, MaxTotal)
	}
	r.times = slices.DeleteFunc(r.times, func(t consent.Millis) bool { return t <= d.Time-day })
	if len(r.times) >= MaxDaily {
		return &auth.LimitError{RetryAfter: time.Duration(r.times[0]+day-d.Time) * time.Millisecond}
	}
	return nil
}

func (r *row) find(id consent.Hash) int {
	return slices.IndexFunc(r.live, func(e entry) bool { return e.ID == id })
}

// List lists a handle's documents, oldest first.
func (s *Shelf) List(ctx context.Context, at Place) ([]api.Document, error) {
	r, release, err := s.hold(ctx, at)
	if err != nil {
		return nil, err
	}
	defer release()
	out := make([]api.Document, len(r.live))
	for i, e := range r.live {
		out[i] = e.Document
	}
	return out, nil
}

var errNone = consent.Errorf(consent.NotFound, "there is no such document")

// Read returns a document and its bytes: consent.NotFound when it is not there, or not there any more.
func (s *Shelf) Read(ctx context.Context, at Place, id consent.Hash) (api.Document, []byte, error) {
	r, release, err := s.hold(ctx, at)
	if err != nil {
		return api.Document{}, nil, err
	}
	i := r.find(id)
	var e entry
	if i >= 0 {
		e = r.live[i]
	}
	release()
	if i < 0 {
		return e.Document, nil, errNone
	}
	_, input, err := s.cfg.Uses.Open(e.index)
	if err != nil {
		return e.Document, nil, err
	}
	_, sealed, err := split(input)
	if err != nil {
		return e.Document, nil, err
	}
	data, err := s.cfg.Vault.Open(e.key, sealed, bound(at.Handle, id))
	if errors.Is(err, vault.ErrErased) { // taken away since
		return e.Document, nil, errNone
	}
	if err == nil && sha256.Sum256(data) != id {
		err = errors.New("a document is not what its name says")
	}
	return e.Document, data, coded(err)
}

// Remove takes a document away: on record, and then its key is dropped. When it returns nil nobody can open it through this
// vault; the vault's next rotation makes that true of every copy.
func (s *Shelf) Remove(ctx context.Context, at Place, id consent.Hash, by proof.Use) error {
	r, release, err := s.hold(ctx, at)
	if err != nil {
		return err
	}
	defer release()
	i := r.find(id)
	if i < 0 {
		return errNone
	}
	by.Handle, by.Time, by.Kind, by.Decision = at.Handle, consent.Millis(s.cfg.Now().UnixMilli()), Removal, proof.Permit
	by.ResourceTypes, by.Resources = []string{resourceType}, []string{reference(id)}
	if _, err := s.cfg.Uses.Record(ctx, at.Slot, by, nil); err != nil {
		return err
	}
	key := r.live[i].key
	r.live = slices.Delete(r.live, i, i+1)
	return coded(s.cfg.Vault.Erase(key))
}

// split takes the input of a deposit apart.
func split(input []byte) (h head, sealed []byte, err error) {
	if len(input) < 4 || int64(binary.BigEndian.Uint32(input)) > int64(len(input)-4) {
		return h, nil, consent.Errorf(consent.Internal, "a deposit ends too early")
	}
	n := 4 + int(binary.BigEndian.Uint32(input))
	if err := json.Unmarshal(input[4:n], &h); err != nil {
		return h, nil, consent.Errorf(consent.Internal, "read a document's head: %w", err)
	}
	return h, input[n:], nil
}

// coded gives a vault's error its code.
func coded(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, vault.ErrFenced):
		return consent.Errorf(consent.Fenced, "document: %w", err)
	case errors.Is(err, vault.ErrClosed):
		return consent.Errorf(consent.Unavailable, "document: %w", err)
	}
	return consent.Errorf(consent.Internal, "document: %w", err)
}
