# METADATA
# title: Reasons that a decision shows, as [letter, code, consent]; -1 stands for no particular consent
package volens.reason

import data.volens.combine
import data.volens.content
import data.volens.decision
import data.volens.delegation
import data.volens.enforceable
import data.volens.implicit
import data.volens.provision
import data.volens.purpose

# METADATA
# title: A1. The request names no purpose
reasons contains ["A1", "incomplete", -1] if input.request.purpose == ""

# METADATA
# title: A1. The request names no action
reasons contains ["A1", "incomplete", -1] if input.request.action == ""

# METADATA
# title: G1, G2. A consent decides
reasons contains [letter, code, c] if {
	letter := {"deny-overrides": "G1", "most-recent": "G2"}[input.algorithm]
	code := {"DENY": "consent-denies", "PERMIT": "consent-permits"}[decision.consents]
	some [c, _] in decision.deciding
}

# METADATA
# title: F4. A denial was as deep as a permit
reasons contains ["F4", "tie", c] if {
	some k, cs in combine.deciding
	some c in cs
	some r in content.matches[k][c]
	input.consents[c].shape.rules[r].effect == "permit"
	provision.strongest[k][c] == [input.consents[c].shape.rules[r].depth, provision.strength.deny]
}

# METADATA
# title: B1. A consent is not active
reasons contains ["B1", "not-active", c] if {
	decision.consents == "NO_CONSENT"
	some c, record in input.consents
	record.status != "active"
}

# METADATA
# title: B2. A consent has not begun or has ended
reasons contains ["B2", "outside-period", c] if {
	decision.consents == "NO_CONSENT"
	some c, record in input.consents
	record.status == "active"
	some period in [record.shape, record.shape.rules[0]]
	outside(period)
}

# METADATA
# title: B2. Not begun
outside(period) if input.now < period.start

# METADATA
# title: B2. Ended
outside(period) if period.end <= input.now

# METADATA
# title: B3. A consent is of no category asked for
reasons contains ["B3", "other-category", c] if {
	decision.consents == "NO_CONSENT"
	count(input.request.categories) > 0
	some c, record in input.consents
	record.shape.categories & input.request.categories == set()
}

# METADATA
# title: D2. A consent covers the purpose only from above, and this purpose has to be named
reasons contains ["D2", "named-only", c] if {
	decision.consents == "NO_CONSENT"
	data.codes.explicit[input.request.purpose]
	some c in enforceable.usable
	some rule in input.consents[c].shape.rules
	rule.effect == "permit"
	rule.purposes & purpose.deny != set()
	rule.purposes & purpose.permit == set()
}

# METADATA
# title: F5. A consent has no rule that matches
reasons contains ["F5", "not-covered", c] if {
	decision.consents == "NO_CONSENT"
	some c in enforceable.usable
}

# METADATA
# title: F6. The uses of a consent are used up
reasons contains ["F6", "used-up", c] if {
	decision.consents == "NO_CONSENT"
	some c in enforceable.consents
	input.consents[c].exhausted
}

# METADATA
# title: F6. The date by which recipients must have erased has come
reasons contains ["F6", "erase-by-passed", c] if {
	decision.consents == "NO_CONSENT"
	some c in enforceable.consents
	input.consents[c].shape.eraseBy <= input.now
}

# METADATA
# title: F7. A consent lets data be seen only
reasons contains ["F7", "view-only", c] if {
	decision.consents == "NO_CONSENT"
	some c in (enforceable.unspent - enforceable.usable)
}

# METADATA
# title: H1. The subject has consents, so silence denies
reasons contains ["H1", "no-consent-covers", -1] if {
	decision.consents == "NO_CONSENT"
	input.enforceable
}

# METADATA
# title: H2 to H5. The implicit policy permits
reasons contains [letters[input.implicit], "implicit-permits", -1] if {
	decision.consents == "NO_CONSENT"
	implicit.permits
}

# METADATA
# title: H2 to H5. The implicit policy does not permit
reasons contains [letters[input.implicit], "no-consent", -1] if {
	decision.consents == "NO_CONSENT"
	input.enforceable == false
	implicit.permits == false
}

# METADATA
# title: H. The letter of each implicit policy
letters := {"deny": "H2", "basic-normal": "H3", "all-normal": "H4", "break-glass-only": "H5"}

# METADATA
# title: K2. A delegate asks
reasons contains ["K2", "delegate", -1] if delegation.covers

# METADATA
# title: J6. What flows is still to be filtered
reasons contains ["J6", "filtered", -1] if count(decision.residuals) > 0

# METADATA
# title: L2. The reason that is told in one sentence is the first of these that is given
sentence := [code | some code in order; code in given][0]

# METADATA
# title: L2. The codes of the reasons
given := {reason[1] | some reason in reasons}

# METADATA
# title: L2. In this order a person would tell them
order := [
	"incomplete", "consent-denies", "filtered", "consent-permits", "implicit-permits", "delegate",
	"used-up", "erase-by-passed", "view-only", "named-only", "not-covered",
	"outside-period", "other-category", "not-active", "no-consent-covers", "no-consent",
]

# METADATA
# title: E. What kept permits from covering resource k, told when no consent speaks of it
default lacking(_, _) := set()

# METADATA
# title: E. By letter
lacking(k, "NO_CONSENT") := {[elements[element], element] | some element in content.lacking[k]}

# METADATA
# title: E. The letter of each element
elements := {"labels": "E1", "types": "E5", "codes": "E6", "period": "E7", "data": "E8"}
