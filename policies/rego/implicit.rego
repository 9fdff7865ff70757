# METADATA
# title: H. What holds when the subject has no enforceable consent
package volens.implicit

import data.volens.purpose

# METADATA
# title: H2. Nothing
default permits := false

# METADATA
# title: H3. basic-normal, treatment by clinicians; not breaking the glass (D2)
permits if {
	input.enforceable == false
	input.implicit == "basic-normal"
	data.codes.treatment in purpose.permit
	data.codes.clinician in input.request.roles
}

# METADATA
# title: H4. all-normal, every purpose of use that is known and not explicit (D2), by somebody with a role
permits if {
	input.enforceable == false
	input.implicit == "all-normal"
	data.codes.purposeOfUse in purpose.permit
	count(input.request.roles) > 0
}

# METADATA
# title: H5. break-glass-only, clinicians who break the glass
permits if {
	input.enforceable == false
	input.implicit == "break-glass-only"
	input.request.purpose == data.codes.breakGlass
	data.codes.clinician in input.request.roles
}

# METADATA
# title: H. The letter of the policy
letter := {"deny": "H2", "basic-normal": "H3", "all-normal": "H4", "break-glass-only": "H5"}[input.implicit]
