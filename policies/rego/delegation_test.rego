package volens.delegation_test

import data.volens.delegation
import data.volens.fixtures

covers(change, purpose, action) if {
	live := object.union({"scope": {"view"}, "start": 0, "end": 100}, change)
	q := fixtures.for(fixtures.question([], []), purpose, set())
	r := object.union(q, {"delegations": [live], "request": {"action": action}})
	delegation.covers with input as r
}

test_k1_live_view_access_at_the_patients_request if {
	covers({}, "PATRQT", fixtures.access)
	covers({}, "FAMRQT", fixtures.access)
	not covers({}, "TREAT", fixtures.access)
	not covers({}, "PATRQT", fixtures.use)
	not covers({"scope": {"grant"}}, "PATRQT", fixtures.access)
	not covers({"start": 51}, "PATRQT", fixtures.access)
	not covers({"end": 50}, "PATRQT", fixtures.access)
	not covers({"end": "9"}, "PATRQT", fixtures.access)
	not covers({"start": null}, "PATRQT", fixtures.access)
}

test_k1_nobody_is_a_delegate_unless_shown if {
	q := fixtures.for(fixtures.question([], []), "PATRQT", set())
	delegation.covers == false with input as q
}
