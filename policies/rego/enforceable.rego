# METADATA
# title: B. Which consents count, and what of them
package volens.enforceable

# METADATA
# title: B1, B2, B3. A consent counts that is active, inside its period and its root rule's, of a category asked for
counts(record) if {
	record.status == "active"
	of_category(record.shape)
	current(record.shape.periods)
}

# METADATA
# title: B2. Outside any period
default current(_) := false

# METADATA
# title: B2. A consent without periods is always current
current([])

# METADATA
# title: B2. All periods contain the moment; they are half-open
# description: Rego orders values of all types; the check keeps an end that is no number from being after every instant.
current(periods) if count(periods) == count([end |
	some [start, end] in periods
	is_number(end)
	start <= input.now
	input.now < end
])

# METADATA
# title: B3. A request without categories asks all consents
of_category(_) if input.request.categories == set()

# METADATA
# title: B3. Otherwise one category or kind of the consent must be asked for
of_category(shape) if shape.categories & input.request.categories != set()

# METADATA
# title: F6, F7. When its permits do not count, only its denials do
default permits(_) := false

# METADATA
# title: F6. Permits count until the uses are used up or the erase-by date comes
permits(record) if {
	record.exhausted == false
	current(record.shape.eraseBy)
	for_action(record.shape.viewOnly)
}

# METADATA
# title: F7. Any action where the consent is not view-only
for_action(false)

# METADATA
# title: F7. Access, and nothing else, where it is
for_action(true) if input.request.action == data.codes.access
