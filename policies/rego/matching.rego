# METADATA
# title: C and F. Which rules speak to this requester, now, for this purpose
# description: |
#   A rule says what it is limited to, element by element; "permit" are the purposes of a permit, null for all, "deny"
#   those of a denial. The rule needs every element that it says, its period, and at depth 1 those that only the root says.
package volens.matching

import data.volens.enforceable
import data.volens.purpose

# METADATA
# title: C1, C2, C3, D. What a rule may say to cover the request
words := {
	"actors": input.request.actors,
	"roles": input.request.roles,
	"actions": {input.request.action},
	"permit": purpose.permit,
	"deny": purpose.deny,
}

# METADATA
# title: F6, F7. Where permits count, all words do
heeded(true) := words

# METADATA
# title: F6, F7. Where they do not, no permit finds its purpose
heeded(false) := object.union(words, {"permit": set()})

# METADATA
# title: F1, F2. Rules that cover requester, role, action, moment and purpose, as do those around them
candidates[c] := rs if {
	some c, record in input.consents
	enforceable.counts(record)
	shape := record.shape
	listening := heeded(enforceable.permits(record))
	root := heard(shape.root, listening)
	held := {r |
		some r, rule in shape.rules
		rule.needs == (heard(rule.says, listening) | (rule.asRoot & root)) | moment(rule.period)
	}
	held != set()
	rs := surrounded(shape, held)
}

# METADATA
# title: C1, C2, C3, D. Elements in which what is said covers the request
heard(says, listening) := {element |
	some element, values in says
	values & listening[element] != set()
}

# METADATA
# title: C4. A rule without a period of its own needs none
moment([]) := set()

# METADATA
# title: C4. One that has it needs to be inside
moment([start, end]) := {"period" |
	is_number(end)
	start <= input.now
	input.now < end
}

# METADATA
# title: F2. Without nesting there is nothing around a rule but the root
surrounded(shape, held) := held if shape.deep == false

# METADATA
# title: F2. A rule deeper than 1 needs the rules around it
surrounded(shape, held) := {r | some r in held; shape.rules[r].chain - held == set()} if shape.deep

# METADATA
# title: J. Consents of which a rule that speaks asks something of the data
asking contains c if {
	some c, rs in candidates
	input.consents[c].shape.asking & rs != set()
}
