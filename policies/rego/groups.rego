# METADATA
# title: J. The residual rules worth telling
package volens.groups

import data.volens.delegation
import data.volens.provision
import data.volens.residual

# METADATA
# title: J6. Consents that permit all
plain contains c if {
	some c in residual.considered
	residual.base[c] == "permit"
	count(object.get(residual.entries, c, [])) == 0
}

# METADATA
# title: J6. Only lists of permits
default settled := false

# METADATA
# title: J6. Something other than a list of permits decides where no rule matches
settled if count(residual.based & residual.considered) > 0

# METADATA
# title: J6. A delegation does as well
settled if delegation.covers

# METADATA
# title: J6. Consents that narrow what flows, those that deny all but something
narrowing contains c if {
	some c in residual.considered
	residual.base[c] == "deny"
}

# METADATA
# title: J6. Those with a rule that denies
narrowing contains c if {
	some c in residual.considered
	some entry in residual.entries[c]
	entry[1] == provision.strength.deny
}

# METADATA
# title: J6. Those that permit something where nothing else permits
narrowing contains c if {
	some c in residual.considered
	residual.base[c] == "none"
	settled == false
}

# METADATA
# title: G2. In order of time every consent considered counts, unless the latest permits all
narrowing contains c if {
	input.algorithm == "most-recent"
	some c in (residual.considered - plain)
}

# METADATA
# title: J6. Nothing narrows, no residual rules
default list := []

# METADATA
# title: J6. The groups to tell, the latest first, as [place, consent, base, entries]; -1 is the delegation
list := [group | some group in array.reverse([g | some g in groups])] if {
	count(narrowing) > 0
	groups := {told(c) | some c in (narrowing | plain)} | {[[-1, -1], -1, "permit", []] | delegation.covers}
}

# METADATA
# title: J6. One group
told(c) := [
	residual.place(c), c, residual.base[c],
	[rule(c, entry) | some entry in object.get(residual.entries, c, [])],
]

# METADATA
# title: J6. One rule, what it does, itself, what is left to ask of each resource, and the same of the rules around it
rule(c, entry) := [
	entry[1], entry[2], residual.left[c][entry[2]],
	[[q, residual.left[c][q]] |
		some q in (input.consents[c].shape.rules[entry[2]].chain - {entry[2]})
		count(residual.left[c][q]) > 0
	],
]
