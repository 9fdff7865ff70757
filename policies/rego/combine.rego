# METADATA
# title: G. What several consents say of a resource together
package volens.combine

import data.volens.provision

# METADATA
# title: G1. Any denial wins
deciding[k] := cs if {
	input.algorithm == "deny-overrides"
	some k, cs in provision.denying
}

# METADATA
# title: G1. Else any permit
deciding[k] := cs if {
	input.algorithm == "deny-overrides"
	some k, cs in provision.permitting
	object.get(provision.denying, k, set()) == set()
}

# METADATA
# title: G2. The latest consent that speaks of it wins; of equal dates the later in the list
deciding[k] := {latest[1]} if {
	input.algorithm == "most-recent"
	some k, by_consent in provision.strongest
	latest := max({[input.consents[c].rank, c] | some c, _ in by_consent})
}

# METADATA
# title: G1, G2. The consents that decide deny
decisions[k] := "DENY" if {
	some k, cs in deciding
	cs & object.get(provision.denying, k, set()) == cs
}

# METADATA
# title: G1, G2. The consents that decide permit
decisions[k] := "PERMIT" if {
	some k, cs in deciding
	cs & object.get(provision.permitting, k, set()) == cs
}

# METADATA
# title: G1, G2. No consent speaks of resource k
decisions[k] := "NO_CONSENT" if {
	some k, _ in input.resources
	object.get(deciding, k, set()) == set()
}

# METADATA
# title: L2. The rules that decide, as [consent, rule]
because[k] contains [c, r] if {
	some k, cs in deciding
	some c in cs
	some r in provision.deciding[k][c]
}
