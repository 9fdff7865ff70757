package blocks

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/hyperledger/fabric-protos-go/common"
	pb "github.com/hyperledger/fabric-protos-go/peer"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
)

// Valid is the validation code of a transaction that changed the state. The others have Fabric's names, too.
const Valid = "VALID"

// Block is a block that was verified. Hash is that of its header, Previous the one that its header names, Config the
// configuration that the next block is judged by.
type Block struct {
	Number         uint64
	Hash, Previous [32]byte
	Config         Ref
	Said           [32]byte // see Said
	Transactions   []Transaction
	Notes          []string // for the operators' log: what works, and will not for ever
}

// Said is what a peer says of a block that others can say, too: the hash of its header, the validation codes, and where the
// envelopes' borders are, hashed. Nothing of codes and borders is proven.
func Said(b *common.Block) ([32]byte, error) {
	raw, err := headerBytes(b.GetHeader())
	if err != nil {
		return [32]byte{}, err
	}
	codes, err := codesOf(b)
	if err != nil {
		return [32]byte{}, err
	}
	return said(sha256.Sum256(raw), codes, b), nil
}

func said(hash [32]byte, codes []byte, b *common.Block) [32]byte {
	all := append(hash[:], codes...)
	for _, d := range b.GetData().GetData() {
		all = binary.BigEndian.AppendUint64(all, uint64(len(d)))
	}
	return sha256.Sum256(all)
}

// Transaction is one transaction of a block.
type Transaction struct {
	ID     string    // "" when the envelope has another's
	Code   string    // validation code, as the peer says it
	Unread bool      // it is no envelope, and called invalid
	Event  []byte    // payload of the ledger's event, nil when it has none that enough organisations endorsed
	Time   time.Time // of the proposal, where there is an Event
}

func unmarshal(b []byte, m protoadapt.MessageV1) error {
	return proto.Unmarshal(b, protoadapt.MessageV2Of(m))
}

// headerBytes is what hashes and signatures of a header run over: ASN.1 DER.
func headerBytes(h *common.BlockHeader) ([]byte, error) {
	return asn1.Marshal(struct {
		Number             *big.Int
		Previous, DataHash []byte
	}{new(big.Int).SetUint64(h.GetNumber()), h.GetPreviousHash(), h.GetDataHash()})
}

// sound checks that a block's data is what its header says and returns the header's hash.
func sound(b *common.Block) (hash [32]byte, err error) {
	h := b.GetHeader()
	if h == nil {
		return hash, errors.New("it has no header")
	}
	sum := sha256.New()
	for _, d := range b.GetData().GetData() {
		sum.Write(d)
	}
	if !bytes.Equal(sum.Sum(nil), h.GetDataHash()) {
		return hash, errors.New("its data is not what its header says")
	}
	if h.GetNumber() > 0 && len(h.GetPreviousHash()) != sha256.Size {
		return hash, errors.New("it does not say which block it follows")
	}
	raw, err := headerBytes(h)
	if err != nil {
		return hash, err
	}
	return sha256.Sum256(raw), nil
}

func codesOf(b *common.Block) ([]byte, error) {
	var codes []byte
	if m := b.GetMetadata().GetMetadata(); len(m) > int(common.BlockMetadataIndex_TRANSACTIONS_FILTER) {
		codes = m[common.BlockMetadataIndex_TRANSACTIONS_FILTER]
	}
	if len(codes) != len(b.GetData().GetData()) {
		return nil, errors.New("it does not say which transactions are valid")
	}
	return codes, nil
}

// open opens an envelope, which has one payload and one signature at most: see the package comment, a.
func open(raw []byte) (env common.Envelope, payload common.Payload, header common.ChannelHeader, err error) {
	if err = unmarshal(raw, &env); err != nil {
		return env, payload, header, err
	}
	if twice(raw) || len(env.GetPayload()) == 0 {
		return env, payload, header, errors.New("the envelope is not one envelope")
	}
	if err = unmarshal(env.GetPayload(), &payload); err == nil {
		err = unmarshal(payload.GetHeader().GetChannelHeader(), &header)
	}
	return env, payload, header, err
}

