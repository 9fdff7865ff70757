package deposit

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"mime"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/wallet/document"
)

// check reads a deposit. It is refused when its bytes are plainly not what it says they are.
func check(in api.Deposit) (d api.Document, data []byte, err error) {
	data, err = base64.StdEncoding.Strict().DecodeString(in.Data)
	switch {
	case err != nil || len(data) == 0:
		return d, nil, consent.Errorf(consent.Malformed, "data is the document's bytes in padded base64 (RFC 4648, 4)")
	case len(data) > MaxDocument:
		return d, nil, consent.Errorf(consent.TooLarge, "a document has at most %d bytes", MaxDocument)
	}
	d = api.Document{
		ID: sha256.Sum256(data), Title: in.Title, Type: in.Type, Confidentiality: in.Confidentiality, Size: len(data),
		Verification: api.NotVerified,
	}
	if d.Confidentiality == "" {
		d.Confidentiality = "R"
	}
	if policies.Confidentiality(d.Confidentiality) < 0 {
		return d, nil, consent.Errorf(consent.Malformed, "confidentiality is U, L, M, N, R or V (v3-Confidentiality)")
	}
	if d.ContentType, err = mediaType(in.ContentType); err != nil {
		return d, nil, err
	}
	d.Format, err = form(d.ContentType, data)
	return d, data, err
}

// mediaType reads the type of an attachment (FHIR Attachment.contentType, RFC 2045), without parameters but a charset of UTF-8.
func mediaType(s string) (string, error) {
	t, params, err := mime.ParseMediaType(s)
	main, sub, ok := strings.Cut(t, "/")
	if err != nil || !ok || main == "" || sub == "" || main == "multipart" {
		return "", consent.Errorf(consent.Malformed, "contentType is a media type like application/pdf")
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") || len(params) > 1 || len(params) == 1 && !ok {
		return "", consent.Errorf(consent.Malformed, "contentType has no parameter but charset=utf-8")
	}
	return t, nil
}

// signatures are how files of some types begin.
var signatures = map[string]string{
	"application/pdf": "%PDF-", "image/png": "\x89PNG\r\n\x1a\n", "image/jpeg": "\xff\xd8\xff", "image/gif": "GIF8",
}

// typeHealthCard is the media type of a .smart-health-card file.
const typeHealthCard = "application/smart-health-card"

// form checks that the bytes have the form that their type says, and finds certificates among them, which it reads to the end.
func form(contentType string, data []byte) (format string, err error) {
	if !has(contentType, data) {
		return "", consent.Errorf(consent.Malformed, "the document is no %s; texts are in UTF-8", contentType)
	}
	if contentType != typeHealthCard && !(strings.HasPrefix(contentType, "text/") && certificate(data)) {
		return "", nil
	}
	ds, err := document.Read(strings.TrimSuffix(string(data), "\n"), nil, time.Time{})
	if err != nil {
		return "", consent.Errorf(consent.Malformed, "the document begins as a certificate and is none")
	}
	return string(ds[0].Kind), nil
}

// has reports whether bytes have the form of a type, as far as that is known here.
func has(contentType string, data []byte) bool {
	switch begin, known := signatures[contentType]; {
	case known:
		return bytes.HasPrefix(data, []byte(begin))
	case strings.HasPrefix(contentType, "text/"):
		return utf8.Valid(data)
	case contentType == "application/json", contentType == typeHealthCard, strings.HasSuffix(contentType, "+json"):
		return utf8.Valid(data) && json.Valid(data)
	}
	return true
}

// certificate reports whether a text begins as a certificate does.
func certificate(data []byte) bool {
	return bytes.HasPrefix(data, []byte("HC1:")) || bytes.HasPrefix(data, []byte("shc:/"))
}
