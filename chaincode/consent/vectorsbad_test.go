package consent_test

import (
	"encoding/hex"
	"encoding/json"
	"iter"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/chaincode/sig"
)

// badMaker collects the bad vectors of one scene. What it adds must be refused; the reader of the vectors says where.
type badMaker struct {
	*scene
	list []bad
}

func badVectors(t *testing.T) []bad {
	t.Helper()
	b := &badMaker{scene: newSceneOf(t, "bad vectors", "active")}
	b.spellings()
	b.signatures()
	b.forms()
	b.rules()
	b.recovery()
	b.last()
	return b.list
}

// text adds a text as it stands.
func (b *badMaker) text(name, text string) {
	b.t.Helper()
	r := reads{b.st, map[string][]byte{}}
	stage, err := refusal(text, b.w.Ledger, b.w.Now, r)
	if err == nil {
		b.t.Fatalf("%s is accepted", name)
	}
	b.list = append(b.list, bad{name, stage, consent.CodeOf(err), b.w.Ledger, text, b.w.Now, hexed(r.seen)})
}

func (b *badMaker) message(name string, m consent.Message) {
	b.t.Helper()
	b.text(name, b.json(m))
}

func (b *badMaker) json(m consent.Message) string {
	b.t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

// spellings are other JSON texts for what could pass as the same message.
func (b *badMaker) spellings() {
	d := b.body("Delegate").(*consent.Delegate)
	good := b.json(b.as("subject", d))
	salt := `"salt":"` + d.Salt.String() + `"`
	majority := d.Majority
	d.Majority = 100
	hundred := b.json(b.as("subject", d))
	d.Majority = majority
	for name, number := range sorted(map[string]string{
		"leading zero": `"0100"`, "hexadecimal": `"0x64"`, "number": `100`, "float": `100.0`, "exponent": `1e2`, "exponent in text": `"1e2"`,
		"minus zero": `"-0"`, "plus": `"+100"`, "space": `" 100"`, "empty": `""`, "null": `null`, "boolean": `true`, "object": `{}`, "list": `["100"]`,
		"2^63": `"9223372036854775808"`, "separator": `"1_00"`, "full width": `"１００"`,
	}) {
		b.text("number: "+name, replaceOnce(hundred, `"majority":"100"`, `"majority":`+number))
	}
	seq := `"seq":"` + string(must(d.Seq.MarshalText())) + `"`
	address := d.Delegate.String()
	for name, c := range sorted(map[string][2]string{
		"negative count":           {seq, `"seq":"-1"`},
		"member twice":             {seq, seq + "," + seq},
		"member in another case":   {`"seq":`, `"Seq":`},
		"both cases":               {seq, seq + `,"Seq":"9"`},
		"unknown member":           {seq, seq + `,"note":""`},
		"missing member":           {"," + salt, ``},
		"missing zero member":      {`"majority":"` + string(must(d.Majority.MarshalText())) + `",`, ``},
		"list is an object":        {`"scope":["grant","revoke","view"]`, `"scope":{}`},
		"list is null":             {`"scope":["grant","revoke","view"]`, `"scope":null`},
		"list is a text":           {`"scope":["grant","revoke","view"]`, `"scope":"grant"`},
		"number in a list":         {`"scope":["grant",`, `"scope":[1,`},
		"address in upper case":    {address, "0x" + strings.ToUpper(address[2:])},
		"address in mixed case":    {address, address[:2] + strings.ToUpper(address[2:21]) + address[21:]},
		"address without 0x":       {address, address[2:]},
		"address too short":        {address, address[:41]},
		"hash with 0x":             {salt, `"salt":"0x` + d.Salt.String() + `"`},
		"hash in upper case":       {salt, `"salt":"` + strings.ToUpper(d.Salt.String()) + `"`},
		"hash too short":           {salt, `"salt":"` + d.Salt.String()[2:] + `"`},
		"hash is null":             {salt, `"salt":null`},
		"handle in upper case":     {d.Handle.String(), strings.ToUpper(d.Handle.String())},
		"handle with hyphens":      {d.Handle.String(), d.Handle.String()[:8] + "-" + d.Handle.String()[8:]},
		"unknown type":             {`"type":"Delegate"`, `"type":"Delegation"`},
		"type in lower case":       {`"type":"Delegate"`, `"type":"delegate"`},
		"type missing":             {`"type":"Delegate",`, ``},
		"type of another body":     {`"type":"Delegate"`, `"type":"DelegateEnd"`},
		"body is null":             {`"body":{`, `"body":null,"b":{`},
		"unknown opening":          {`"openings":{`, `"openings":{"age":"7",`},
		"opening is null":          {`"openings":{`, `"openings":{"code":null,`},
		"unknown top member":       {`"sigs":`, `"v":1,"sigs":`},
		"top member in other case": {`"sigs":`, `"Sigs":`},
		"lone surrogate":           {`"proxy"`, `"proxy\ud800"`},
		"escaped nul":              {`"proxy"`, `"proxy\u0000"`},
	}) {
		b.text("text: "+name, replaceOnce(good, c[0], c[1]))
	}
	b.text("text: something after", good+"{}")
	b.text("text: a list", "["+good+"]")
	b.text("text: empty", "")
	b.text("text: cut off", good[:len(good)/2])
	b.text("text: nested deep", replaceOnce(good, `"scope":[`, `"scope":[`+strings.Repeat("[", 200)+strings.Repeat("]", 200)+`,`))
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func (b *badMaker) signatures() {
	m := b.as("subject", b.body("RevokeAll"))
	good, s := b.json(m), m.Sigs[0].String()
	n, _ := new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)
	high := m.Sigs[0]
	new(big.Int).Sub(n, new(big.Int).SetBytes(high[32:64])).FillBytes(high[32:64])
	high[64] = 27 + 28 - high[64]
	zero := strings.Repeat("0", 64)
	for name, text := range sorted(map[string]string{
		"high s": high.String(), "v 0": s[:130] + "00", "v 1": s[:130] + "01", "v 29": s[:130] + "1d", "upper case": "0x" + strings.ToUpper(s[2:]),
		"short": s[:130], "long": s + "00", "without 0x": s[2:], "0X": "0X" + s[2:], "empty": "", "r 0": "0x" + zero + s[66:], "s 0": s[:66] + zero + s[130:],
		"r is the order": "0x" + hex.EncodeToString(n.Bytes()) + s[66:], "flipped v": s[:130] + map[string]string{"1b": "1c", "1c": "1b"}[s[130:]],
	}) {
		b.text("signature: "+name, replaceOnce(good, s, text))
	}
	b.text("signature: none", replaceOnce(good, `["`+s+`"]`, `[]`))
	b.text("signature: null", replaceOnce(good, `["`+s+`"]`, `null`))
	b.text("signature: twice", replaceOnce(good, `["`+s+`"]`, `["`+s+`","`+s+`"]`))
	b.text("signature: 17 of them", replaceOnce(good, `["`+s+`"]`, `["`+strings.Repeat(s+`","`, 16)+s+`"]`))
}

// forms are messages that break a limit or a rule of form.
func (b *badMaker) forms() {
	for name, change := range sorted(map[string]func(*consent.Consent){
		"no rules":        func(c *consent.Consent) { c.Provisions = nil },
		"65 rules":        func(c *consent.Consent) { c.Provisions = slices.Repeat(c.Provisions, 65) },
		"rules 4 deep":    func(c *consent.Consent) { deepen(c, 4) },
		"root's parent":   func(c *consent.Consent) { c.Provisions[0].Parent = 1 },
		"parent after":    func(c *consent.Consent) { deepen(c, 1); c.Provisions[1].Parent = 1 },
		"effect":          func(c *consent.Consent) { c.Provisions[0].Effect = "allow" },
		"33 purposes":     func(c *consent.Consent) { c.Provisions[0].Purposes = slices.Repeat(c.Provisions[0].Purposes, 33) },
		"empty period":    func(c *consent.Consent) { c.Period.End = c.Period.Start },
		"rule's period":   func(c *consent.Consent) { c.Provisions[0].Period = consent.Period{Start: 9, End: 8} },
		"data period":     func(c *consent.Consent) { c.Provisions[0].DataPeriod = consent.Period{Start: 9, End: 8} },
		"access mode":     func(c *consent.Consent) { c.AccessMode = "copy" },
		"erase by":        func(c *consent.Consent) { c.EraseBy = -1 },
		"data meaning":    func(c *consent.Consent) { c.Provisions[0].Data = []consent.DataReference{{Meaning: "near"}} },
		"1025 bytes":      func(c *consent.Consent) { c.Locale = strings.Repeat("x", 1025) },
		"bidi override":   func(c *consent.Consent) { c.Kind = "a\u202eb" },
		"bidi isolate":    func(c *consent.Consent) { c.Kind = "a\u2066b" },
		"zero width":      func(c *consent.Consent) { c.Kind = "a\u200bb" },
		"byte order mark": func(c *consent.Consent) { c.Kind = "\ufeffa" },
		"soft hyphen":     func(c *consent.Consent) { c.Kind = "a\u00adb" },
		"tag character":   func(c *consent.Consent) { c.Kind = "a\U000e0041" },
		"variation":       func(c *consent.Consent) { c.Kind = "a\ufe0f" },
		"hangul filler":   func(c *consent.Consent) { c.Kind = "a\u3164" },
		"private use":     func(c *consent.Consent) { c.Kind = "a\ue000" },
		"replacement":     func(c *consent.Consent) { c.Kind = "a\ufffd" },
		"line separator":  func(c *consent.Consent) { c.Kind = "a\u2028" },
		"newline":         func(c *consent.Consent) { c.Kind = "a\n" },
		"nul":             func(c *consent.Consent) { c.Kind = "a\x00" },
		"delete":          func(c *consent.Consent) { c.Kind = "a\x7f" },
		"c1 control":      func(c *consent.Consent) { c.Kind = "a\u0085" },
		"more than 64 KiB": func(c *consent.Consent) {
			c.Grantors = slices.Repeat([]string{strings.Repeat("x", 1024)}, 32)
			c.Grantees = c.Grantors
			c.Controllers = c.Grantors
		},
	}) {
		g := b.body("ConsentGrant").(*consent.ConsentGrant)
		change(&g.Consent)
		b.message("form: "+name, b.as("subject", g))
	}
	unsalted := b.body("RevokeAll").(*consent.RevokeAll)
	unsalted.Salt = consent.Hash{}
	b.message("form: no salt", b.as("subject", unsalted))
	b.message("form: member id", b.w.Sign(&consent.MemberSuspend{Member: "City", Seq: 2, Salt: b.w.Rand.Hash()}, trust, regulator))
}

func deepen(c *consent.Consent, n int) {
	for i := range n {
		c.Provisions = append(c.Provisions, consent.Provision{Parent: consent.Uint64(i), Effect: consent.Deny})
	}
}

// rules are messages in good form that may not be.
func (b *badMaker) rules() {
	revoke := func(change func(*consent.ConsentRevoke)) *consent.ConsentRevoke {
		m := b.body("ConsentRevoke").(*consent.ConsentRevoke)
		change(m)
		return m
	}
	for name, change := range sorted(map[string]func(*consent.ConsentRevoke){
		"seq again": func(m *consent.ConsentRevoke) { m.Seq-- }, "seq gap": func(m *consent.ConsentRevoke) { m.Seq++ },
		"wrong prev":      func(m *consent.ConsentRevoke) { m.Prev[31] ^= 1 },
		"unknown handle":  func(m *consent.ConsentRevoke) { m.Handle[0] ^= 1 },
		"unknown consent": func(m *consent.ConsentRevoke) { m.Consent = 99 },
	}) {
		b.message("rule: "+name, b.as("subject", revoke(change)))
	}
	for _, who := range signers {
		if who.name != "subject" && who.name != "delegate" {
			b.message("rule: revoked by "+who.name, b.as(who.name, b.body("ConsentRevoke")))
		}
	}
	other := *b.w
	other.Ledger[0] ^= 1
	b.message("rule: another ledger's", other.SignOpen(b.body("RevokeAll"), ownSalt(b.scene), b.s.Key))
	b.message("rule: another body's signature", consent.Message{
		Body: b.body("RevokeAll"), Openings: ownSalt(b.scene), Sigs: b.as("subject", b.body("RevokeAll")).Sigs,
	})
	late := b.body("ConsentGrant").(*consent.ConsentGrant)
	late.Consent.Period.End = 0
	b.message("rule: outlives the delegation", b.as("delegate", late))
	b.message("rule: a second genesis", b.as("authorities", b.body("Init")))
	b.message("rule: claimed already", b.as("code", b.body("SubjectClaim")))
	b.message("rule: opened where it was not closed", b.as("authorities", b.body("Import")))
	taken := b.body("SubjectOpen").(*consent.SubjectOpen)
	taken.Slot = b.s.Slot
	b.message("rule: slot is taken", b.as("custodian", taken))
	b.message("rule: admitted already", b.w.Sign(&consent.MemberAdmit{
		Member: consenttest.CityHospital, Name: "x", Roles: []consent.Role{consent.Auditor}, Keys: []sig.Address{mallory.Address()}, Salt: b.w.Rand.Hash(),
	}, trust, regulator))
	shrunk := b.body("Anchor").(*consent.Anchor)
	shrunk.Size = 8
	b.message("rule: a log shrinks", b.as("custodian", shrunk))
	replayed := b.as("subject", b.body("ConsentRevoke"))
	b.did(b.s, replayed)
	b.message("rule: replay", replayed)
	b.message("rule: revoked twice", b.as("subject", b.body("ConsentRevoke")))
	b.w.Now += 91 * day
	b.message("rule: delegation has run out", b.as("delegate", b.body("RevokeAll")))
	b.w.Now -= 92 * day
	b.message("rule: the host's clock is behind", b.as("subject", b.body("RevokeAll")))
	b.w.Now += day
}

func (b *badMaker) recovery() {
	b.message("rule: no recovery to finish", b.as("new-key", b.body("RecoveryFinish")))
	b.did(b.s, b.as("guardians", b.body("RecoveryBegin")))
	b.message("rule: recovery is too early", b.as("new-key", b.body("RecoveryFinish")))
	s, open := b.w.Open()
	b.must(open)
	claim := s.Claim()
	s.Code = "another"
	b.message("rule: wrong code", s.Claim())
	b.w.Now += 8 * day
	b.message("rule: code has run out", claim)
}

func (b *badMaker) last() {
	b.did(b.s, b.as("subject", b.body("Erase")))
	b.message("rule: erased", b.as("subject", b.body("RevokeAll")))
	b.must(b.as("authorities", b.body("MemberSuspend")))
	b.message("rule: custodian is suspended", b.as("custodian", b.body("SubjectOpen")))
	b.must(b.as("authorities", b.body("Close")))
	b.message("rule: closed", b.as("authorities", b.body("MemberUpdate")))
}

// sorted goes over a map in the order of its keys, so that the vectors are the same each time.
func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
