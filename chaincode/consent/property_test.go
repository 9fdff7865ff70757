package consent_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/chaincode/sig"
)

// canary stands for what is personal in a consent.
const canary = "canary-recipient"

// drama is several subjects on one ledger, to whom random things happen.
type drama struct {
	*ledger
	rnd      *rand.Rand
	scenes   []*scene
	accepted map[string]int
	secrets  map[string][]byte // by what it is; in no leaf, as bytes or as text
}

func newDrama(t *testing.T, seed uint64) *drama {
	t.Helper()
	d := &drama{
		ledger: newLedgerOf(t, fmt.Sprint("drama ", seed)), rnd: rand.New(rand.NewPCG(seed, 0)), accepted: map[string]int{}, secrets: map[string][]byte{},
	}
	for _, state := range []string{"opened", "active", "active"} {
		x := newSceneOn(d.ledger, state)
		d.scenes = append(d.scenes, x)
		secret := consent.CodeSecret(x.s.Code)
		i := len(d.scenes)
		d.secrets[fmt.Sprint("key salt ", i)] = x.s.KeySalt[:]
		d.secrets[fmt.Sprint("new key salt ", i)] = x.freshSalt[:]
		d.secrets[fmt.Sprint("guardian salt ", i)] = x.guardians.Salt[:]
		d.secrets[fmt.Sprint("code ", i)] = secret[:]
		d.keySecrets(fmt.Sprint("subject ", i), x.s.Key)
	}
	for _, k := range []sig.Key{ben, cara, mother, fresh} {
		d.keySecrets(k.Address().String(), k)
	}
	d.secrets["purpose"], d.secrets["recipient"] = []byte("HRESCH"), []byte(canary)
	for _, st := range d.done {
		d.messageSecrets(st.m)
	}
	return d
}

func (d *drama) keySecrets(name string, k sig.Key) {
	a := k.Address()
	d.secrets["private key of "+name], d.secrets["address of "+name] = k.Bytes(), a[:]
}

// messageSecrets notes what only the message's holders may know. Its commitment is public, its members are not.
func (d *drama) messageSecrets(m consent.Message) {
	name := fmt.Sprint(consent.Commitment(m.Body))
	for i, s := range m.Sigs {
		d.secrets[fmt.Sprintf("r of signature %d of %s", i, name)], d.secrets[fmt.Sprintf("s of signature %d of %s", i, name)] = s[:32], s[32:64]
	}
	digest := consent.Digest(d.w.Ledger, m.Body)
	d.secrets["digest of "+name] = digest[:]
	raw := m.Marshal()
	end := 4 + binary.BigEndian.Uint32(raw)
	d.secrets["salt of "+name] = raw[end-32 : end] // the last member of every body
}

// step lets something random happen and returns it when it was accepted.
func (d *drama) step() *step {
	x := d.scenes[d.rnd.IntN(len(d.scenes))]
	d.w.Now += consent.Millis(d.rnd.Int64N(int64(12 * 3600 * 1000)))
	names := eventful()
	name := names[d.rnd.IntN(len(names))]
	if name == "Erase" && d.rnd.IntN(8) > 0 {
		name = "ConsentGrant"
	}
	who := signers[d.rnd.IntN(len(signers))]
	if likely := strings.Fields(allowed[name]["active"] + " " + allowed[name]["opened"] + " " + allowed[name]["recovering"]); d.rnd.IntN(4) > 0 && len(likely) > 0 {
		want := likely[d.rnd.IntN(len(likely))]
		who = signers[slices.IndexFunc(signers, func(s signer) bool { return s.name == want })]
	}
	b := x.body(name)
	d.vary(x, b)
	m := d.w.SignOpen(b, who.open(x), who.keys(x)...)
	if err := d.submit(m); err != nil {
		d.st.Rollback()
		return nil
	}
	d.accepted[name]++
	d.messageSecrets(m)
	d.happened(x, m)
	return &d.done[len(d.done)-1]
}

// eventful are the messages of subjects and of custodians. Those of authorities would touch every subject at once.
func eventful() []string {
	return slices.DeleteFunc(consent.Types(), func(name string) bool {
		return slices.Contains([]string{"Init", "Import", "AuthorityChange", "Close", "MemberAdmit", "MemberUpdate", "MemberSuspend"}, name)
	})
}

// vary makes some messages refer to other consents, and puts the canary into every consent.
func (d *drama) vary(x *scene, b consent.Body) {
	mark := func(c *consent.Consent) { c.Provisions[0].Recipients[0].Reference = "Organization/" + canary }
	some := consent.Uint64(d.rnd.Uint64N(uint64(x.s.Seq) + 2))
	switch m := b.(type) {
	case *consent.ConsentGrant:
		mark(&m.Consent)
		if d.rnd.IntN(3) == 0 {
			m.Replaces = some
		}
	case *consent.ConsentDecline:
		mark(&m.Consent)
	case *consent.ConsentAttest:
		mark(&m.Consent)
	case *consent.ConsentRevoke:
		m.Consent = some
	case *consent.SubjectOpen:
		m.Slot = consent.Uint64(d.rnd.Uint64N(1000))
	case *consent.Anchor:
		m.Size = consent.Uint64(d.rnd.Uint64N(1000))
	}
}

// happened moves the scene's own knowledge on.
func (d *drama) happened(x *scene, m consent.Message) {
	switch b := m.Body.(type) {
	case *consent.SubjectClaim, *consent.KeyRotate, *consent.RecoveryFinish:
		x.s.Key, x.s.KeySalt = fresh, x.freshSalt
	case *consent.Delegate:
		x.delegation = b
	case *consent.ConsentAttest:
		x.attest, x.attested = b.Seq, consent.Commitment(b)
	}
	if _, ok := m.Body.(consent.SubjectBody); ok {
		x.s.Moved(m)
	}
}

