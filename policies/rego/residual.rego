# METADATA
# title: J. What can be said while it is not known which resources there are
# description: Per consent, a base and an ordered list of rules with data criteria, the last that matches decides.
package volens.residual

import data.volens.matching
import data.volens.provision

# METADATA
# title: J1. Elements of a rule that the request itself answers, because all that is asked for is of the types it names
answered(rule) := {element |
	count(input.request.types) > 0
	some element in ["types", "codes"]
	input.request.types - rule[element] == set()
}

# METADATA
# title: J1. A rule that names no types can match whatever is asked for
reachable(rule) if rule.types == {null}

# METADATA
# title: J1. Nothing is known of what is asked for
reachable(_) if count(input.request.types) == 0

# METADATA
# title: J1. Some of what is asked for is of the types it names
reachable(rule) if rule.types & input.request.types != set()

# METADATA
# title: J2. Candidates that can match, with the elements that remain to be asked of each resource
left[c][r] := rule.asks - answered(rule) if {
	some c, rs in matching.candidates
	some r in rs
	rule := input.consents[c].shape.rules[r]
	reachable(rule)
}

# METADATA
# title: F2, J2. Those whose surrounding rules can match as well
live[c] contains r if {
	some c, by_rule in left
	some r, _ in by_rule
	input.consents[c].shape.rules[r].chain - object.keys(by_rule) == set()
}

# METADATA
# title: J2. Those that match every resource
open[c] contains r if {
	some c, rs in live
	some r in rs
	every q in input.consents[c].shape.rules[r].chain {
		count(left[c][q]) == 0
	}
}

# METADATA
# title: J3. How strong the base of consent c is; below every rule when it has none
base_strength[c] := max({weight(c, r) | some r in object.get(open, c, set())} | {[-1, -1]}) if {
	some c, _ in live
}

# METADATA
# title: F3, F4. Depth, then denial
weight(c, r) := [rule.depth, provision.strength[rule.effect]] if {
	rule := input.consents[c].shape.rules[r]
}

# METADATA
# title: J3. What consent c says where none of its rules with data criteria matches
base[c] := {0: "permit", 1: "deny", -1: "none"}[top[1]] if {
	some c, top in base_strength
}

# METADATA
# title: J3. The rules of consent c stronger than its base, weakest first, as [depth, strength, rule]
ordered[c] := [entry | some entry in entries] if {
	some c, top in base_strength
	entries := {array.concat(strong, [r]) |
		some r in live[c]
		some element in left[c][q]
		q in input.consents[c].shape.rules[r].chain
		strong := weight(c, r)
		strong > top
	}
}

# METADATA
# title: J4. Those before the first that says other than the base change nothing
entries[c] := array.slice(ordered[c], min({i | some i, entry in ordered[c]; entry[1] == other}), count(ordered[c])) if {
	some c, kind in base
	other := {"permit": 1, "deny": 0}[kind]
	some entry in ordered[c]
	entry[1] == other
}

# METADATA
# title: J4. All that a consent without base says counts
entries[c] := ordered[c] if {
	some c, kind in base
	kind == "none"
	count(ordered[c]) > 0
}

# METADATA
# title: J5. Consents that let something flow, whatever it is
flowing contains c if {
	some c, kind in base
	kind == "permit"
}

# METADATA
# title: J5. Consents that let flow what a rule permits
flowing contains c if {
	some c, list in entries
	some entry in list
	entry[1] == provision.strength.permit
}

# METADATA
# title: J5. Consents that let nothing flow
refusing contains c if {
	some c, kind in base
	kind == "deny"
	count(object.get(entries, c, [])) == 0
}

# METADATA
# title: J5. Consents with a base
based contains c if {
	some c, kind in base
	kind in {"permit", "deny"}
}

# METADATA
# title: G2. The place of consent c in time
place(c) := [input.consents[c].rank, c]

# METADATA
# title: G1. Every consent that says something is considered
considered contains c if {
	input.algorithm == "deny-overrides"
	some c in (based | object.keys(entries))
}

# METADATA
# title: G2. Consents from the latest back to the first with a base are considered
considered contains c if {
	input.algorithm == "most-recent"
	some c in (based | object.keys(entries))
	place(c) >= max({place(b) | some b in based} | {[-1, -1]})
}

# METADATA
# title: J5. Consents that deny all that is asked for, under G1 any, under G2 the last considered when nothing flows before it
denying contains c if {
	input.algorithm == "deny-overrides"
	some c in (refusing & considered)
}

# METADATA
# title: J5. The last considered, when nothing flows
denying contains c if {
	input.algorithm == "most-recent"
	some c in (refusing & considered)
	flowing & considered == set()
}

# METADATA
# title: J5. Without concrete resources, nothing can flow and nobody said why
default decision := "NO_CONSENT"

# METADATA
# title: J5. Nothing can flow because a consent denies
decision := "DENY" if count(denying) > 0

# METADATA
# title: J5. Something can flow; the residual rules say what
decision := "PERMIT" if {
	count(denying) == 0
	count(flowing & considered) > 0
}

# METADATA
# title: L2. The rules that make the base of consent c
telling[c] contains r if {
	some c, top in base_strength
	some r in open[c]
	weight(c, r) == top
}

# METADATA
# title: L2. And those told with it
telling[c] contains entry[2] if {
	some c, list in entries
	some entry in list
}
