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
# title: L2. Nothing to add to the consents that permit
given("PERMIT", "permit") := set()

# METADATA
# title: A1. When consents permit and the request is denied, it is incomplete
given("PERMIT", "deny") := {["A1", "incomplete", -1]}

# METADATA
# title: F4. When consents deny, whether a permit was as deep
given("DENY", "deny") := {["F4", "tie", c] | some c, _ in ties}

# METADATA
# title: B, D2, F5 to F7, H, K. When no consent speaks, why
given("NO_CONSENT", _) := missing

# METADATA
# title: F4. Consents in which a permit is as deep as the denial that decides
ties[c] if {
	input.mode == "resources"
	some k, [_, findings] in combine.resources
	some [_, 1, c, rules] in findings
	some [[depth, 0], _] in provision.matches(c, k)
	depth == input.consents[c].shape.rules[rules[0]].strength[0]
}

# METADATA
# title: A1. The request does not say its purpose
missing contains ["A1", "incomplete", -1] if input.request.purpose == ""

# METADATA
# title: A1. The request does not say its action
missing contains ["A1", "incomplete", -1] if input.request.action == ""

# METADATA
# title: K2. A delegate asks
missing contains ["K2", "delegate", -1] if delegation.covers

# METADATA
# title: B1. A consent is not active
missing contains ["B1", "not-active", c] if {
	some c, record in input.consents
	record.status != "active"
}

# METADATA
# title: B2. A consent has not begun
missing contains ["B2", "outside-period", c] if {
	some c, record in input.consents
	record.status == "active"
	input.now < record.shape.start
}

# METADATA
# title: B2. A consent has ended
missing contains ["B2", "outside-period", c] if {
	some c, record in input.consents
	record.status == "active"
	record.shape.end <= input.now
}

# METADATA
# title: B3. A consent is of no category asked for
missing contains ["B3", "other-category", c] if {
	some c, record in input.consents
	record.shape.categories & input.request.categories == set()
}

# METADATA
# title: D2. A consent covers the purpose only from above, and this purpose has to be named
missing contains ["D2", "named-only", c] if {
	data.codes.explicit[input.request.purpose]
	some c in enforceable.permitting
	some rule in input.consents[c].shape.rules
	rule.says.permit & input.request.purposes != set()
	rule.says.permit & purpose.permit == set()
}

# METADATA
# title: F5. A consent has no rule that matches
missing contains ["F5", "not-covered", c] if some c in enforceable.permitting

# METADATA
# title: F6. The uses of a consent are used up
missing contains ["F6", "used-up", c] if {
	some c, _ in enforceable.consents
	input.consents[c].exhausted
}

# METADATA
# title: F6. The date by which recipients must have erased has come
missing contains ["F6", "erase-by-passed", c] if {
	some c, shape in enforceable.consents
	shape.eraseBy <= input.now
}

# METADATA
# title: F8. A consent does not permit the study
missing contains ["F8", input.consents[c].unfit, c] if {
	some c, _ in enforceable.consents
	input.consents[c].unfit != ""
}

# METADATA
# title: F7. A consent lets data be seen only
missing contains ["F7", "view-only", c] if {
	some c, shape in enforceable.consents
	enforceable.modes[shape.mode] != input.request.action
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
	some c, ranked in matching.candidates
	some [_, r] in ranked
	rule := input.consents[c].shape.rules[r]
	rule.effect == "permit"
	some element in (rule.asks - content.covered(rule, k))
}
