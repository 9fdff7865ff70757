package volens.provision_test

import data.volens.fixtures
import data.volens.provision

asks(r) := object.union(r, {"asks": {"types"}, "types": {fixtures.encounter}})

test_f2_matching_rules_need_those_around_them_to_cover if {
	rules := [fixtures.rule({}), asks(fixtures.nested(1, 1, {})), fixtures.rule({"strength": [2, 0], "chain": {1, 2}})]
	q := fixtures.question([object.union(fixtures.record(rules), {"shape": {"deep": true}})], [fixtures.resource({})])
	provision.matches(0, 0) == {[[0, 0], 0]} with input as q
	r := object.union(q, {"resources": [fixtures.resource({"types": {fixtures.encounter}})]})
	count(provision.matches(0, 0)) == 3 with input as r
}

test_f3_the_deepest_decides if {
	q := fixtures.question([fixtures.record([])], [])
	provision.finding(0, {[[0, 1], 0], [[1, 0], 1], [[1, 0], 2]}) == [0, 0, 0, [1, 2]] with input as q
}

test_f4_a_tie_denies if {
	q := fixtures.question([fixtures.record([])], [])
	provision.finding(0, {[[1, 1], 3], [[1, 0], 1]}) == [1, 1, 0, [3]] with input as q
}

test_f5_no_match_no_finding if {
	q := fixtures.question([fixtures.record([])], [])
	not provision.finding(0, set()) with input as q
}
