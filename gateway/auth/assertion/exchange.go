package assertion

// What a token exchange (RFC 8693) is asked with: a client gives a GA4GH passport of its researcher (AAI 1.2) and gets an access token
// of its own that stands for what of the passport counts.
const (
	GrantExchange   = "urn:ietf:params:oauth:grant-type:token-exchange"
	PassportType    = "urn:ga4gh:params:oauth:token-type:passport"    //nolint:gosec // a name, not a secret
	AccessTokenType = "urn:ietf:params:oauth:token-type:access_token" //nolint:gosec // a name, not a secret
)
