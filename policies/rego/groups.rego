# METADATA
# title: J6. The residual rules worth telling
package volens.groups

import data.volens.delegation
import data.volens.residual

# METADATA
# title: J6. Consents that permit all
plain := {c |
	some c in (residual.considered & residual.based)
	residual.summaries[c].base[1] == 0
	residual.summaries[c].entries == []
}

# METADATA
# title: J6. Consents that narrow what flows, those that deny the rest
narrowing contains c if {
	some c in residual.considered
	residual.summaries[c].base[1] == 1
}

# METADATA
# title: J6. Those that deny something
narrowing contains c if {
	some c in residual.considered
	some entry in residual.summaries[c].entries
	entry[0][1] == 1
}

# METADATA
# title: J6. Those that permit something, where nothing has a word on the rest
narrowing contains c if {
	residual.based & residual.considered == set()
	delegation.covers == false
	some c in residual.considered
}

# METADATA
# title: G2. In order of time all that are considered count
narrowing contains c if {
	input.algorithm == "most-recent"
	some c in (residual.considered - plain)
}

# METADATA
# title: J6. Nothing narrows, so all flows
default list := []

# METADATA
# title: J6. The groups to tell, the latest first, as [place, consent, base, entries]; consent -1 is the delegation
list := array.reverse([group | some group in groups]) if {
	narrowing != set()
	groups := {told(c) | some c in (narrowing | plain)} | {[[-1, -1], -1, [0, 0], []] | delegation.covers}
}

# METADATA
# title: J6. One group
told(c) := [residual.place(c), c, summary.base, [rule(c, summary.left, entry) | some entry in summary.entries]] if {
	summary := residual.summaries[c]
}

# METADATA
# title: J6. One rule, as its strength, which it is, what is left to ask of each resource, and the same of the rules around it
rule(c, left, [strength, r]) := [strength[1], r, left[r], [[q, left[q]] |
	some q in (input.consents[c].shape.rules[r].chain - {r})
	left[q] != set()
]]
