# METADATA
# title: E. Which rules speak of a resource
package volens.content

import data.volens.labels

# METADATA
# title: E1 to E10. The data criteria of a rule that cover resource k; the rule covers it when all do
covered(rule, k) := {element |
	some element in rule.asks
	covers(element, rule, k)
}

# METADATA
# title: E1 to E4. Security labels
covers("labels", rule, k) if rule.labels & labels.words[rule.effect][k] != set()

# METADATA
# title: E5. Resource types and document types
covers("types", rule, k) if rule.types & input.resources[k].types != set()

# METADATA
# title: E6. Clinical codes found in the resource
covers("codes", rule, k) if rule.codes & input.resources[k].codes != set()

# METADATA
# title: E7. A permit covers data that came to be wholly inside its data period
covers("period", rule, k) if {
	rule.effect == "permit"
	rule.from <= input.resources[k].start
	input.resources[k].end <= rule.to
}

# METADATA
# title: E7. A denial covers data that may have come to be inside its data period
covers("period", rule, k) if {
	rule.effect == "deny"
	rule.from < input.resources[k].end
	input.resources[k].start < rule.to
}

# METADATA
# title: E8, E9, E10. References to the resource, to what it belongs to, to its author
covers("data", rule, k) if {
	some [meaning, ref] in rule.data
	points(meaning, ref, input.resources[k])
}

# METADATA
# title: E8. At the resource itself
points("instance", ref, resource) if ref == resource.self

# METADATA
# title: E9. At what belongs to the reference, as the reference itself does
points("related", ref, resource) if ref in (resource.references | {resource.self})

# METADATA
# title: E9. The same by its other name
points("dependents", ref, resource) if ref in (resource.references | {resource.self})

# METADATA
# title: E10. At what the reference made
points("authoredby", ref, resource) if ref in resource.authors
