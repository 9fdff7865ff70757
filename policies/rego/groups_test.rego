package volens.groups_test

import data.volens.fixtures
import data.volens.groups

labelled(r) := object.union(r, {"asks": {"labels"}, "labels": {"l"}})

limited := fixtures.record([labelled(fixtures.rule({}))])

all_but := fixtures.record([fixtures.rule({}), labelled(fixtures.denial(1, 1, {}))])

none_but := fixtures.record([fixtures.denial(0, 0, {}), labelled(fixtures.nested(1, 1, {}))])

plain := fixtures.record([fixtures.rule({})])

bases(change, consents) := [[group[1], group[2]] | some group in list] if {
	q := object.union(object.union(fixtures.question(consents, []), {"mode": "residual"}), change)
	list := groups.list with input as q
}

test_j6_nothing_to_tell_where_all_flows if bases({}, [plain]) == []

test_j6_permits_alone if bases({}, [limited]) == [[0, [-1, 0]]]

test_j6_permits_do_not_matter_beside_a_base if bases({}, [limited, plain]) == []

test_j6_permits_beside_one_that_denies_the_rest if bases({}, [limited, none_but]) == [[1, [0, 1]]]

test_j6_those_that_permit_all_are_told_beside_others if bases({}, [plain, all_but]) == [[1, [0, 0]], [0, [0, 0]]]

test_g2_all_that_are_considered if bases({"algorithm": "most-recent"}, [plain, limited]) == [[1, [-1, 0]], [0, [0, 0]]]

test_k_a_delegation_is_the_last_group if {
	delegation := {"delegations": [{"scope": {"view"}, "start": 0, "end": 100}], "request": {"purpose": data.codes.patientRequest}}
	bases(delegation, [limited]) == []
	only_denies := fixtures.record([labelled(fixtures.denial(0, 0, {}))])
	bases(delegation, [only_denies]) == [[0, [-1, 0]], [-1, [0, 0]]]
}

test_j6_rules_around_are_told_while_they_ask if {
	rules := [
		fixtures.rule({}), labelled(fixtures.denial(1, 1, {})),
		labelled(fixtures.rule({"strength": [2, 0], "chain": {1, 2}})),
	]
	q := object.union(fixtures.question([object.union(fixtures.record(rules), {"shape": {"deep": true}})], []), {"mode": "residual"})
	list := groups.list with input as q
	list[0][3] == [[1, 1, {"labels"}, []], [0, 2, {"labels"}, [[1, {"labels"}]]]]
}
