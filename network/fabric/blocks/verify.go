package blocks

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hyperledger/fabric-protos-go/common"
)

// Trust is what a gateway believes before it has seen anything.
type Trust struct {
	Channel      string
	Chaincode    string // the ledger's
	EventName    string // of the ledger's events
	Genesis      []byte // the channel's first block, as the consortium agreed on it (a common.Block)
	Endorsements int    // organisations that must have signed a result; at least 2
}

// Ref names a block by the hash of its header.
type Ref struct {
	Number uint64
	Hash   [32]byte
}

// Verifier verifies the blocks of one channel, one after the other. One goroutine uses it.
type Verifier struct {
	trust   Trust
	genesis Ref
	config  Ref // what is in force
	who     *authorities
	notes   []string // for the next block's
}

// New makes a verifier that believes the first block and has seen none.
func New(t Trust) (*Verifier, error) {
	if t.Endorsements < 2 {
		return nil, errors.New("one organisation's endorsement proves nothing: ask for two at least")
	}
	v := &Verifier{trust: t}
	var b common.Block
	if err := unmarshal(t.Genesis, &b); err != nil {
		return nil, fmt.Errorf("read the channel's first block: %w", err)
	}
	hash, err := sound(&b)
	if err == nil && b.GetHeader().GetNumber() != 0 {
		err = fmt.Errorf("it is block %d", b.GetHeader().GetNumber())
	}
	if err == nil {
		v.genesis = Ref{0, hash}
		err = v.enact(&b, v.genesis)
	}
	if err != nil {
		return nil, fmt.Errorf("read the channel's first block: %w", err)
	}
	return v, nil
}

// Config names the configuration that the next block is judged by.
func (v *Verifier) Config() Ref { return v.config }

// Resume puts the configuration in force that a verifier had before: the block that Config named then. The zero Ref stands
// for the first block.
func (v *Verifier) Resume(want Ref, b *common.Block) error {
	if b == nil && (want == Ref{} || want == v.genesis) {
		var g common.Block
		if err := unmarshal(v.trust.Genesis, &g); err != nil {
			return err
		}
		return v.enact(&g, v.genesis)
	}
	hash, err := sound(b)
	if err != nil {
		return err
	}
	if got := (Ref{b.GetHeader().GetNumber(), hash}); got != want {
		return fmt.Errorf("block %d is not the configuration that was in force", got.Number)
	}
	return v.enact(b, want)
}

// Next verifies the next block. What a configuration block says is in force when Next returns. After an error the block is
// nobody's to believe, and the verifier is as it was.
func (v *Verifier) Next(b *common.Block) (Block, error) {
	hash, err := sound(b)
	if err != nil {
		return Block{}, err
	}
	h := b.GetHeader()
	at := Ref{h.GetNumber(), hash}
	by, err := v.author(b, at)
	if err != nil {
		return Block{}, err
	}
	codes, err := codesOf(b)
	if err != nil {
		return Block{}, err
	}
	out := Block{Number: at.Number, Hash: hash, Said: said(hash, codes, b)}
	copy(out.Previous[:], h.GetPreviousHash())
	if out.Transactions, err = v.transactions(b, codes); err != nil {
		return Block{}, err
	}
	if at.Number > 0 {
		v.note(by.ended(newest(out.Transactions)))
		if configures(b) && out.Transactions[0].Code == Valid {
			if err := v.enact(b, at); err != nil {
				return Block{}, err
			}
		}
	}
	out.Config = v.config
	out.Notes, v.notes = v.notes, nil
	return out, nil
}

// note keeps something for the log, once for each block.
func (v *Verifier) note(some ...string) {
	for _, s := range some {
		if s != "" && !slices.Contains(v.notes, s) {
			v.notes = append(v.notes, s)
		}
	}
}

func (v *Verifier) transactions(b *common.Block, codes []byte) (all []Transaction, err error) {
	all = make([]Transaction, len(codes))
	for i, d := range b.GetData().GetData() {
		if all[i], err = v.transaction(d, codes[i]); err != nil {
			return nil, fmt.Errorf("transaction %d: %w", i, err)
		}
	}
	return all, nil
}

// newest is when the newest valid transaction with leaves was made, as its endorsers say.
func newest(all []Transaction) (at time.Time) {
	for _, tx := range all {
		if tx.Code == Valid && tx.Time.After(at) {
			at = tx.Time
		}
	}
	return at
}

// author is the orderer that signed a block. Nobody signs the first one: it is known.
func (v *Verifier) author(b *common.Block, at Ref) (signer, error) {
	if at.Number == 0 {
		if at != v.genesis {
			return signer{}, errors.New("it is not the channel's first block that was agreed on")
		}
		return signer{}, nil
	}
	var m common.Metadata
	all := b.GetMetadata().GetMetadata()
	if len(all) <= int(common.BlockMetadataIndex_SIGNATURES) {
		return signer{}, errors.New("nobody signed the block")
	}
	if err := unmarshal(all[common.BlockMetadataIndex_SIGNATURES], &m); err != nil {
		return signer{}, fmt.Errorf("read the block's signatures: %w", err)
	}
	header, err := headerBytes(b.GetHeader())
	if err != nil {
		return signer{}, err
	}
	why := errors.New("nobody signed the block")
	for _, s := range m.GetSignatures() {
		var by common.SignatureHeader
		if err := unmarshal(s.GetSignatureHeader(), &by); err != nil {
			why = fmt.Errorf("read who signed: %w", err)
			continue
		}
		id, err := v.who.identity(by.GetCreator(), unitOrderer, v.who.orderers)
		if err == nil {
			err = id.verify(s.GetSignature(), m.GetValue(), s.GetSignatureHeader(), header)
		}
		if err == nil {
			return id, nil
		}
		why = err
	}
	return signer{}, fmt.Errorf("no orderer signed the block: %w", why)
}

// enact reads the configuration of a block and puts it in force.
func (v *Verifier) enact(b *common.Block, at Ref) error {
	if !configures(b) {
		return fmt.Errorf("block %d has no configuration", at.Number)
	}
	_, payload, header, err := open(b.GetData().GetData()[0])
	if err != nil {
		return err
	}
	if header.GetChannelId() != v.trust.Channel {
		return fmt.Errorf("it is of channel %q", header.GetChannelId())
	}
	who, err := readConfig(payload.GetData())
	if err != nil {
		return fmt.Errorf("read the configuration of block %d: %w", at.Number, err)
	}
	v.who, v.config = who, at
	v.note(who.unread...)
	return nil
}
