# METADATA
# title: L. The answer
package volens.decision

import data.volens.combine
import data.volens.delegation
import data.volens.groups
import data.volens.implicit
import data.volens.obligation
import data.volens.reason
import data.volens.residual

# METADATA
# title: L1. The answer; undefined, which the caller reads as a denial, when anything is missing
# entrypoint: true
answer := {
	"decision": effect(consents),
	"consents": consents,
	"deciding": deciding,
	"groups": residuals,
	"redact": redactions,
	"viewOnly": obligation.view_only(permitting),
	"eraseBy": obligation.erase_by(permitting),
	"resources": resources,
	"reasons": reason.reasons,
	"sentence": reason.sentence,
}

# METADATA
# title: A1. A request names its purpose and its action
complete if {
	input.request.purpose != ""
	input.request.action != ""
}

# METADATA
# title: L1. Nothing is released
default released(_) := false

# METADATA
# title: L1. What the consents permit is released
released("PERMIT") if complete

# METADATA
# title: H1. What no consent speaks of is released where the implicit policy says so
released("NO_CONSENT") if {
	complete
	implicit.permits
}

# METADATA
# title: K2. A delegate gets what no consent denies
released("NO_CONSENT") if {
	complete
	delegation.covers
}

# METADATA
# title: L1. Deny
default effect(_) := "deny"

# METADATA
# title: L1. Unless released
effect(said) := "permit" if released(said)

# METADATA
# title: J5. What the consents say without concrete resources
consents := residual.decision if count(input.resources) == 0

# METADATA
# title: G3. With concrete resources, one that is denied denies
consents := "DENY" if "DENY" in said

# METADATA
# title: G3. All permitted permits
consents := "PERMIT" if said == {"PERMIT"}

# METADATA
# title: G3. Otherwise one of which no consent speaks is not permitted
consents := "NO_CONSENT" if said - {"PERMIT"} == {"NO_CONSENT"}

# METADATA
# title: G3. What the consents say of the resources
said := {word | some word in combine.decisions}

# METADATA
# title: L2. Consents and rules that decide, as [consent, rule]
deciding contains [c, r] if {
	count(input.resources) == 0
	consents == "PERMIT"
	some c in permitting
	some r in residual.telling[c]
}

# METADATA
# title: L2. Those that deny
deciding contains [c, r] if {
	count(input.resources) == 0
	consents == "DENY"
	some c in residual.denying
	some r in residual.telling[c]
}

# METADATA
# title: L2. With concrete resources, those that give the overall word
deciding contains [c, r] if {
	some k, word in combine.decisions
	word == consents
	some [c, r] in combine.because[k]
}

# METADATA
# title: J5, J8. Consents under which something flows
permitting contains c if {
	count(input.resources) == 0
	consents == "PERMIT"
	some c in (residual.flowing & residual.considered)
}

# METADATA
# title: J8. With concrete resources
permitting contains c if {
	some k, word in combine.decisions
	word == "PERMIT"
	some c in combine.deciding[k]
}

# METADATA
# title: J6. No residual rules unless something is released without concrete resources
default residuals := []

# METADATA
# title: J6. Residual rules
residuals := groups.list if {
	count(input.resources) == 0
	effect(consents) == "permit"
}

# METADATA
# title: J7. No REDACT where nothing is left to apply
default redactions := {"codes": set(), "except": set()}

# METADATA
# title: J7. REDACT
redactions := {"codes": obligation.redact, "except": obligation.except} if count(residuals) > 0

# METADATA
# title: L2. The answer for each concrete resource, as [decision, consents, deciding, lacking]
resources := [[effect(word), word, object.get(combine.because, k, set()), reason.lacking(k, word)] |
	some k, _ in input.resources
	word := combine.decisions[k]
]
