# METADATA
# title: C and F. Which rules speak to this requester, now, for this purpose
# description: Sets hold what was asked for. null in a rule's set means that it is silent on the element.
package volens.matching

import data.volens.enforceable
import data.volens.purpose

# METADATA
# title: C1. Who asks, and silence about it
actors := input.request.actors | {null}

# METADATA
# title: C2. The requester's roles, and silence about them
roles := input.request.roles | {null}

# METADATA
# title: C3. The action, and silence about it
actions := {input.request.action, null}

# METADATA
# title: F6, F7. No permit of a consent counts while its permits may not be used
default permits(_) := set()

# METADATA
# title: D. Purposes that a permit of consent c may name
permits(c) := purpose.permit if c in enforceable.usable

# METADATA
# title: C. What a rule of each depth must say, a consent of one rule
heard[c] := [own(c)] if {
	some c in enforceable.consents
	count(input.consents[c].shape.rules) == 1
}

# METADATA
# title: F1. A rule at depth 1 that is silent is heard only where the root covers the request
heard[c] := [mine, inherited(input.consents[c].shape.rules[0], mine), mine, mine] if {
	some c in enforceable.consents
	count(input.consents[c].shape.rules) > 1
	mine := own(c)
}

# METADATA
# title: C. What a rule must say to cover the request by itself
own(c) := {
	"actors": actors,
	"roles": roles,
	"actions": actions,
	"permit": permits(c),
	"deny": purpose.deny,
}

# METADATA
# title: F1. The same for depth 1, where silence means what the root says
inherited(root, mine) := {name: words |
	some name, element in {
		"actors": root.actors,
		"roles": root.roles,
		"actions": root.actions,
		"permit": root.purposes,
		"deny": root.purposes,
	}
	words := (mine[name] - {null}) | {null | element & mine[name] != set()}
}

# METADATA
# title: C1, C2, C3, C4, D. Rules that cover requester, role, action, moment and purpose
holds[c] contains r if {
	some c, levels in heard
	some r, rule in input.consents[c].shape.rules
	words := levels[rule.depth]
	rule.actors & words.actors != set()
	rule.purposes & words[rule.effect] != set()
	rule.actions & words.actions != set()
	rule.roles & words.roles != set()
	rule.start <= input.now
	input.now < rule.end
}

# METADATA
# title: F2. A rule deeper than 1 needs the rules around it to hold
candidates[c] contains r if {
	some c, rs in holds
	some r in rs
	input.consents[c].shape.rules[r].chain - rs == set()
}
