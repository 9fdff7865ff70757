# METADATA
# title: G. What several consents say together
package volens.combine

import data.volens.matching
import data.volens.provision

# METADATA
# title: G3. For each resource the word of the consents and the findings that give it
resources := [together({provision.finding(c, provision.matches(c, k)) | some c, _ in matching.candidates}) |
	some k, _ in input.resources
]

# METADATA
# title: J. The same for whatever there may be, when no rule asks anything of the data
whatever := together({provision.finding(c, rules) | some c, rules in matching.candidates})

# METADATA
# title: G3. No consent speaks
together(findings) := ["NO_CONSENT", []] if findings == set()

# METADATA
# title: G1, G2. The findings with the highest key decide; they agree
together(findings) := [["PERMIT", "DENY"][best[1]], [finding | some finding in findings; finding[0] == best[0]]] if {
	best := max(findings)
}
