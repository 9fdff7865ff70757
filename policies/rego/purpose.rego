# METADATA
# title: D. Purposes
# description: |
#   input.request.purposes are the purpose asked for and all above it in HL7's hierarchy: what a rule may name to cover it
#   (D1). null stands for a rule that names none.
package volens.purpose

# METADATA
# title: D2. In a permit, BTG and MLTRAINING count only when they are named
permit := {input.request.purpose} if data.codes.explicit[input.request.purpose]

# METADATA
# title: D1. Every other purpose is covered from above and by silence
permit := input.request.purposes | {null} if object.get(data.codes.explicit, input.request.purpose, false) == false
