package gateway_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/gateway/deposit"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/policies"
)

// letter is a document with something that is easily found on a disk.
const letter = "%PDF-1.7 the letter says " + canary

func put(text string) api.Deposit {
	return api.Deposit{
		Title: "letter of " + canary, ContentType: "application/pdf", Data: base64.StdEncoding.EncodeToString([]byte(text)),
		Type: &consent.Coding{System: "http://loinc.org", Code: "11488-4"},
	}
}

// documents asks for a subject's documents, for research.
func documents(subject string) api.AccessRequest {
	return api.AccessRequest{
		Subject: subject, Purpose: consent.Coding{Code: "HRESCH"}, ResourceTypes: []consent.Coding{{Code: "DocumentReference"}},
	}
}

// received is what a requester reads from a DocumentReference.
type received struct {
	ResourceType, ID string
	Extension        []struct{ ValueCode string }
	MasterIdentifier struct{ Value string }
	Subject          struct{ Identifier struct{ Value string } }
	Content          []struct {
		Attachment struct {
			ContentType, Title string
			Data               []byte
			Size               int
		}
	}
}

func (w *world) received(a api.Access) (out []received) {
	w.t.Helper()
	for _, raw := range a.Data {
		var r received
		w.must(json.Unmarshal(raw, &r))
		out = append(out, r)
	}
	return out
}

// verified are a subject's uses, after the whole list was proved.
func (w *world) verified(me *client.Client, s *consenttest.Subject) []proof.Entry {
	w.t.Helper()
	st, err := me.Uses(context.Background(), api.UsesQuery{Limit: 1000})
	w.must(err)
	info, err := w.Client().Ledger(context.Background())
	w.must(err)
	v, err := note.NewVerifier(info.UsesKey)
	w.must(err)
	_, err = proof.Check(proof.Log{Origin: info.UsesOrigin, Verifier: v}, proof.Seen{}, s.Handle, s.Slot, st)
	w.must(err)
	return st.Entries
}

