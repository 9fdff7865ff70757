# METADATA
# title: K. A delegate who asks in the patient's place
package volens.delegation

# METADATA
# title: K1. Requests are not a delegate's unless shown
default covers := false

# METADATA
# title: K1. A live delegation with scope view covers access at the patient's request
covers if {
	some delegation in input.delegations
	is_number(delegation.start)
	is_number(delegation.end)
	delegation.start <= input.now
	input.now < delegation.end
	"view" in delegation.scope
	input.request.action == data.codes.access
	at_patients_request
}

# METADATA
# title: K1. The purpose is the patient's own request or below it
at_patients_request if input.request.purpose == data.codes.patientRequest

# METADATA
# title: K1. Below it
at_patients_request if data.codes.patientRequest in data.codes.up[input.request.purpose]
