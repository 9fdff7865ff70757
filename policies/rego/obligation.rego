# METADATA
# title: J7. What comes with a permit
package volens.obligation

import data.volens.groups
import data.volens.provision

# METADATA
# title: J7. Codes of a rule that can be redacted by
codes(c, told) := {code |
	some element in (told[2] & {"labels", "types", "codes"})
	some code in input.consents[c].shape.rules[told[1]][element]
	is_string(code)
}

# METADATA
# title: J7. REDACT what a rule denies. Where the rule has further criteria this redacts more than it denies, never less
redact := {code |
	some group in groups.list
	some told in group[3]
	told[0] == provision.strength.deny
	some code in codes(group[1], told)
}

# METADATA
# title: J7. Codes that a group permits by one element alone
allowed(group) := {code |
	some told in group[3]
	told[0] == provision.strength.permit
	count(told[2]) == 1
	count(told[3]) == 0
	some code in codes(group[1], told)
}

# METADATA
# title: J7. Under G1, REDACT all but what consents without base permit together
except contains together if {
	input.algorithm == "deny-overrides"
	every group in groups.list {
		group[2] in {"none", "deny"}
	}
	together := {code |
		some group in groups.list
		group[2] == "none"
		some code in allowed(group)
	}
	count(together) > 0
}

# METADATA
# title: J7. Under G1, REDACT all but what each consent permits that denies the rest
except contains alone if {
	input.algorithm == "deny-overrides"
	some group in groups.list
	group[2] == "deny"
	alone := allowed(group)
	count(alone) > 0
}

# METADATA
# title: J7. Under G2, REDACT all but what the consents considered permit
except contains together if {
	input.algorithm == "most-recent"
	every group in groups.list {
		group[2] in {"none", "deny"}
	}
	together := {code | some group in groups.list; some code in allowed(group)}
	count(together) > 0
}

# METADATA
# title: J8. NOPERSISTP when a consent that permits is view-only
default view_only(_) := false

# METADATA
# title: J8. One of these consents is view-only
view_only(consents) if {
	some c in consents
	input.consents[c].shape.viewOnly
}

# METADATA
# title: J8. DELAU, the earliest erase-by date of the consents that permit
erase_by(consents) := min({input.consents[c].shape.eraseBy | some c in consents} | {data.codes.never})
