// Package policies decides who may. It evaluates Rego, embedded in the binary, over a patient's consents and a request,
// and says permit or deny with the reasons, the consents and rules that decided, what still has to be filtered (residual
// rules) and what the recipient owes (obligations).
//
// The rules are written and lettered in README.md; each letter stands in the Rego beside the rule, in a test, and in the
// reasons that a decision shows. Go code here decides nothing: it turns records and requests into a typed input, asks
// OPA, and turns the answer back. Three things make that fast, and none of them can change an answer:
//
//   - Shape prepares a consent once: stripped of what cannot matter, parsed, digested.
//   - Relevant leaves out consents that cannot match. It may only over-include.
//   - A memo remembers answers by the digest of the input. Instants are replaced by their place among the instants that
//     the consents name, names by whether a consent names them, so that people who signed the same form share an answer.
//
// Whatever goes wrong denies. OPA is imported here and nowhere else.
package policies
