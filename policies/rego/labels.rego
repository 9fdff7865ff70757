# METADATA
# title: E1 to E4. Security labels
package volens.labels

# METADATA
# title: E1. The confidentiality marks of resource k, as ranks from U (0) to V (5)
marks[k] := {rank | some label in resource.labels; rank := data.codes.confidentiality[label]} if {
	some k, resource in input.resources
}

# METADATA
# title: E3. Other labels are covered by themselves and by every label above them
above[k] := resource.labels | {a | some label in resource.labels; some a in data.codes.up[label]} if {
	some k, resource in input.resources
}

# METADATA
# title: E1. A permit for a mark covers what is marked so or lower; the highest mark of a resource counts
permit[k] := (above[k] - marked) | ({c | some c, rank in data.codes.confidentiality; rank >= max(ranks)} | {null}) if {
	some k, ranks in marks
	count(ranks) > 0
}

# METADATA
# title: E4. A permit for a mark does not cover what carries no mark
permit[k] := above[k] | {null} if {
	some k, ranks in marks
	count(ranks) == 0
}

# METADATA
# title: E2. A denial of a mark covers what is marked so or higher
deny[k] := (above[k] - marked) | ({c | some c, rank in data.codes.confidentiality; rank <= max(ranks)} | {null}) if {
	some k, ranks in marks
	count(ranks) > 0
}

# METADATA
# title: E4. A denial of a mark covers what carries no mark, since that may be anything
deny[k] := (above[k] | marked) | {null} if {
	some k, ranks in marks
	count(ranks) == 0
	count(input.resources[k].labels) > 0
}

# METADATA
# title: E4. A denial by any label covers what carries no label at all
deny[k] := named | {null} if {
	some k, resource in input.resources
	count(resource.labels) == 0
}

# METADATA
# title: E1. Every confidentiality mark
marked := {c | some c, _ in data.codes.confidentiality}

# METADATA
# title: E4. Every label that a rule names
named := {label |
	some record in input.consents
	some rule in record.shape.rules
	some label in rule.labels
}
