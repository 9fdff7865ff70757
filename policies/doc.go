// Package policies decides who may. It evaluates Rego, embedded in the binary, over a patient's consents and a request,
// and says permit or deny with the reasons, the consents and rules that decided, what still has to be filtered (residual
// rules) and what the recipient owes (obligations).
//
// The rules are written and lettered in README.md; each letter stands in the Rego beside the rule, in a test, and in the
// reasons that a decision shows. Go code here decides nothing: it turns records and requests into a typed input, asks
// OPA, and turns the answer back. Four things make that fast, and none of them can change an answer:
//
//   - Shape prepares a consent once: stripped of what cannot matter, digested.
//   - A Filter beside each consent leaves out those that cannot match, unread. It may only over-include.
//   - What is left is narrowed to what the request can meet: whom else a consent names, which other documents it excepts,
//     on which day it began is not asked about. Tests decide on consents narrowed and whole and want the same.
//   - A memo remembers answers by the digest of that input, so that people whose consents differ in nothing that a request
//     can meet share an answer.
//
// Whatever goes wrong denies. OPA is imported here and nowhere else.
package policies
