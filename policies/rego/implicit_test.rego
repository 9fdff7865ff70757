package volens.implicit_test

import data.volens.fixtures
import data.volens.implicit

permits(policy, purpose, above, change) if {
	q := fixtures.for(fixtures.question([], []), purpose, above)
	r := object.union(object.union(q, {"implicit": policy, "enforceable": false}), change)
	implicit.permits with input as r
}

everything := {"TREAT", "PurposeOfUse"}

test_h1_only_without_enforceable_consent if {
	not permits("basic-normal", "TREAT", set(), {"enforceable": true})
	not permits("all-normal", "TREAT", everything, {"enforceable": true})
	not permits("break-glass-only", "BTG", set(), {"enforceable": true})
}

test_h2_deny if not permits("deny", "TREAT", everything, {})

test_h3_basic_normal if {
	permits("basic-normal", "ETREAT", everything, {})
	not permits("basic-normal", "HRESCH", {"PurposeOfUse"}, {})
	not permits("basic-normal", "BTG", everything, {})
	not permits("basic-normal", "TREAT", set(), {"request": {"roles": {"|researcher"}}})
}

test_h4_all_normal if {
	permits("all-normal", "HRESCH", {"PurposeOfUse"}, {})
	not permits("all-normal", "BTG", everything, {})
	not permits("all-normal", "XYZ", set(), {})
	not permits("all-normal", "HRESCH", {"PurposeOfUse"}, {"request": {"roles": set()}})
}

test_h5_break_glass_only if {
	permits("break-glass-only", "BTG", everything, {})
	not permits("break-glass-only", "ETREAT", everything, {})
	not permits("break-glass-only", "BTG", everything, {"request": {"roles": {"|researcher"}}})
}

test_each_policy_has_its_letter if {
	found := {letter | some p in ["deny", "basic-normal", "all-normal", "break-glass-only"]; letter := letter_of(p)}
	found == {"H2", "H3", "H4", "H5"}
}

letter_of(p) := letter if {
	q := object.union(fixtures.question([], []), {"implicit": p})
	letter := implicit.letter with input as q
}
