package volens.enforceable_test

import data.volens.enforceable
import data.volens.fixtures

one := fixtures.record([fixtures.rule({})])

counted(change) if {
	q := fixtures.question([object.union(one, change)], [])
	enforceable.consents[0] with input as q
}

test_b1_active if {
	counted({})
	not counted({"status": "inactive"})
}

test_b2_half_open if {
	counted({"shape": {"start": 50}})
	not counted({"shape": {"start": 51}})
	counted({"shape": {"end": 51}})
	not counted({"shape": {"end": 50}})
}

test_b2_an_end_that_is_no_number_is_never_to_come if not counted({"shape": {"end": "9"}})

test_b3_category if {
	q := object.union(fixtures.question([one], []), {"request": {"categories": {"a|b"}}})
	enforceable.consents[0] with input as q
	r := object.union(q, {"request": {"categories": {"a|c"}}})
	count(enforceable.consents) == 0 with input as r
}

permits(change, action) if {
	q := object.union(fixtures.question([object.union(one, change)], []), {"request": {"action": action}})
	0 in enforceable.permitting with input as q
}

test_f6_uses_and_erase_by if {
	permits({}, fixtures.use)
	not permits({"exhausted": true}, fixtures.use)
	permits({"shape": {"eraseBy": 51}}, fixtures.use)
	not permits({"shape": {"eraseBy": 50}}, fixtures.use)
	not permits({"shape": {"eraseBy": "never"}}, fixtures.use)
	not permits({"status": "inactive"}, fixtures.use)
}

test_f8_unfit if not permits({"unfit": "data-use"}, fixtures.use)

test_f7_view_only if {
	permits({"shape": {"mode": "view"}}, fixtures.access)
	not permits({"shape": {"mode": "view"}}, fixtures.use)
	permits({"shape": {"mode": "store"}}, fixtures.use)
	not permits({"shape": {"mode": "other"}}, fixtures.access)
}
