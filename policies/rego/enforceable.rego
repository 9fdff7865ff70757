# METADATA
# title: B. Which consents count at all
package volens.enforceable

# METADATA
# title: B1, B2, B3. Active, inside its period and that of its root rule, of a category asked for
consents contains c if {
	some c, record in input.consents
	record.status == "active"
	current(record.shape)
	current(record.shape.rules[0])
	of_category(record.shape)
}

# METADATA
# title: B2. Periods are half-open
current(period) if {
	is_number(input.now)
	is_number(period.start)
	is_number(period.end)
	period.start <= input.now
	input.now < period.end
}

# METADATA
# title: B3. A request without categories asks all consents
of_category(_) if count(input.request.categories) == 0

# METADATA
# title: B3. Otherwise one category or kind of the consent must be asked for
of_category(shape) if shape.categories & input.request.categories != set()

# METADATA
# title: F6. A consent has permits left while its uses are not used up and its erase-by date is to come
unspent contains c if {
	some c in consents
	record := input.consents[c]
	record.exhausted == false
	input.now < record.shape.eraseBy
}

# METADATA
# title: F6, F7. Consents whose permits may be used for the action asked for
usable contains c if {
	some c in unspent
	input.consents[c].shape.viewOnly == false
}

# METADATA
# title: F7. A view-only consent permits access and nothing else
usable contains c if {
	some c in unspent
	input.request.action == data.codes.access
}
