# METADATA
# title: B. Which consents count, and what of them
package volens.enforceable

# METADATA
# title: B1, B2, B3. A consent counts that is active, inside its period and its root rule's, of a category asked for
# description: |
#   Where the request names no category both sets hold null. Rego orders values of all types; is_number keeps an end that
#   is no number from being after every instant.
consents[c] := record.shape if {
	some c, record in input.consents
	record.status == "active"
	record.shape.start <= input.now
	input.now < record.shape.end
	is_number(record.shape.end)
	record.shape.categories & input.request.categories != set()
}

# METADATA
# title: F6, F7, F8. Permits count until the uses are used up or the erase-by date comes, for the access mode's actions and fit studies
permitting contains c if {
	some c, shape in consents
	input.consents[c].exhausted == false
	input.consents[c].unfit == ""
	input.now < shape.eraseBy
	is_number(shape.eraseBy)
	modes[shape.mode] == input.request.action
}

# METADATA
# title: F7. A view-only consent permits access; others permit the action asked for
modes := {"view": data.codes.access, "store": input.request.action, "": input.request.action}
