package volens.residual_test

import data.volens.fixtures
import data.volens.residual

labelled(r) := object.union(r, {"asks": {"labels"}, "labels": {"l"}})

typed(r, types) := object.union(r, {"asks": {"types"}, "types": types})

question(consents) := object.union(fixtures.question(consents, []), {"mode": "residual"})

asked(q, types, plain) := object.union(q, {"request": {"types": types, "plain": plain}})

remaining(rule, types, plain) := left if {
	q := asked(question([fixtures.record([rule])]), types, plain)
	left := residual.summaries[0].left with input as q
}

test_j1_nothing_is_answered_when_nothing_is_asked_for if {
	remaining(typed(fixtures.rule({}), {fixtures.observation}), set(), true) == {0: {"types"}}
}

test_j1_types_are_answered_when_all_asked_for_are_named if {
	r := typed(fixtures.rule({}), {fixtures.observation})
	remaining(r, {fixtures.observation}, true) == {0: set()}
	remaining(r, {fixtures.observation, fixtures.encounter}, true) == {0: {"types"}}
	remaining(r, {fixtures.encounter}, true) == {}
}

test_j1_what_is_no_resource_type_excludes_nothing if {
	r := object.union(typed(fixtures.rule({}), {fixtures.profile}), {"plain": false})
	remaining(r, {fixtures.observation}, true) == {0: {"types"}}
	s := typed(fixtures.rule({}), {fixtures.observation})
	remaining(s, {fixtures.profile}, false) == {0: {"types"}}
}

test_j1_codes_are_answered_by_types if {
	r := fixtures.rule({"asks": {"codes", "labels"}, "codes": {fixtures.observation}, "labels": {"l"}})
	remaining(r, {fixtures.observation}, true) == {0: {"labels"}}
	remaining(r, {fixtures.encounter}, true) == {0: {"codes", "labels"}}
}

test_j2_rules_around_must_be_able_to_match if {
	rules := [
		fixtures.rule({}), typed(fixtures.nested(1, 1, {}), {fixtures.encounter}),
		labelled(fixtures.rule({"effect": "deny", "strength": [2, 1], "chain": {1, 2}})),
	]
	q := asked(question([object.union(fixtures.record(rules), {"shape": {"deep": true}})]), {fixtures.observation}, true)
	summary := residual.summaries[0] with input as q
	summary.base == [0, 0]
	summary.entries == []
}

summary_of(rules) := summary if {
	q := question([fixtures.record(rules)])
	summary := residual.summaries[0] with input as q
}

test_j3_base_and_stronger_rules if {
	summary := summary_of([fixtures.rule({}), labelled(fixtures.denial(1, 1, {})), labelled(fixtures.nested(1, 2, {}))])
	summary.base == [0, 0]
	summary.open == {0}
	summary.entries == [[[1, 1], 1]]
}

test_j4_without_base_all_rules_are_told if {
	summary := summary_of([labelled(fixtures.rule({})), labelled(fixtures.denial(1, 1, {}))])
	summary.base == [-1, 0]
	summary.entries == [[[0, 0], 0], [[1, 1], 1]]
}

word(algorithm, consents) := said if {
	q := object.union(question(consents), {"algorithm": algorithm})
	said := residual.decision with input as q
}

limited(rank) := object.union(fixtures.record([labelled(fixtures.rule({}))]), {"rank": rank})

all_but(rank) := object.union(fixtures.record([fixtures.rule({}), labelled(fixtures.denial(1, 1, {}))]), {"rank": rank})

none(rank) := object.union(fixtures.record([fixtures.denial(0, 0, {})]), {"rank": rank})

only_denies(rank) := object.union(fixtures.record([labelled(fixtures.denial(0, 0, {}))]), {"rank": rank})

none_but(rank) := object.union(fixtures.record([fixtures.denial(0, 0, {}), labelled(fixtures.nested(1, 1, {}))]), {"rank": rank})

test_j5_under_g1 if {
	word("deny-overrides", [limited(0)]) == "PERMIT"
	word("deny-overrides", [all_but(0)]) == "PERMIT"
	word("deny-overrides", [none_but(0)]) == "PERMIT"
	word("deny-overrides", [limited(0), none(0)]) == "DENY"
	word("deny-overrides", [only_denies(0)]) == "NO_CONSENT"
	word("deny-overrides", []) == "NO_CONSENT"
}

test_j5_under_g2 if {
	word("most-recent", [none(0), limited(1)]) == "PERMIT"
	word("most-recent", [limited(0), none(1)]) == "DENY"
	word("most-recent", [none(0), only_denies(1)]) == "DENY"
	word("most-recent", [only_denies(1)]) == "NO_CONSENT"
	word("most-recent", [none(0), all_but(1)]) == "PERMIT"
}

test_l2_rules_told if {
	q := question([all_but(0)])
	told := residual.rules_told[0] with input as q
	told == {0, 1}
	deciding := residual.deciding with input as q
	deciding == {0}
}