// lastField is the highest number of an Envelope's fields.
const lastField = 2

// twice reports whether an envelope that can be read has a field more than once: all but the last are not seen by who reads
// it. Fields that Fabric does not know may be there, however often.
func twice(raw []byte) bool {
	var seen [lastField + 1]bool
	for len(raw) > 0 {
		number, kind, n := protowire.ConsumeField(raw)
		if n < 0 {
			return true
		}
		if kind == protowire.BytesType && number <= lastField {
			if seen[number] {
				return true
			}
			seen[number] = true
		}
		raw = raw[n:]
	}
	return false
}

// ownID reports whether a transaction has the id that its signature header gives it. Fabric's peers call no other valid.
func ownID(h *common.ChannelHeader, signature []byte) bool {
	var by common.SignatureHeader
	if unmarshal(signature, &by) != nil {
		return false
	}
	sum := sha256.Sum256(slices.Concat(by.GetNonce(), by.GetCreator()))
	return h.GetTxId() == hex.EncodeToString(sum[:])
}

// configures reports whether a block has a configuration: alone, as orderers order it.
func configures(b *common.Block) bool {
	if len(b.GetData().GetData()) != 1 {
		return false
	}
	_, _, header, err := open(b.GetData().GetData()[0])
	return err == nil && common.HeaderType(header.GetType()) == common.HeaderType_CONFIG
}

// transaction reads an envelope, and proves it if it is called valid and speaks of the ledger. What is not valid may be
// anything: whoever may write to the channel has it ordered.
func (v *Verifier) transaction(raw []byte, code byte) (tx Transaction, err error) {
	tx.Code = pb.TxValidationCode(code).String()
	env, payload, header, err := open(raw)
	if err != nil {
		tx.Unread = true
		return tx, unlessInvalid(tx, err)
	}
	if ownID(&header, payload.GetHeader().GetSignatureHeader()) {
		tx.ID = header.GetTxId()
	}
	switch common.HeaderType(header.GetType()) { //nolint:exhaustive // no other changes what the ledger has
	case common.HeaderType_CONFIG:
		return tx, nil
	case common.HeaderType_ENDORSER_TRANSACTION:
	default:
		return tx, nil
	}
	if err = v.prove(&tx, &header, &payload); err != nil {
		tx.Event = nil
	}
	if len(env.GetSignature()) == 0 || tx.ID == "" {
		err = errors.Join(err, errors.New("nobody signed the envelope, or it has another's id"))
	}
	return tx, unlessInvalid(tx, err)
}

// unlessInvalid is an error of a transaction that is called valid.
func unlessInvalid(tx Transaction, err error) error {
	if tx.Code != Valid {
		return nil
	}
	return err
}

// prove reads the ledger's event of a transaction, which counts if enough organisations have endorsed it. One that they have
// not, and that is valid because it writes no public state, is nobody's event.
func (v *Verifier) prove(tx *Transaction, header *common.ChannelHeader, payload *common.Payload) error {
	a, err := readAnswer(payload.GetData())
	if err != nil {
		return err
	}
	if tx.Event, err = a.event(v.trust.Chaincode, v.trust.EventName); err != nil || tx.Event == nil {
		return err
	}
	if header.GetChannelId() != v.trust.Channel {
		return fmt.Errorf("it is of channel %q", header.GetChannelId())
	}
	tx.Time = header.GetTimestamp().AsTime()
	err = v.endorsed(a, payload.GetHeader(), tx.Time)
	if errors.Is(err, errFew) && !a.writes(v.trust.Chaincode) {
		tx.Event, tx.Time, err = nil, time.Time{}, nil
	}
	return err
}
