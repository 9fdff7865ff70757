# METADATA
# title: Reasons that a decision shows, as [letter, code, consent]; -1 stands for no particular consent
package volens.reason

import data.volens.combine
import data.volens.content
import data.volens.delegation
import data.volens.enforceable
import data.volens.implicit
import data.volens.matching
import data.volens.provision
import data.volens.purpose

# METADATA
# title: A1, K2. When consents permit
given["PERMIT"] := general

# METADATA
# title: F4. When consents deny, whether a permit was as deep
given["DENY"] := general | {["F4", "tie", c] | some c, _ in ties}

# METADATA
# title: B, D2, F5 to F7, H. When no consent speaks, why
given["NO_CONSENT"] := general | missing

# METADATA
# title: A1. Told whatever consents say, the request does not say its purpose
general contains ["A1", "incomplete", -1] if input.request.purpose == ""

# METADATA
# title: A1. The request does not say its action
general contains ["A1", "incomplete", -1] if input.request.action == ""

# METADATA
# title: K2. A delegate asks
general contains ["K2", "delegate", -1] if delegation.covers

# METADATA
# title: F4. Consents in which a permit is as deep as the denial that decides
ties[c] if {
	some k, [_, findings] in combine.said
	some [1, _, c, deciding] in findings
	shape := input.consents[c].shape
	some r in provision.matches(shape, matching.candidates[c], k)
	shape.rules[r].strength == [shape.rules[deciding[0]].strength[0], 0]
}

# METADATA
# title: B1. A consent is not active
missing contains ["B1", "not-active", c] if {
	some c, record in input.consents
	record.status != "active"
}

# METADATA
# title: B2. A consent has not begun or has ended
missing contains ["B2", "outside-period", c] if {
	some c, record in input.consents
	record.status == "active"
	enforceable.current(record.shape.periods) == false
}

# METADATA
# title: B3. A consent is of no category asked for
missing contains ["B3", "other-category", c] if {
	input.request.categories != set()
	some c, record in input.consents
	record.shape.categories & input.request.categories == set()
}

# METADATA
# title: D2. A consent covers the purpose only from above, and this purpose has to be named
missing contains ["D2", "named-only", c] if {
	data.codes.explicit[input.request.purpose]
	some c, record in input.consents
	enforceable.counts(record)
	enforceable.permits(record)
	some rule in record.shape.rules
	rule.effect == "permit"
	(rule.says.permit - {null}) & purpose.deny != set()
	rule.says.permit & purpose.permit == set()
}

# METADATA
# title: F5. A consent has no rule that matches
missing contains ["F5", "not-covered", c] if {
	some c, record in input.consents
	enforceable.counts(record)
	enforceable.permits(record)
}

# METADATA
# title: F6. The uses of a consent are used up
missing contains ["F6", "used-up", c] if {
	some c, record in input.consents
	record.exhausted
	enforceable.counts(record)
}

# METADATA
# title: F6. The date by which recipients must have erased has come
missing contains ["F6", "erase-by-passed", c] if {
	some c, record in input.consents
	some [_, end] in record.shape.eraseBy
	end <= input.now
	enforceable.counts(record)
}

# METADATA
# title: F7. A consent lets data be seen only
missing contains ["F7", "view-only", c] if {
	input.request.action != data.codes.access
	some c, record in input.consents
	record.shape.viewOnly
	enforceable.counts(record)
}

# METADATA
# title: H1. The subject has consents, so silence denies
missing contains ["H1", "no-consent-covers", -1] if input.enforceable

# METADATA
# title: H2 to H5. The implicit policy permits
missing contains [implicit.letter, "implicit-permits", -1] if implicit.permits

# METADATA
# title: H2 to H5. The implicit policy does not permit
missing contains [implicit.letter, "no-consent", -1] if {
	input.enforceable == false
	implicit.permits == false
}

# METADATA
# title: E. What kept permits from covering resource k, told when no consent speaks of it
default lacking(_, _) := set()

# METADATA
# title: E. By letter
lacking("NO_CONSENT", k) := {[{"labels": "E1", "types": "E5", "codes": "E6", "period": "E7", "data": "E8"}[element], element] |
	some c, rs in matching.candidates
	some r in rs
	rule := input.consents[c].shape.rules[r]
	rule.effect == "permit"
	some element in (rule.asks - content.covered(rule, k))
}
