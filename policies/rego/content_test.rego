package volens.content_test

import data.volens.content
import data.volens.fixtures

covered(rule, resource) := found if {
	q := fixtures.question([fixtures.record([rule])], [fixtures.resource(resource)])
	found := content.covered(rule, 0) with input as q
}

test_e1_labels if {
	r := fixtures.rule({"asks": {"labels"}, "labels": {sprintf("%sR", [fixtures.conf])}})
	covered(r, {}) == {"labels"}
	covered(fixtures.denial(0, 0, {"asks": {"labels"}, "labels": r.labels}), {}) == set()
}

test_e5_types if {
	r := fixtures.rule({"asks": {"types"}, "types": {fixtures.observation}})
	covered(r, {}) == {"types"}
	covered(r, {"types": {fixtures.encounter}}) == set()
}

test_e6_codes if {
	r := fixtures.rule({"asks": {"codes"}, "codes": {"a|1"}})
	covered(r, {"codes": {"a|1", "a|2"}}) == {"codes"}
	covered(r, {}) == set()
}

test_e7_permits_cover_what_is_inside if {
	r := fixtures.rule({"asks": {"period"}, "from": 10, "to": 20})
	covered(r, {}) == {"period"}
	covered(r, {"start": 9}) == set()
	covered(r, {"end": 21}) == set()
}

test_e7_denials_cover_what_may_be_inside if {
	r := fixtures.denial(0, 0, {"asks": {"period"}, "from": 15, "to": 30})
	covered(r, {}) == {"period"}
	covered(r, {"end": 15}) == set()
	covered(r, {"start": 30, "end": 40}) == set()
	covered(r, {"start": -9000, "end": 9000}) == {"period"}
}

points(meaning, ref, resource) if {
	r := fixtures.rule({"asks": {"data"}, "data": {[meaning, ref]}})
	covered(r, resource) == {"data"}
}

test_e8_instance if {
	points("instance", "Observation/1", {})
	not points("instance", "Encounter/1", {"references": {"Encounter/1"}})
}

test_e9_related_and_dependents if {
	every meaning in ["related", "dependents"] {
		points(meaning, "Observation/1", {})
		points(meaning, "Encounter/1", {"references": {"Encounter/1"}})
		not points(meaning, "Encounter/2", {"references": {"Encounter/1"}})
	}
}

test_e10_authoredby if {
	points("authoredby", "Practitioner/bob", {"authors": {"Practitioner/bob"}})
	not points("authoredby", "Practitioner/bob", {"references": {"Practitioner/bob"}})
}
