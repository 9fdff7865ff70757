# METADATA
# title: L. The answer
package volens.decision

import data.volens.combine
import data.volens.delegation
import data.volens.groups
import data.volens.implicit
import data.volens.matching
import data.volens.obligation
import data.volens.reason
import data.volens.residual

# METADATA
# title: L1. The answer with concrete resources; undefined, which is read as a denial, when anything is missing
# entrypoint: true
answer := {
	"decision": effect(word),
	"consents": word,
	"resources": [[effect(said[0]), said[0], said[1], reason.lacking(said[0], k)] | some k, said in combine.said],
	"terms": obligation.terms,
	"reasons": reason.given[word],
} if {
	input.resources != []
	words := {said[0] | some said in combine.said}
	word := [word | some word in ["DENY", "NO_CONSENT", "PERMIT"]; word in words][0]
}

# METADATA
# title: L1. The answer without concrete resources, when it is the same for all
answer := {
	"decision": effect(word),
	"consents": word,
	"whatever": combine.whatever[1],
	"terms": obligation.terms,
	"reasons": reason.given[word],
} if {
	input.resources == []
	word := combine.whatever[0]
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
	"reasons": reason.given[word],
} if {
	input.resources == []
	matching.asking != set()
	word := residual.decision
	told := [group | effect(word) == "permit"; some group in groups.list]
}

# METADATA
# title: A1. A request names its purpose and its action
complete if {
	input.request.purpose != ""
	input.request.action != ""
}

# METADATA
# title: L1. Deny
default effect(_) := "deny"

# METADATA
# title: L1. What the consents permit is released, when the request is complete
effect("PERMIT") := "permit" if complete

# METADATA
# title: H1. What no consent speaks of is released where the implicit policy says so
effect("NO_CONSENT") := "permit" if {
	implicit.permits
	complete
}

# METADATA
# title: K2. A delegate gets what no consent denies
effect("NO_CONSENT") := "permit" if {
	delegation.covers
	complete
}
