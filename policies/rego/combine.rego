# METADATA
# title: G. What several consents say of a resource together
package volens.combine

import data.volens.matching
import data.volens.provision

# METADATA
# title: G. For each resource the word of the consents and the findings that give it
said := [[word(findings), findings] |
	some k, _ in input.resources
	findings := deciding(provision.findings(k))
]

# METADATA
# title: J1. The same for all that there may be, when no rule that speaks asks anything of the data
whatever := [word(findings), findings] if {
	matching.asking == set()
	findings := deciding(provision.findings(-1))
}

# METADATA
# title: G3. No consent speaks of it
word([]) := "NO_CONSENT"

# METADATA
# title: G1, G2. The findings that decide agree
word(findings) := ["PERMIT", "DENY"][findings[0][0]]

# METADATA
# title: G1. Any denial wins, else any permit
deciding(findings) := [found | some found in findings; found[0] == strongest] if {
	input.algorithm == "deny-overrides"
	strongest := max([found[0] | some found in findings])
}

# METADATA
# title: G2. The latest consent that speaks of it wins; of equal dates the later in the list
deciding(findings) := [found | some found in findings; found[1] == latest] if {
	input.algorithm == "most-recent"
	latest := max([found[1] | some found in findings])
}

# METADATA
# title: G. Nothing decides when nothing is said
deciding([]) := []
