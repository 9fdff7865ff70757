# METADATA
# title: L. The answer
# description: input.mode says which of three questions is asked.
package volens.decision

import data.volens.combine
import data.volens.delegation
import data.volens.groups
import data.volens.implicit
import data.volens.obligation
import data.volens.reason
import data.volens.residual

# METADATA
# title: L1. The answer with concrete resources; undefined, which is read as a denial, when anything is missing
# description: The words for all resources are DENY, NO_CONSENT, PERMIT; of those given the first in the alphabet holds (G3).
# entrypoint: true
answer := {
	"decision": effect(word),
	"consents": word,
	"resources": [[effect(said[0]), said[0], said[1], reason.lacking(said[0], k)] | some k, said in combine.resources],
	"terms": obligation.terms,
	"reasons": reason.given(word, effect(word)),
} if {
	input.mode == "resources"
	word := min({said[0] | some said in combine.resources})
}

# METADATA
# title: L1. The answer without concrete resources, when no rule asks anything of them
answer := {
	"decision": effect(word),
	"consents": word,
	"whatever": findings,
	"terms": obligation.terms,
	"reasons": reason.given(word, effect(word)),
} if {
	input.mode == "whatever"
	[word, findings] := combine.whatever
}

# METADATA
# title: L1. The answer without concrete resources, when it depends on them
answer := {
	"decision": effect(word),
	"consents": word,
	"deciding": {[c, r] | some c in residual.deciding; some r in residual.rules_told[c]},
	"groups": told,
	"redact": [obligation.redactions | told != []],
	"terms": obligation.terms,
	"reasons": reason.given(word, effect(word)),
} if {
	input.mode == "residual"
	word := residual.decision
	told := [group | effect(word) == "permit"; some group in groups.list]
}

# METADATA
# title: L1. Deny
default effect(_) := "deny"

# METADATA
# title: A1, L1. What the consents permit is released, when the request is complete
effect("PERMIT") := "permit" if {
	input.request.purpose != ""
	input.request.action != ""
}

# METADATA
# title: H1. What no consent speaks of is released where the implicit policy says so
effect("NO_CONSENT") := "permit" if {
	input.request.purpose != ""
	input.request.action != ""
	implicit.permits
}

# METADATA
# title: K2. A delegate gets what no consent denies
effect("NO_CONSENT") := "permit" if {
	input.request.purpose != ""
	input.request.action != ""
	delegation.covers
}
