# METADATA
# title: J7, J8. What comes with a permit
package volens.obligation

import data.volens.combine
import data.volens.groups
import data.volens.residual

# METADATA
# title: J7. Codes that a rule names by what is left to ask of each resource
codes(c, told) := {code |
	some element in (told[2] & {"labels", "types", "codes"})
	some code in input.consents[c].shape.rules[told[1]][element]
}

# METADATA
# title: J7. REDACT what a rule denies. Where it has further criteria this redacts more than it denies, never less
redact := {code |
	some group in groups.list
	some told in group[3]
	told[0] == 1
	some code in codes(group[1], told)
}

# METADATA
# title: J7. Codes that a group permits by one element alone
allowed(group) := {code |
	some told in group[3]
	told[0] == 0
	count(told[2]) == 1
	told[3] == []
	some code in codes(group[1], told)
}

# METADATA
# title: J7. Where nothing permits the rest, REDACT all but what is permitted; under G1, of consents without base
except contains together if {
	every group in groups.list {
		unsaid(group)
	}
	together := {code |
		some group in groups.list
		joined(group)
		some code in allowed(group)
	}
	together != set()
}

# METADATA
# title: J7. Under G1, REDACT all but what each consent permits that denies the rest
except contains alone if {
	input.algorithm == "deny-overrides"
	some group in groups.list
	group[2][1] == 1
	alone := allowed(group)
	alone != set()
}

# METADATA
# title: J7. A group that does not permit the rest, because it has no base
unsaid(group) if group[2][0] < 0

# METADATA
# title: J7. Or because it denies
unsaid(group) if group[2][1] == 1

# METADATA
# title: J7. Permits of consents without base add up
joined(group) if group[2][0] < 0

# METADATA
# title: J7. Under G2 so do those of the last considered, which denies the rest
joined(_) if input.algorithm == "most-recent"

# METADATA
# title: J8. Consents that permit a concrete resource
permitting contains finding[2] if {
	input.mode == "resources"
	some ["PERMIT", findings] in combine.resources
	some finding in findings
}

# METADATA
# title: J8. Those that permit all
permitting contains finding[2] if {
	input.mode == "whatever"
	some finding in combine.whatever[1]
	combine.whatever[0] == "PERMIT"
}

# METADATA
# title: J8. Those under which something flows
permitting contains c if {
	input.mode == "residual"
	residual.decision == "PERMIT"
	some c in residual.deciding
}

# METADATA
# title: J8. NOPERSISTP when a consent that permits is view-only, DELAU by its erase-by date
terms := {[shape.mode, shape.eraseBy] | some c in permitting; shape := input.consents[c].shape} if input.terms

# METADATA
# title: J8. No consent has such terms
terms := [] if input.terms == false

# METADATA
# title: J7. What to redact, and all but what
redactions := [redact, except]
