# METADATA
# title: D. Purposes
# description: What was asked for, and everything above it in HL7's hierarchy (v3-ActReason). null stands for a rule without purposes.
package volens.purpose

# METADATA
# title: D1. A purpose is covered by itself and by every purpose above it
above := {input.request.purpose} | {p | some p in data.codes.up[input.request.purpose]}

# METADATA
# title: D2. What permits must say to cover the request; BTG and MLTRAINING only count when they are named
permit := {input.request.purpose} if data.codes.explicit[input.request.purpose]

# METADATA
# title: D1. Every other purpose is covered from above, and by a permit that names no purpose
permit := above | {null} if object.get(data.codes.explicit, input.request.purpose, false) == false

# METADATA
# title: D3. A denial covers all below it, BTG and MLTRAINING too
deny := above | {null}
