package volens.combine_test

import data.volens.combine
import data.volens.fixtures

permit(rank) := object.union(fixtures.record([fixtures.rule({})]), {"rank": rank})

deny(rank) := object.union(fixtures.record([fixtures.denial(0, 0, {})]), {"rank": rank})

word(algorithm, consents) := said[0] if {
	q := object.union(fixtures.question(consents, []), {"algorithm": algorithm})
	said := combine.whatever with input as q
}

test_g1_any_denial_wins if {
	word("deny-overrides", [permit(0), deny(0), permit(1)]) == "DENY"
	word("deny-overrides", [permit(0), permit(1)]) == "PERMIT"
	word("deny-overrides", []) == "NO_CONSENT"
}

test_g2_the_latest_wins if {
	word("most-recent", [deny(0), permit(1)]) == "PERMIT"
	word("most-recent", [permit(0), deny(1)]) == "DENY"
	word("most-recent", [deny(1), permit(0)]) == "DENY"
	word("most-recent", []) == "NO_CONSENT"
}

test_g2_of_equal_dates_the_later_in_the_list if {
	word("most-recent", [deny(0), permit(0)]) == "PERMIT"
	word("most-recent", [permit(0), deny(0)]) == "DENY"
}

test_g3_each_resource_has_its_word if {
	limited := fixtures.record([fixtures.rule({"asks": {"types"}, "types": {fixtures.encounter}})])
	q := fixtures.question([limited], [fixtures.resource({}), fixtures.resource({"types": {fixtures.encounter}})])
	said := combine.resources with input as q
	[s[0] | some s in said] == ["NO_CONSENT", "PERMIT"]
}
