# Inputs in the form that Go builds (term.go): a consent of one rule that permits everything, and a request to treat.
package volens.fixtures

act := "http://terminology.hl7.org/CodeSystem/v3-ActReason|"

conf := "http://terminology.hl7.org/CodeSystem/v3-Confidentiality|"

code := "http://terminology.hl7.org/CodeSystem/v3-ActCode|"

access := "http://terminology.hl7.org/CodeSystem/consentaction|access"

use := "http://terminology.hl7.org/CodeSystem/consentaction|use"

observation := "http://hl7.org/fhir/resource-types|Observation"

encounter := "http://hl7.org/fhir/resource-types|Encounter"

profile := "urn:ietf:rfc:3986|http://example.org/bp"

rule(change) := object.union(
	{
		"effect": "permit", "strength": [0, 0], "chain": {0}, "says": {}, "needs": {"granting"}, "start": 0, "end": 100, "asks": set(),
		"types": set(), "plain": true, "codes": set(), "labels": set(), "data": set(), "from": -1000, "to": 1000,
	},
	change,
)

nested(depth, r, change) := rule(object.union({"strength": [depth, 0], "chain": {r}}, change))

denial(depth, r, change) := rule(object.union({"effect": "deny", "strength": [depth, 1], "chain": {r}, "needs": set()}, change))

shape(rules) := {
	"categories": {null, "a|b"}, "start": 0, "end": 100, "eraseBy": 1000, "mode": "", "rules": rules, "root": {}, "deep": false,
}

record(rules) := {"shape": shape(rules), "status": "active", "exhausted": false, "unfit": "", "rank": 0}

resource(change) := object.union(
	{
		"types": {observation}, "labels": {sprintf("%sN", [conf])}, "codes": set(), "references": set(), "authors": set(),
		"self": "Observation/1", "start": 10, "end": 20,
	},
	change,
)

question(consents, resources) := {
	"now": 50, "mode": ["whatever", "resources"][min([count(resources), 1])], "terms": false, "enforceable": true,
	"algorithm": "deny-overrides", "implicit": "deny", "consents": consents, "resources": resources, "delegations": [],
	"request": {
		"action": access, "purpose": sprintf("%sTREAT", [act]), "purposes": {sprintf("%sTREAT", [act]), sprintf("%sPurposeOfUse", [act])},
		"actors": {"Organization/city-hospital"}, "roles": {"|clinician"}, "categories": {null}, "types": set(), "plain": true,
	},
}

# for asks for another purpose, above which are those given.
for(q, purpose, above) := object.union(q, {"request": {
	"purpose": sprintf("%s%s", [act, purpose]),
	"purposes": {sprintf("%s%s", [act, p]) | some p in ({purpose} | above)},
}})