// TestDocumentStory shares a document, and does with it all that is done with data.
func TestDocumentStory(t *testing.T) {
	ctx := context.Background()
	log := &locked{}
	w := start(t, func(c *node.Config) {
		c.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	alice, me := w.Enrol("letters")
	rosa, req := w.Member(consenttest.RosaInstitute), documents(w.Pseudonym(alice, consenttest.RosaInstitute))

	d, err := me.Deposit(ctx, put(letter))
	w.must(err)
	if d.ID != sha256.Sum256([]byte(letter)) || d.Confidentiality != "R" || d.Size != len(letter) || d.Verification != api.NotVerified {
		t.Fatalf("%+v", d)
	}
	again, err := me.Deposit(ctx, put(letter))
	w.must(err)
	back, err := me.Document(ctx, d.ID)
	w.must(err)
	if again.Time != d.Time || back.Data != put(letter).Data || back.ID != d.ID {
		t.Errorf("%+v, %+v", again, back)
	}

	// Without a consent there is nothing, as if nothing had ever been put down.
	before, err := rosa.Fetch(ctx, req)
	w.must(err)
	other, _ := w.Enrol("no-letters")
	none, err := rosa.Fetch(ctx, documents(w.Pseudonym(other, consenttest.RosaInstitute)))
	w.must(err)
	if before.Decision.Decision != policies.Deny || len(before.Data)+len(before.Resources) != 0 || said(before) != said(none) {
		t.Fatalf("before a consent %s\nwithout a document %s", said(before), said(none))
	}

	// A consent that names the document lets it through, and nothing else.
	_, err = me.Deposit(ctx, put(letter+", the second"))
	w.must(err)
	k := consenttest.ResearchConsent(consenttest.RosaInstitute, 0)
	ref := "DocumentReference/" + d.ID.String()
	k.Provisions[0].Data = []consent.DataReference{{Meaning: "instance", Reference: ref}}
	preview, err := me.Preview(ctx, api.Preview{
		Consent: &k, Member: consenttest.RosaInstitute, Purpose: req.Purpose, Resources: []policies.Resource{{Type: "DocumentReference", ID: d.ID.String()}},
	})
	w.must(err)
	if preview.Decision.Decision != policies.Permit {
		t.Errorf("preview: %+v", preview)
	}
	w.submit(me, alice, alice.Grant(k))
	seq := alice.Seq
	got, err := rosa.Fetch(ctx, req)
	w.must(err)
	rs := w.received(got)
	if got.Decision.Decision != policies.Permit || len(rs) != 1 || rs[0].ID != d.ID.String() || string(rs[0].Content[0].Attachment.Data) != letter {
		t.Fatalf("%+v", got)
	}
	if r := rs[0]; r.Extension[0].ValueCode != api.NotVerified || r.Subject.Identifier.Value != req.Subject || r.Content[0].Attachment.Size != len(letter) {
		t.Errorf("%+v", r)
	}
	if strings.Contains(string(got.Data[0]), alice.Handle.String()) {
		t.Error("the resource tells the handle")
	}

	// She sees which document it was, and that nothing is missing.
	entries := w.verified(me, alice)
	if u := entries[0].Use; u.Kind != proof.Decision || u.Requester != consenttest.RosaInstitute || !slices.Equal(u.Resources, []string{ref}) ||
		!slices.Equal(u.Consents, []consent.Uint64{seq}) || u.Decision != proof.Permit {
		t.Errorf("%+v", u)
	}
	if got.Use == nil || entries[0].Use.UseSeq != got.Use.UseSeq {
		t.Errorf("use %+v, entry %d", got.Use, entries[0].Use.UseSeq)
	}

	w.submit(me, alice, alice.Revoke(seq))
	after, err := rosa.Fetch(ctx, req)
	w.must(err)
	if after.Decision.Decision != policies.Deny || len(after.Data) != 0 || said(after) != said(none) {
		t.Errorf("revoked: %+v", after)
	}

	// Put down again under a wide consent, taken away, put down once more: a document that is gone is as if it never was.
	w.submit(me, alice, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	left, err := me.RemoveDocument(ctx, d.ID)
	w.must(err)
	if len(left.Documents) != 1 || left.Documents[0].ID == d.ID {
		t.Errorf("%+v", left)
	}
	_, err = me.RemoveDocument(ctx, d.ID)
	w.wants(err, consent.NotFound)
	_, err = me.Document(ctx, d.ID)
	w.wants(err, consent.NotFound)
	got, err = rosa.Fetch(ctx, req)
	w.must(err)
	if rs := w.received(got); len(rs) != 1 || rs[0].ID == d.ID.String() {
		t.Errorf("%+v", rs)
	}
	_, err = me.Deposit(ctx, put(letter))
	w.must(err)
	w.Close()
	w.Open()
	me, rosa = w.SignIn(alice), w.Member(consenttest.RosaInstitute)
	list, err := me.Documents(ctx)
	w.must(err)
	if len(list.Documents) != 2 || list.Documents[1].ID != d.ID {
		t.Errorf("after a restart %+v", list)
	}
	got, err = rosa.Fetch(ctx, req)
	w.must(err)
	if len(w.received(got)) != 2 {
		t.Errorf("after a restart %+v", got.Decision)
	}

	// Erased: gone for everybody, and what the auditor folds still holds.
	uses := w.verified(me, alice)
	_, err = w.Member(consenttest.CityHospital).Erase(ctx, api.EraseSubject{SubjectQuery: api.SubjectQuery{Handle: &alice.Handle}, Reason: "request"})
	w.must(err)
	_, err = rosa.Fetch(ctx, req)
	w.wants(err, consent.NotFound)
	if _, err = me.Documents(ctx); err == nil {
		t.Error("her documents are listed after the erasure")
	}
	for _, e := range uses {
		if _, _, err := w.Node.Uses.Open(e.Index); consent.CodeOf(err) != consent.Erased {
			t.Errorf("use %d: %v", e.Index, err)
		}
	}
	w.Close()
	report, err := node.Verify(ctx, w.Cfg.Paths, node.VerifyOptions{Signatures: true, State: true})
	w.must(err)
	if report.Uses.Size == 0 {
		t.Errorf("%+v", report)
	}
	nowhere(t, w.Cfg.Paths.Data, log.b.Bytes())
}

// said is what a requester is told, but for its own pseudonym and the place on record.
func said(a api.Access) string {
	b, err := json.Marshal([]any{a.Decision.Decision, a.ConsentDecision, a.Reasons, a.Sentence, a.Consents, a.Resources, a.Residual, a.Obligations, a.Data})
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// nowhere looks for the letter in every file under a folder, and in a log.
func nowhere(t *testing.T, dir string, log []byte) {
	t.Helper()
	id := sha256.Sum256([]byte(letter))
	secrets := [][]byte{[]byte(canary), []byte(put(letter).Data[20:40]), []byte(consent.Hash(id).String()), id[:]}
	read := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		read += len(b)
		for i, s := range secrets {
			if bytes.Contains(b, s) {
				t.Errorf("%s holds secret %d", path, i)
			}
		}
		return err
	})
	if err != nil || read < 1000 {
		t.Fatalf("%d bytes, %v", read, err)
	}
	for i, s := range secrets {
		if bytes.Contains(log, s) {
			t.Errorf("the log holds secret %d", i)
		}
	}
}

// TestDocumentForms checks what is refused as a document, and what is known of one.
func TestDocumentForms(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	_, me := w.Enrol("forms")
	hcert := hcertText(t)
	for name, c := range map[string]struct {
		typ, data, format string
		code              consent.Code
	}{
		"a PDF that is none":          {typ: "application/pdf", data: "PK", code: consent.Malformed},
		"a picture that is none":      {typ: "image/png", data: "x", code: consent.Malformed},
		"a text that is none":         {typ: "text/plain", data: "\xff", code: consent.Malformed},
		"JSON that is none":           {typ: "application/fhir+json", data: "{", code: consent.Malformed},
		"a card file that is none":    {typ: "application/smart-health-card", data: "{}", code: consent.Malformed},
		"a certificate that is none":  {typ: "text/plain", data: "HC1:NCF", code: consent.Malformed},
		"a card that is none":         {typ: "text/plain", data: "shc:/12", code: consent.Malformed},
		"no type":                     {typ: "pdf", data: "x", code: consent.Malformed},
		"a type with a boundary":      {typ: "multipart/mixed; boundary=x", data: "x", code: consent.Malformed},
		"another character set":       {typ: "text/plain; charset=latin1", data: "x", code: consent.Malformed},
		"nothing":                     {typ: "text/plain", code: consent.Malformed},
		"one byte too many":           {typ: "application/dicom", data: strings.Repeat("x", deposit.MaxDocument+1), code: consent.TooLarge},
		"far too much":                {typ: "application/dicom", data: strings.Repeat("x", 2*deposit.MaxDocument), code: consent.TooLarge},
		"as much as there may be":     {typ: "application/dicom", data: strings.Repeat("x", deposit.MaxDocument)},
		"a text":                      {typ: "Text/Plain; charset=UTF-8", data: "x"},
		"a certificate":               {typ: "text/plain", data: hcert, format: "hcert"},
		"a certificate with its line": {typ: "text/plain", data: hcert + "\n", format: "hcert"},
	} {
		d, err := me.Deposit(ctx, api.Deposit{ContentType: c.typ, Data: base64.StdEncoding.EncodeToString([]byte(c.data))})
		if consent.CodeOf(err) != c.code || d.Format != c.format {
			t.Errorf("%s: %v, %+v", name, err, d)
		}
		if err != nil && strings.Contains(err.Error(), c.data) && c.data != "" && len(c.data) > 1 {
			t.Errorf("%s: %v repeats it", name, err)
		}
	}
	for _, bad := range []api.Deposit{
		{ContentType: "text/plain", Data: "eA"},
		{ContentType: "text/plain", Data: "eA==\n"},
		{ContentType: "text/plain", Data: "eA==", Confidentiality: "X"},
		{ContentType: "text/plain", Data: "eA==", Title: strings.Repeat("x", 201)},
		{ContentType: "text/plain", Data: "eA==", Title: "\u202e"},
	} {
		if _, err := me.Deposit(ctx, bad); consent.CodeOf(err) != consent.Malformed && consent.CodeOf(err) != consent.TooLarge {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func hcertText(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../wallet/document/testdata/dcc-hcert/CO1.json")
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Prefix string `json:"PREFIX"` //nolint:tagliatelle // the set's name
	}
	if err := json.Unmarshal(b, &c); err != nil || c.Prefix == "" {
		t.Fatal(err)
	}
	return c.Prefix
}

// TestDocumentBounds checks how many documents there may be, and how often.
func TestDocumentBounds(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, me := w.Enrol("bounds")
	text := func(i int) api.Deposit {
		return api.Deposit{ContentType: "text/plain", Data: base64.StdEncoding.EncodeToString([]byte{byte('0' + i/10), byte('0' + i%10)})}
	}
	var last api.Document
	for i := range deposit.MaxDaily {
		var err error
		if last, err = me.Deposit(ctx, text(i)); i == deposit.MaxCount {
			w.wants(err, consent.TooLarge)
			ds, err := me.Documents(ctx)
			w.must(err)
			_, err = me.RemoveDocument(ctx, ds.Documents[0].ID)
			w.must(err)
			last, err = me.Deposit(ctx, text(i))
			w.must(err)
		} else if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		if i >= deposit.MaxCount {
			_, err = me.RemoveDocument(ctx, last.ID)
			w.must(err)
		}
	}
	_, err := me.Deposit(ctx, text(99))
	w.wants(err, api.RateLimited)
	if client.RetryAfter(err) <= 0 {
		t.Errorf("%v says not when", err)
	}
	w.Close()
	w.Open()
	_, err = w.SignIn(alice).Deposit(ctx, text(99))
	w.wants(err, api.RateLimited)
}

// TestDocumentTotal checks the bound of all documents together.
func TestDocumentTotal(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, me := w.Enrol("total")
	for i := range 5 {
		b := bytes.Repeat([]byte{byte('a' + i)}, deposit.MaxTotal/4)
		_, err := me.Deposit(ctx, api.Deposit{ContentType: "application/octet-stream", Data: base64.StdEncoding.EncodeToString(b)})
		if i < 4 {
			w.must(err)
		} else {
			w.wants(err, consent.TooLarge)
		}
	}
	w.submit(me, alice, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	got, err := w.Member(consenttest.RosaInstitute).Fetch(ctx, documents(w.Pseudonym(alice, consenttest.RosaInstitute)))
	w.must(err)
	n := 0
	for _, r := range w.received(got) {
		n += len(r.Content[0].Attachment.Data)
	}
	if n != deposit.MaxTotal {
		t.Errorf("%d bytes came", n)
	}
}

// TestDocumentDelegates checks that a delegate does with documents what her delegation says, on record.
func TestDocumentDelegates(t *testing.T) {
	w := start(t, nil)
	alice, me := w.Enrol("delegates")
	_, err := me.Deposit(context.Background(), put(letter))
	w.must(err)
	id := consent.Hash(sha256.Sum256([]byte(letter)))
	query, err := json.Marshal(api.DocumentQuery{ID: id})
	w.must(err)
	in, err := json.Marshal(put("%PDF-another"))
	w.must(err)
	for _, c := range []struct {
		scope           string
		list, add, away int
	}{
		{consent.ScopeView, 200, 403, 403}, {consent.ScopeGrant, 403, 200, 403}, {consent.ScopeRevoke, 403, 403, 200},
	} {
		helper := consenttest.Persona("helper " + c.scope)
		d := w.delegation(alice, helper, "proxy", c.scope)
		w.submit(me, alice, alice.Sign(d))
		token, err := w.delegate(helper, *d)
		w.must(err)
		for what, got := range map[string][2]int{
			"list": {w.send(http.MethodGet, api.PathDocuments, token, nil).StatusCode, c.list},
			"read": {w.send(http.MethodPost, api.PathDocumentRead, token, query).StatusCode, c.list},
			"add":  {w.send(http.MethodPost, api.PathDocuments, token, in).StatusCode, c.add},
		} {
			if got[0] != got[1] {
				t.Errorf("%s with scope %s: %d, want %d", what, c.scope, got[0], got[1])
			}
		}
		if r := w.send(http.MethodPost, api.PathDocumentRemove, token, query); r.StatusCode != c.away || strings.Contains(string(r.body), "contentType") {
			t.Errorf("remove with scope %s: %d %s", c.scope, r.StatusCode, r.body)
		}
	}
	var kinds []string
	for _, e := range w.verified(me, alice) {
		if u := e.Use; u.Delegation != "" {
			kinds = append(kinds, string(u.Kind)+" "+u.Sentence.Code)
		}
	}
	want := []string{"removal delegate-document-removed", "deposit delegate-document-deposited", "read delegate-looked", "read delegate-looked"}
	if !slices.Equal(kinds, want) {
		t.Errorf("%q", kinds)
	}
}
