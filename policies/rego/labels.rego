# METADATA
# title: E1 to E4. Security labels
# description: What a rule may name to cover a resource.
package volens.labels

# METADATA
# title: E1. A permit of a mark covers what is marked so or lower, by the highest mark; E4, none is covered by no mark
words.permit[k] := others(resource) | {mark |
	highest := max({data.codes.confidentiality[label] | some label in resource.labels})
	some mark, rank in data.codes.confidentiality
	rank >= highest
} if {
	some k, resource in input.resources
}

# METADATA
# title: E2. A denial of a mark covers what is marked so or higher
words.deny[k] := others(resource) | {mark |
	highest := max({data.codes.confidentiality[label] | some label in resource.labels})
	some mark, rank in data.codes.confidentiality
	rank <= highest
} if {
	some k, resource in input.resources
	resource.labels & marks != set()
}

# METADATA
# title: E4. A denial of a mark covers what carries none, since it may be anything
words.deny[k] := others(resource) | marks if {
	some k, resource in input.resources
	resource.labels != set()
	resource.labels & marks == set()
}

# METADATA
# title: E4. A denial by any label covers what carries no label at all
words.deny[k] := {label |
	some record in input.consents
	some rule in record.shape.rules
	some label in rule.labels
} if {
	some k, resource in input.resources
	resource.labels == set()
}

# METADATA
# title: E3. Labels other than marks are covered by themselves and by every label above them
others(resource) := (resource.labels - marks) | {above |
	some label in resource.labels
	some above in data.codes.up[label]
}

# METADATA
# title: E1. The confidentiality marks
marks := object.keys(data.codes.confidentiality)
