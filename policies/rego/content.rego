# METADATA
# title: E. Which rules speak of a resource
package volens.content

import data.volens.labels
import data.volens.matching

# METADATA
# title: E8, E9, E10. How a reference may point at a resource
links[k] := ({["instance", resource.self], ["related", resource.self], ["dependents", resource.self]} | {[meaning, ref] | some meaning in ["related", "dependents"]; some ref in resource.references}) | {["authoredby", ref] | some ref in resource.authors} if {
	some k, resource in input.resources
}

# METADATA
# title: E1 to E10. What a rule may name to match resource k, by element
words[k] := {
	"types": (resource.types | {null}),
	"codes": (resource.codes | {null}),
	"data": (links[k] | {null}),
	"labels": {"permit": labels.permit[k], "deny": labels.deny[k]},
} if {
	some k, resource in input.resources
}

# METADATA
# title: E7. A permit covers data that came to be wholly inside its data period
dated("permit", rule, resource) if {
	rule.from <= resource.start
	resource.end <= rule.to
}

# METADATA
# title: E7. A denial covers data that may have come to be inside its data period
dated("deny", rule, resource) if {
	rule.from < resource.end
	resource.start < rule.to
}

# METADATA
# title: E. Rules of consent c whose own words cover resource k
covers[k][c] contains r if {
	some k, said in words
	some c, rs in matching.candidates
	some r in rs
	rule := input.consents[c].shape.rules[r]
	speaks(rule, said, input.resources[k])
}

# METADATA
# title: E. A rule without data criteria covers every resource
speaks(rule, _, _) if count(rule.asks) == 0

# METADATA
# title: E. A rule with data criteria covers what each of them covers
speaks(rule, said, resource) if {
	count(rule.asks) > 0
	rule.types & said.types != set()
	rule.codes & said.codes != set()
	rule.data & said.data != set()
	rule.labels & said.labels[rule.effect] != set()
	dated(rule.effect, rule, resource)
}

# METADATA
# title: F2. Rules that match resource k, those around them included
matches[k][c] contains r if {
	some k, by_consent in covers
	some c, rs in by_consent
	some r in rs
	input.consents[c].shape.rules[r].chain - rs == set()
}

# METADATA
# title: E4. What kept permits that were otherwise open from covering resource k
lacking[k] contains element if {
	some k, said in words
	some c, rs in matching.candidates
	some r in rs
	rule := input.consents[c].shape.rules[r]
	rule.effect == "permit"
	some element in ["types", "codes", "data"]
	rule[element] & said[element] == set()
}

# METADATA
# title: E1, E3. The same for labels
lacking[k] contains "labels" if {
	some k, said in words
	some c, rs in matching.candidates
	some r in rs
	rule := input.consents[c].shape.rules[r]
	rule.effect == "permit"
	rule.labels & said.labels.permit == set()
}

# METADATA
# title: E7. The same for the date
lacking[k] contains "period" if {
	some k, resource in input.resources
	some c, rs in matching.candidates
	some r in rs
	rule := input.consents[c].shape.rules[r]
	rule.effect == "permit"
	outside(rule, resource)
}

# METADATA
# title: E7. Data from before the data period, or not known to be from within it
outside(rule, resource) if resource.start < rule.from

# METADATA
# title: E7. Data from after the data period, or not known to be from within it
outside(rule, resource) if rule.to < resource.end
