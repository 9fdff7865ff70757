package cli

import (
	"io"

	"github.com/spf13/cobra"
)

// accessToken is for programs that speak HTTP themselves, such as curl: the others of `volens access` fetch their own.
func (a *app) accessToken() *cobra.Command {
	var scope, passport string
	c := &cobra.Command{
		Use: "token", Short: "Print an access token, for a FHIR proxy or the HTTP API", Args: cobra.NoArgs,
		Long: `Sign in as a member and print the access token alone, or with --json what the token endpoint says: how long it is good and
for what. Whoever has it is the member until it ends, so it belongs into a header and nowhere else.

--scope names roles (custodian, clinician, researcher, auditor) and SMART scopes such as system/Observation.rs. Where it names no
role, the token has all that the member has.

--passport gives a GA4GH passport of your researcher for a token that stands for it (RFC 8693 token exchange), for requests that cannot
carry one, such as a FHIR proxy's. The token ends before the first visa that counts does. It is refused when none counts; the answer
says why.`,
		Example: `  volens access token --member rosa-institute --key rosa.key --scope "system/Observation.rs researcher"
  curl -H "Authorization: Bearer $(volens access token --member rosa-institute --key rosa.key --scope system/*.rs)" \
    -H "Volens-Purpose: HRESCH" http://localhost:8090/Observation`,
		RunE: func(c *cobra.Command, _ []string) error {
			m, d, err := a.memberCredentials()
			if err != nil {
				return err
			}
			d.Scope = scope
			if passport != "" {
				if d.Passport, err = ReadPassport(passport); err != nil {
					return err
				}
			}
			t, err := m.Token(c.Context(), d)
			if err != nil {
				return err
			}
			return a.show(t, func(out io.Writer) { printf(out, "%s\n", t.AccessToken) })
		},
	}
	c.Flags().StringVar(&scope, "scope", "", "roles and SMART scopes, separated by spaces (default all roles, no SMART scopes)")
	c.Flags().StringVar(&passport, "passport", "", passportUsage)
	return c
}
