package volens.purpose_test

import data.volens.fixtures
import data.volens.purpose

test_d1_covered_from_above_and_by_silence if {
	q := fixtures.for(fixtures.question([], []), "ETREAT", {"TREAT"})
	purpose.permit == {null, fixtures_code("ETREAT"), fixtures_code("TREAT")} with input as q
}

test_d2_some_purposes_must_be_named if {
	every p in ["BTG", "MLTRAINING"] {
		q := fixtures.for(fixtures.question([], []), p, {"ETREAT", "TREAT"})
		purpose.permit == {fixtures_code(p)} with input as q
	}
}

fixtures_code(c) := sprintf("%s%s", [fixtures.act, c])
