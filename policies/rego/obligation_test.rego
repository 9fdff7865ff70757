package volens.obligation_test

import data.volens.fixtures
import data.volens.obligation

labelled(r, l) := object.union(r, {"asks": {"labels"}, "labels": {l}})

redactions(algorithm, consents) := found if {
	q := object.union(fixtures.question(consents, []), {"mode": "residual", "algorithm": algorithm})
	found := obligation.redactions with input as q
}

limited(l, rank) := object.union(fixtures.record([labelled(fixtures.rule({}), l)]), {"rank": rank})

none_but(l, rank) := object.union(fixtures.record([fixtures.denial(0, 0, {}), labelled(fixtures.nested(1, 1, {}), l)]), {"rank": rank})

all_but(l) := fixtures.record([fixtures.rule({}), labelled(fixtures.denial(1, 1, {}), l)])

test_j7_redact_what_is_denied if redactions("deny-overrides", [all_but("a"), all_but("b")]) == [{"a", "b"}, set()]

test_j7_redact_all_but_what_is_permitted if {
	redactions("deny-overrides", [limited("a", 0), limited("b", 0)]) == [set(), {{"a", "b"}}]
}

test_j7_under_g1_each_that_denies_the_rest_by_itself if {
	redactions("deny-overrides", [none_but("a", 0), none_but("b", 0)]) == [set(), {{"a"}, {"b"}}]
}

test_j7_under_g2_all_considered_together if {
	redactions("most-recent", [none_but("a", 0), limited("b", 1)]) == [set(), {{"a", "b"}}]
}

test_j7_permits_with_more_than_one_criterion_are_not_redactions if {
	r := fixtures.rule({"asks": {"labels", "period"}, "labels": {"a"}, "from": 0, "to": 1})
	redactions("deny-overrides", [fixtures.record([r])]) == [set(), set()]
}

terms(q) := found if found := obligation.terms with input as q

view := object.union(fixtures.record([fixtures.rule({})]), {"shape": {"mode": "view", "eraseBy": 90}})

test_j8_terms_of_consents_that_permit if {
	whatever := object.union(fixtures.question([view], []), {"terms": true})
	terms(whatever) == {["view", 90]}
	resources := object.union(fixtures.question([view], [fixtures.resource({})]), {"terms": true})
	terms(resources) == {["view", 90]}
	asking := object.union(fixtures.question([object.union(limited("a", 0), {"shape": {"mode": "view", "eraseBy": 90}})], []), {
		"terms": true,
		"mode": "residual",
	})
	terms(asking) == {["view", 90]}
}

test_j8_none if {
	terms(fixtures.question([view], [])) == []
	denied := object.union(fixtures.question([fixtures.record([fixtures.denial(0, 0, {})])], []), {"terms": true})
	terms(denied) == set()
}