// live lists the consents in force, by their key.
func (d *drama) live() map[string]bool {
	out := map[string]bool{}
	for _, x := range d.scenes {
		var h consent.Head
		decode(d.t, d.st, consent.HeadKey(x.s.Handle), &h)
		for seq := consent.Uint64(1); seq <= h.Seq; seq++ {
			key := consent.EntryKey(x.s.Handle, seq)
			b, err := d.st.Get(key)
			if err != nil || b == nil {
				continue
			}
			var e consent.Entry
			decode(d.t, d.st, key, &e)
			out[key] = e.Status == consent.Live && seq > h.RevokedThrough && h.State != consent.Gone
		}
	}
	return out
}

// TestRandomHistories: whatever anybody sends in whatever order, the chains stay whole, what was revoked stays revoked,
// what was erased stays erased, and nothing personal becomes public.
func TestRandomHistories(t *testing.T) {
	total := map[string]int{}
	seeds := uint64(24)
	if testing.Short() {
		seeds = 4
	}
	for seed := range seeds {
		d := newDrama(t, seed)
		was := d.live()
		for range 80 {
			st := d.step()
			if st == nil {
				continue
			}
			d.checkStep(st)
			now := d.live()
			for key, alive := range was {
				if now[key] && !alive {
					t.Fatalf("seed %d: %s lives again after %s", seed, key, consent.TypeOf(st.m.Body))
				}
			}
			was = now
		}
		for name, n := range d.accepted {
			total[name] += n
		}
		d.checkRebuild()
		d.checkInterleaving()
	}
	t.Logf("accepted: %v", total)
	for _, name := range eventful() {
		if total[name] == 0 && !testing.Short() {
			t.Errorf("no %s was ever accepted: the histories are too poor", name)
		}
	}
}

func (d *drama) checkStep(st *step) {
	d.t.Helper()
	leaf := st.out.Leaf.Marshal()
	for what, secret := range d.secrets {
		if bytes.Contains(leaf, secret) || bytes.Contains(leaf, hex.AppendEncode(nil, secret)) {
			d.t.Fatalf("the %s is in the leaf of %s", what, consent.TypeOf(st.m.Body))
		}
	}
	b, ok := st.m.Body.(consent.SubjectBody)
	if !ok {
		return
	}
	key := consent.HeadKey(b.Link().Handle)
	var before, after consent.Head
	if err := consent.Decode(st.read[key], &before); err != nil {
		d.t.Fatal(err)
	}
	decode(d.t, d.st, key, &after)
	switch {
	case before.State == consent.Gone:
		d.t.Fatalf("%s after an erasure", consent.TypeOf(b))
	case after.Seq != before.Seq+1 || after.Prev != consent.Commitment(b) || b.Link().Prev != before.Prev:
		d.t.Fatalf("the chain breaks: %+v then %+v", before, after)
	case after.RevokedThrough < before.RevokedThrough || after.Time < before.Time || after.Time%60_000 != 0:
		d.t.Fatalf("the head goes back: %+v then %+v", before, after)
	}
}

// checkRebuild: the state is the leaves' writes and nothing else.
func (d *drama) checkRebuild() {
	d.t.Helper()
	state := map[string][]byte{}
	for _, st := range d.done {
		for _, w := range st.out.Leaf.Writes {
			state[w.Key] = w.Value
		}
	}
	var lines []string
	for k, v := range state {
		lines = append(lines, fmt.Sprintf("%s=%x", k, v))
	}
	slices.Sort(lines)
	if diff := gocmp.Diff(d.st.Snapshot(), lines); diff != "" {
		d.t.Fatalf("state (-ledger +rebuilt): %s", diff)
	}
}

// checkInterleaving: independent subjects can come in any order; each has the same leaves and the state is the same.
func (d *drama) checkInterleaving() {
	d.t.Helper()
	var common []step // of no subject: in their own order
	chains := map[consent.SubjectID][]step{}
	for _, st := range d.done {
		if h := st.out.Event.Handle; h.IsZero() {
			common = append(common, st)
		} else {
			chains[h] = append(chains[h], st)
		}
	}
	other := consenttest.NewMemory()
	replay := func(st step) {
		v, err := consent.Verify(d.w.Ledger, st.m)
		if err != nil {
			d.t.Fatal(err)
		}
		out, err := consent.Run(consent.Tx{ID: "another", Time: st.tx.Time}, other, v)
		if err != nil {
			d.t.Fatalf("in another order %s is refused: %v", consent.TypeOf(st.m.Body), err)
		}
		if !bytes.Equal(out.Leaf.Marshal(), st.out.Leaf.Marshal()) {
			d.t.Fatalf("in another order the leaf of %s differs", consent.TypeOf(st.m.Body))
		}
		if _, err := consent.Apply(consent.Tx{ID: "another", Time: st.tx.Time}, other, v); err != nil {
			d.t.Fatal(err)
		}
		other.Commit()
	}
	for _, st := range common {
		replay(st)
	}
	left := slices.SortedFunc(maps.Keys(chains), func(a, b consent.SubjectID) int { return bytes.Compare(a[:], b[:]) })
	for len(left) > 0 {
		i := d.rnd.IntN(len(left))
		chain := chains[left[i]]
		replay(chain[0])
		if chains[left[i]] = chain[1:]; len(chain) == 1 {
			left = slices.Delete(left, i, i+1)
		}
	}
	if diff := gocmp.Diff(d.st.Snapshot(), other.Snapshot()); diff != "" {
		d.t.Fatalf("state in another order: %s", diff)
	}
}
