# METADATA
# title: D. Purposes
# description: What a rule may name to cover the purpose asked for; null stands for a rule that names none.
package volens.purpose

# METADATA
# title: D2. In a permit, BTG and MLTRAINING count only when they are named
permit := {input.request.purpose} if data.codes.explicit[input.request.purpose]

# METADATA
# title: D1. Every other purpose is covered by itself, by every purpose above it, and by silence
permit := deny | {null} if object.get(data.codes.explicit, input.request.purpose, false) == false

# METADATA
# title: D1, D3. A denial of a purpose covers all below it, BTG and MLTRAINING too
deny := {input.request.purpose} | {p | some p in data.codes.up[input.request.purpose]}
