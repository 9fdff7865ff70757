package volens.reason_test

import data.volens.fixtures
import data.volens.reason

one := fixtures.record([fixtures.rule({})])

given(q, word, effect) := found if found := reason.given(word, effect) with input as q

why(change, consents) := given(object.union(fixtures.question(consents, []), change), "NO_CONSENT", "deny")

test_permits_need_no_more if given(fixtures.question([one], []), "PERMIT", "permit") == set()

test_a1 if {
	given(fixtures.question([one], []), "PERMIT", "deny") == {["A1", "incomplete", -1]}
	["A1", "incomplete", -1] in why({"request": {"purpose": ""}}, [])
	["A1", "incomplete", -1] in why({"request": {"action": ""}}, [])
}

test_b1 if ["B1", "not-active", 0] in why({}, [object.union(one, {"status": "inactive"})])

test_b2 if {
	["B2", "outside-period", 0] in why({}, [object.union(one, {"shape": {"start": 51}})])
	["B2", "outside-period", 0] in why({}, [object.union(one, {"shape": {"end": 50}})])
}

test_b3 if ["B3", "other-category", 0] in why({"request": {"categories": {"x|y"}}}, [one])

test_d2 if {
	treat := sprintf("%sTREAT", [fixtures.act])
	wide := fixtures.record([fixtures.rule({"says": {"permit": {treat}}})])
	q := fixtures.for(fixtures.question([wide], []), "BTG", {"TREAT"})
	["D2", "named-only", 0] in given(q, "NO_CONSENT", "deny")
}

test_f4 if {
	rules := [fixtures.rule({}), fixtures.denial(1, 1, {}), fixtures.nested(1, 2, {})]
	q := fixtures.question([fixtures.record(rules)], [fixtures.resource({})])
	given(q, "DENY", "deny") == {["F4", "tie", 0]}
	r := fixtures.question([fixtures.record([fixtures.denial(0, 0, {})])], [fixtures.resource({})])
	given(r, "DENY", "deny") == set()
	given(fixtures.question([one], []), "DENY", "deny") == set()
}

test_f5 if ["F5", "not-covered", 0] in why({}, [one])

test_f6 if {
	["F6", "used-up", 0] in why({}, [object.union(one, {"exhausted": true})])
	["F8", "data-use", 0] in why({}, [object.union(one, {"unfit": "data-use"})])
	["F6", "erase-by-passed", 0] in why({}, [object.union(one, {"shape": {"eraseBy": 50}})])
}

test_f7 if ["F7", "view-only", 0] in why({"request": {"action": fixtures.use}}, [object.union(one, {"shape": {"mode": "view"}})])

test_h if {
	["H1", "no-consent-covers", -1] in why({}, [])
	["H2", "no-consent", -1] in why({"enforceable": false}, [])
	["H3", "implicit-permits", -1] in why({"enforceable": false, "implicit": "basic-normal"}, [])
}

test_k2 if {
	change := {"delegations": [{"scope": {"view"}, "start": 0, "end": 100}], "request": {"purpose": data.codes.patientRequest}}
	["K2", "delegate", -1] in why(change, [])
}

lacking(rule, word) := found if {
	q := fixtures.question([fixtures.record([rule])], [fixtures.resource({})])
	found := reason.lacking(word, 0) with input as q
}

test_e_what_was_lacking if {
	rule := fixtures.rule({
		"asks": {"labels", "types", "codes", "period", "data"}, "labels": {"l"}, "types": {fixtures.encounter}, "codes": {"c"},
		"data": {["instance", "x"]}, "from": 0, "to": 1,
	})
	lacking(rule, "NO_CONSENT") == {["E1", "labels"], ["E5", "types"], ["E6", "codes"], ["E7", "period"], ["E8", "data"]}
	lacking(rule, "DENY") == set()
}
