package auth_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/auth"
	"github.com/volens-ledger/volens/gateway/auth/assertion"
)

func FuzzToken(f *testing.F) {
	w := newWorld(f, func(c *auth.Config) { c.Skew = time.Nanosecond }) // so that no input makes it wait
	w.withKeys()
	a := w.ask()
	good := a.compact(f)
	f.Add("client_credentials", assertion.Type, good, "researcher")
	f.Add("", "", "e30.e30.e30", "")
	f.Add("client_credentials", assertion.Type, good+"A", " ")
	f.Fuzz(func(t *testing.T, grant, kind, text, scope string) {
		k, err := w.post(url.Values{
			"grant_type": {grant}, "client_assertion_type": {kind}, "client_assertion": {text}, "scope": {scope},
		})
		if err == nil && (text != good || k.AccessToken == "") {
			t.Errorf("a token for %q", text)
		}
		if err != nil && (err.Status < 400 || err.Code == "") {
			t.Errorf("%+v", err)
		}
	})
}

func FuzzSignIn(f *testing.F) {
	w := newWorld(f)
	a := w.asAlice()
	good := a.sign(f)
	f.Add(good.Message, good.Signature, "")
	f.Add("", "", "x")
	f.Add(good.Message+"\n", strings.ToUpper(good.Signature), "")
	f.Fuzz(func(t *testing.T, message, signature, binding string) {
		_, err := w.svc.SignIn(context.Background(), auth.SignIn{
			Message: message, Signature: signature, Binding: binding, Handle: good.Handle, KeySalt: good.KeySalt,
		})
		if err == nil && (message != good.Message || signature != good.Signature) {
			t.Errorf("signed in with %q %q", message, signature)
		}
		if code := consent.CodeOf(err); code == consent.Unavailable {
			t.Error(err)
		}
	})
}
