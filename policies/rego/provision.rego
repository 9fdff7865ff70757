# METADATA
# title: F. What one consent says of one resource
package volens.provision

import data.volens.content
import data.volens.matching

# METADATA
# title: F3, F4, F5. What each consent says of resource k
# description: |
#   Each finding is [strength, [date, consent], consent, rules]. A rule's strength is its depth, then 1 for a denial and 0
#   for a permit; the strongest that match decide. A consent without a matching rule does not apply and has no finding.
findings(k) := [[top[1], [input.consents[c].rank, c], c, deciding] |
	some c, rs in matching.candidates
	shape := input.consents[c].shape
	ranked := {[shape.rules[r].strength, r] | some r in matches(shape, rs, k)}
	top := max(ranked)[0]
	deciding := [match[1] | some match in ranked; match[0] == top]
]

# METADATA
# title: E. Where no rule has data criteria all cover every resource
matches(shape, rs, _) := rs if shape.asking == set()

# METADATA
# title: F2. Rules that cover resource k, as do those around them
matches(shape, rs, k) := matching.surrounded(shape, covering) if {
	shape.asking != set()
	covering := {r | some r in rs; content.covered(shape.rules[r], k) == shape.rules[r].asks}
}
