# METADATA
# title: C and F. Which rules speak to this requester, now, for this purpose
# description: |
#   A rule says what it is limited to, element by element, and needs all of that. The purposes of a permit are its element
#   "permit" (null for all), those of a denial its element "deny". A permit also needs "granting" (F6, F7), and a rule at
#   depth 1 that is silent needs what the root says, as "root actors" and so on.
package volens.matching

import data.volens.enforceable
import data.volens.purpose

# METADATA
# title: C1, C2, C3, D. What a rule may say to cover the request; D3, denials are covered from above without exception
words := {
	"actors": input.request.actors,
	"roles": input.request.roles,
	"actions": {input.request.action},
	"permit": purpose.permit,
	"deny": input.request.purposes,
}

# METADATA
# title: C4, F1. Rules that cover requester, role, action, moment and purpose, as [strength, rule]
candidates[c] := surrounded(shape, held) if {
	some c, shape in enforceable.consents
	given := {name | some name, [element, values] in shape.root; values & words[element] != set()} | {"granting" | c in enforceable.permitting}
	held := {[rule.strength, r] |
		some r, rule in shape.rules
		heard := {element | some element, values in rule.says; values & words[element] != set()}
		(rule.needs - heard) - given == set()
		rule.start <= input.now
		input.now < rule.end
		is_number(rule.end)
	}
	held != set()
}

# METADATA
# title: F2. Without deeper rules there is nothing around a rule but the root
surrounded(shape, held) := held if shape.deep == false

# METADATA
# title: F2. A rule deeper than 1 needs the rules around it
surrounded(shape, held) := {[strength, r] | some [strength, r] in held; shape.rules[r].chain - rules == set()} if {
	shape.deep
	rules := {r | some [_, r] in held}
}
