# METADATA
# title: J. What can be said while it is not known which resources there are
# description: Per consent a base, and an ordered list of rules with data criteria of which the last that matches decides.
package volens.residual

import data.volens.matching

# METADATA
# title: J1, J2. What remains to be asked of each resource, by rule; all, where no types are asked for
left(rules, ranked) := {r: asks |
	some [_, r] in ranked
	asks := rules[r].asks
} if {
	input.request.types == set()
}

# METADATA
# title: J1, J2. Less what the types asked for answer, without the rules that cannot match them
left(rules, ranked) := {r: rest |
	some [_, r] in ranked
	rest := rules[r].asks - answered(rules[r])
} if {
	input.request.types != set()
}

# METADATA
# title: J1. A rule that is silent on types can match
answered(rule) := among(rule, ["codes"]) if rule.types == set()

# METADATA
# title: J1. A rule can match when it names some of the types asked for
answered(rule) := among(rule, ["types", "codes"]) if rule.types & input.request.types != set()

# METADATA
# title: J1. Types that are no resource types, of the rule or asked for, exclude nothing, since a resource can have several
answered(rule) := among(rule, ["codes"]) if {
	rule.types != set()
	rule.types & input.request.types == set()
	false in {rule.plain, input.request.plain}
}

# METADATA
# title: J1. Elements that name all types asked for
among(rule, elements) := {element |
	some element in elements
	input.request.types - rule[element] == set()
}

# METADATA
# title: J2, J3. What each consent says without concrete resources
# description: |
#   base is the strength of the rules that match whatever there is, [-1, 0] when there are none, and open are those rules.
#   entries are the stronger rules, weakest first, as [strength, rule]; left is what remains to be asked of each resource.
summaries[c] := {"base": base, "open": {m[1] | some m in open; m[0] == base}, "entries": telling(base, ordered), "left": rest} if {
	some c, ranked in matching.candidates
	rules := input.consents[c].shape.rules
	rest := left(rules, ranked)
	asks := {r | some r, elements in rest; elements != set()}
	live := {[strength, r] | some [strength, r] in ranked; rules[r].chain - object.keys(rest) == set()}
	open := {m | some m in live; rules[m[1]].chain & asks == set()}
	base := max(open | {[[-1, 0], -1]})[0]
	ordered := [m | some m in (live - open); m[0] > base]
}

# METADATA
# title: J4. Without base all rules are told
telling([-1, 0], ordered) := ordered

# METADATA
# title: J4. With a base, those before the first that says other than the base change nothing
telling(base, ordered) := array.slice(ordered, min({i | some i, entry in ordered; entry[0][1] != base[1]} | {count(ordered)}), count(ordered)) if base[0] >= 0

# METADATA
# title: J5. Consents that deny or permit all that no entry speaks of
based := {c | some c, summary in summaries; summary.base[0] >= 0}

# METADATA
# title: J5. Those that say anything
speaking := based | {c | some c, summary in summaries; summary.entries != []}

# METADATA
# title: G1. All are considered
considered := speaking if input.algorithm == "deny-overrides"

# METADATA
# title: G2. From the latest back to the first with a base are considered
considered := {c | some c in speaking; place(c) >= last} if {
	input.algorithm == "most-recent"
	last := max({place(c) | some c in based} | {[-1, -1]})
}

# METADATA
# title: G2. The place of a consent in time
place(c) := [input.consents[c].rank, c]

# METADATA
# title: J5. Consents under which something flows, because their base permits or an entry does
flowing := {c | some c in (considered & based); summaries[c].base[1] == 0} | {c |
	some c in considered
	some entry in summaries[c].entries
	entry[0][1] == 0
}

# METADATA
# title: J5. Those that deny all
refusing := {c | some c in (considered - flowing); summaries[c].base[1] == 1}

# METADATA
# title: G1, J5. Any consent that denies all denies
denying := refusing if input.algorithm == "deny-overrides"

# METADATA
# title: G2, J5. It does when nothing later flows
denying := {c | some c in refusing; flowing == set()} if input.algorithm == "most-recent"

# METADATA
# title: J5. Nothing can flow and no consent says why
default decision := "NO_CONSENT"

# METADATA
# title: J5. Nothing can flow because a consent refuses
decision := "DENY" if denying != set()

# METADATA
# title: J5. Something can flow; the residual rules say what
decision := "PERMIT" if {
	denying == set()
	flowing != set()
}

# METADATA
# title: L2. The consents that decide
deciding := {c |
	some word, cs in {"PERMIT": flowing, "DENY": denying}
	word == decision
	some c in cs
}

# METADATA
# title: L2. The rules of a consent that decide, those of its base and those told with it
rules_told[c] := summary.open | {entry[1] | some entry in summary.entries} if some c, summary in summaries
