package volens.decision_test

import data.volens.decision
import data.volens.fixtures

permit := fixtures.record([fixtures.rule({})])

deny := fixtures.record([fixtures.denial(0, 0, {})])

labelled := fixtures.record([fixtures.rule({"asks": {"labels"}, "labels": {sprintf("%sN", [fixtures.conf])}})])

answer(q) := found if found := decision.answer with input as q

test_l1_whatever if {
	a := answer(fixtures.question([permit], []))
	[a.decision, a.consents, a.whatever] == ["permit", "PERMIT", [[0, 0, 0, [0]]]]
	answer(fixtures.question([deny], [])).decision == "deny"
	answer(fixtures.question([], [])).decision == "deny"
}

test_l1_residual if {
	a := answer(object.union(fixtures.question([labelled], []), {"mode": "residual"}))
	[a.decision, a.consents, a.deciding] == ["permit", "PERMIT", {[0, 0]}]
	a.groups == [[[0, 0], 0, [-1, 0], [[0, 0, {"labels"}, []]]]]
	a.redact == [[set(), {{sprintf("%sN", [fixtures.conf])}}]]
	b := answer(object.union(fixtures.question([labelled, deny], []), {"mode": "residual"}))
	[b.decision, b.groups, b.redact] == ["deny", [], []]
}

test_g3_resources if {
	restricted := fixtures.resource({"labels": {sprintf("%sR", [fixtures.conf])}})
	a := answer(fixtures.question([labelled], [fixtures.resource({}), restricted]))
	[a.decision, a.consents] == ["deny", "NO_CONSENT"]
	[r[0] | some r in a.resources] == ["permit", "deny"]
	answer(fixtures.question([labelled], [fixtures.resource({})])).decision == "permit"
	answer(fixtures.question([permit, deny], [fixtures.resource({})])).consents == "DENY"
}

test_a1_incomplete if {
	every element in ["purpose", "action"] {
		q := object.union(fixtures.question([permit], []), {"request": {element: ""}})
		answer(q).decision == "deny"
	}
}

test_h1_implicit if {
	q := object.union(fixtures.question([], []), {"implicit": "basic-normal", "enforceable": false})
	answer(q).decision == "permit"
	answer(object.union(q, {"enforceable": true})).decision == "deny"
	answer(object.union(q, {"request": {"action": ""}})).decision == "deny"
}

test_k2_delegate if {
	q := object.union(fixtures.for(fixtures.question([], []), "PATRQT", set()), {"delegations": [{"scope": {"view"}, "start": 0, "end": 100}]})
	answer(q).decision == "permit"
	answer(object.union(q, {"consents": [deny]})).decision == "deny"
}

test_l1_no_answer_to_another_question if {
	not answer(object.union(fixtures.question([permit], []), {"mode": "other"}))
}
