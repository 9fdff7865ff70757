# METADATA
# title: F. What one consent says of one resource
package volens.provision

import data.volens.content

# METADATA
# title: F4. At the same depth a denial is stronger
strength := {"permit": 0, "deny": 1}

# METADATA
# title: F3, F4. The strongest matching rule, the deepest, and of several at that depth a denial
strongest[k][c] := max({[rule.depth, strength[rule.effect]] |
	some r in rs
	rule := input.consents[c].shape.rules[r]
}) if {
	some k, by_consent in content.matches
	some c, rs in by_consent
}

# METADATA
# title: F3. The rules that decide
deciding[k][c] := {r |
	some r in content.matches[k][c]
	rule := input.consents[c].shape.rules[r]
	[rule.depth, strength[rule.effect]] == top
} if {
	some k, by_consent in strongest
	some c, top in by_consent
}

# METADATA
# title: F3, F4, F5. Consents that permit resource k. One without a matching rule does not apply
permitting[k] contains c if {
	some k, by_consent in strongest
	some c, top in by_consent
	top[1] == strength.permit
}

# METADATA
# title: F4. Consents that deny resource k
denying[k] contains c if {
	some k, by_consent in strongest
	some c, top in by_consent
	top[1] == strength.deny
}
