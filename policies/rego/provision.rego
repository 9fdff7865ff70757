# METADATA
# title: F. What one consent says
package volens.provision

import data.volens.content
import data.volens.matching

# METADATA
# title: F2. Rules of consent c that match resource k, as do those around them, as [strength, rule]
matches(c, k) := matching.surrounded(shape, covering) if {
	shape := input.consents[c].shape
	covering := {[strength, r] |
		some [strength, r] in matching.candidates[c]
		content.covered(shape.rules[r], k) == shape.rules[r].asks
	}
}

# METADATA
# title: F3, F4. The strongest of the matching rules decide; F5, without any the consent has no finding
# description: |
#   A rule's strength is its depth, then 1 for a denial and 0 for a permit. A finding is [key, 1 if it denies, consent,
#   rules]. The key is what consents combine by (G1, a denial; G2, the date, then the place in the list).
finding(c, matching_rules) := [key(c, top), top[1], c, [r | some [strength, r] in matching_rules; strength == top]] if {
	top := max(matching_rules)[0]
}

# METADATA
# title: G1. By whether it denies
key(_, top) := top[1] if input.algorithm == "deny-overrides"

# METADATA
# title: G2. By date, then by place in the list
key(c, _) := [input.consents[c].rank, c] if input.algorithm == "most-recent"
