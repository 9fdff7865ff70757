package volens.matching_test

import data.volens.fixtures
import data.volens.matching

treat := sprintf("%sTREAT", [fixtures.act])

research := sprintf("%sHRESCH", [fixtures.act])

speaks(change) if {
	q := fixtures.question([fixtures.record([fixtures.rule(change)])], [])
	matching.candidates[0] with input as q
}

test_c1_recipients if {
	speaks({"says": {"actors": {"Organization/city-hospital", "b"}}, "needs": {"granting", "actors"}})
	not speaks({"says": {"actors": {"b"}}, "needs": {"granting", "actors"}})
}

test_c2_roles if {
	speaks({"says": {"roles": {"|clinician"}}, "needs": {"granting", "roles"}})
	not speaks({"says": {"roles": {"|researcher"}}, "needs": {"granting", "roles"}})
}

test_c3_actions if {
	speaks({"says": {"actions": {fixtures.access}}, "needs": {"granting", "actions"}})
	not speaks({"says": {"actions": {fixtures.use}}, "needs": {"granting", "actions"}})
}

test_c4_period if {
	speaks({"start": 50})
	not speaks({"start": 51})
	speaks({"end": 51})
	not speaks({"end": 50})
	not speaks({"end": "9"})
}

test_d_purposes_by_effect if {
	speaks({"says": {"permit": {treat}}, "needs": {"granting", "permit"}})
	speaks({"says": {"permit": {null}}, "needs": {"granting", "permit"}})
	not speaks({"says": {"permit": {research}}, "needs": {"granting", "permit"}})
	speaks({"effect": "deny", "says": {"deny": {treat}}, "needs": {"deny"}})
	not speaks({"effect": "deny", "says": {"deny": {research}}, "needs": {"deny"}})
}

test_an_element_that_nobody_knows_is_never_given if not speaks({"says": {"weather": {"sun"}}, "needs": {"granting", "weather"}})

test_f1_silence_at_depth_1_is_heard_where_the_root_covers if {
	record := fixtures.record([
		fixtures.rule({"says": {"permit": {research}}, "needs": {"granting", "permit"}}),
		fixtures.nested(1, 1, {"needs": {"granting", "root permit"}}),
		fixtures.nested(1, 2, {"says": {"permit": {treat}}, "needs": {"granting", "permit"}}),
	])
	q := fixtures.question([object.union(record, {"shape": {"root": {"root permit": ["permit", {research}]}}})], [])
	matching.candidates[0] == {[[1, 0], 2]} with input as q
	r := fixtures.for(q, "HRESCH", set())
	matching.candidates[0] == {[[0, 0], 0], [[1, 0], 1]} with input as r
}

test_f2_deeper_rules_need_those_around_them if {
	away := {"says": {"actors": {"b"}}, "needs": {"granting", "actors"}}
	rules := [
		fixtures.rule({}), fixtures.nested(1, 1, {}), fixtures.nested(1, 2, away),
		fixtures.rule({"strength": [2, 0], "chain": {1, 3}}), fixtures.rule({"strength": [2, 0], "chain": {2, 4}}),
	]
	q := fixtures.question([object.union(fixtures.record(rules), {"shape": {"deep": true}})], [])
	matching.candidates[0] == {[[0, 0], 0], [[1, 0], 1], [[2, 0], 3]} with input as q
}

test_f6_denials_stay_when_permits_do_not_count if {
	record := object.union(fixtures.record([fixtures.rule({}), fixtures.denial(1, 1, {})]), {"exhausted": true})
	q := fixtures.question([record], [])
	matching.candidates[0] == {[[1, 1], 1]} with input as q
}
