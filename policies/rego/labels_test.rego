package volens.labels_test

import data.volens.fixtures
import data.volens.labels

mark(m) := sprintf("%s%s", [fixtures.conf, m])

sense(c) := sprintf("%s%s", [fixtures.code, c])

words(effect, carried, named) := found if {
	q := fixtures.question([fixtures.record([fixtures.rule({"labels": named})])], [fixtures.resource({"labels": carried})])
	found := labels.words[effect][0] with input as q
}

test_e1_permits_read_the_highest_mark_upwards if {
	found := words("permit", {mark("N"), mark("R")}, set())
	found & labels.marks == {mark("R"), mark("V")}
}

test_e2_denials_read_it_downwards if {
	found := words("deny", {mark("M")}, set())
	found & labels.marks == {mark("U"), mark("L"), mark("M")}
}

test_e3_others_from_above if {
	found := words("permit", {sense("ETHUD")}, set())
	sense("ETHUD") in found
	sense("SUD") in found
	not sense("PSY") in found
}

test_e4_no_mark_is_no_permission if {
	every m in {"U", "L", "M", "N", "R", "V"} {
		not mark(m) in words("permit", {sense("ETHUD")}, set())
		mark(m) in words("deny", {sense("ETHUD")}, set())
	}
}

test_e4_no_label_at_all if {
	words("permit", set(), {sense("PSY")}) == set()
	words("deny", set(), {sense("PSY"), mark("R")}) == {sense("PSY"), mark("R")}
}
