package blocks

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/hyperledger/fabric-protos-go/common"
	pb "github.com/hyperledger/fabric-protos-go/peer"
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
	Said           [32]byte // of Hash and all validation codes; see Said
	Transactions   []Transaction
}

// Said is what a peer says of a block that others can say, too: the hash of its header and its validation codes, hashed.
// Nothing of it is proven.
func Said(b *common.Block) ([32]byte, error) {
	raw, err := headerBytes(b.GetHeader())
	if err != nil {
		return [32]byte{}, err
	}
	codes, err := codesOf(b)
	hash := sha256.Sum256(raw)
	return sha256.Sum256(append(hash[:], codes...)), err
}

// Transaction is one transaction of a block.
type Transaction struct {
	ID    string
	Code  string    // validation code, as the peer says it
	Event []byte    // payload of the ledger's event, nil when it has none that enough organisations endorsed
	Time  time.Time // of the proposal, where there is an Event
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
	if h == nil || len(b.GetData().GetData()) == 0 {
		return hash, errors.New("it has no header or no data")
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

// open opens an envelope. One that could be written in another way is refused: see the package comment, a.
func open(raw []byte) (env common.Envelope, payload common.Payload, header common.ChannelHeader, err error) {
	if err = unmarshal(raw, &env); err != nil {
		return env, payload, header, err
	}
	again, err := proto.MarshalOptions{Deterministic: true}.Marshal(protoadapt.MessageV2Of(&env))
	if err != nil {
		return env, payload, header, err
	}
	if !bytes.Equal(again, raw) || len(env.GetPayload()) == 0 {
		return env, payload, header, errors.New("the envelope is not one envelope")
	}
	if err = unmarshal(env.GetPayload(), &payload); err == nil {
		err = unmarshal(payload.GetHeader().GetChannelHeader(), &header)
	}
	return env, payload, header, err
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
	env, payload, header, err := open(raw)
	if err != nil {
		return tx, err
	}
	tx = Transaction{ID: header.GetTxId(), Code: pb.TxValidationCode(code).String()}
	switch common.HeaderType(header.GetType()) { //nolint:exhaustive // no other changes what the ledger has
	case common.HeaderType_CONFIG:
		return tx, nil
	case common.HeaderType_ENDORSER_TRANSACTION:
	default:
		return tx, nil
	}
	if len(env.GetSignature()) == 0 {
		return tx, errors.New("nobody signed the envelope")
	}
	err = v.prove(&tx, &header, &payload)
	if tx.Code != Valid && err != nil {
		tx.Event, err = nil, nil
	}
	return tx, err
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
