package policies

import (
	"slices"
	"strings"
)

// texts of reasons, by code.
var texts = map[string]string{
	"fault":             "The request could not be decided, so it is refused.",
	"incomplete":        "The request does not say its purpose or its action.",
	"consent-denies":    "A consent refuses this.",
	"consent-permits":   "A consent allows this.",
	"tie":               "Where a consent both allows and refuses, it refuses.",
	"not-active":        "A consent is not active.",
	"outside-period":    "A consent has not begun or has ended.",
	"other-category":    "A consent is not of a kind that was asked for.",
	"named-only":        "This purpose has to be named in a consent; a wider purpose does not cover it.",
	"not-covered":       "A consent does not cover this request.",
	"used-up":           "The number of uses that a consent allows is reached.",
	"erase-by-passed":   "The date by which the data had to be erased has come.",
	"view-only":         "A consent lets the data be seen, and nothing else.",
	DataUse:             "The data use terms of a consent do not permit the study, or no study was named.",
	DataUseUnclear:      "The data use terms of a consent do not say whether they permit the study; a person has to look.",
	VisaMissing:         "A consent asks for a visa that the researcher has not shown.",
	"no-consent-covers": "None of the consents allows this, so it is refused.",
	"implicit-permits":  "There is no consent, and the policy of this place allows this.",
	"no-consent":        "There is no consent.",
	"delegate":          "A delegate of the patient asks.",
	"filtered":          "What is released has still to be filtered by the residual rules.",
	"labels":            "No consent allows data with these security labels, or without any.",
	"types":             "No consent allows data of this type.",
	"codes":             "No consent allows data with these codes.",
	"period":            "No consent allows data from this time, or of unknown time.",
	"data":              "No consent names this resource, what it belongs to, or its author.",
}

// reason gives a reason its text.
func reason(b because, consent string) Reason {
	return Reason{Rule: b.letter, Code: b.code, Text: texts[b.code], Consent: consent}
}

// sentences by decision and code; {purpose} is replaced.
var sentences = map[string]map[string]string{
	Permit: {
		"consent-permits":  "Allowed for {purpose}, because your consent says so.",
		"filtered":         "Allowed in part for {purpose}: only the data that your consent covers.",
		"implicit-permits": "Allowed for {purpose} by the rules of this place, because you have no consent here.",
		"delegate":         "Allowed, because this person acts for you.",
	},
	Deny: {
		"fault":             "Refused, because the request could not be checked.",
		"incomplete":        "Refused, because the request does not say what it is for.",
		"consent-denies":    "Refused for {purpose}, because your consent says no.",
		"consent-permits":   "Refused for {purpose}.",
		"delegate":          "Refused for {purpose}, although this person acts for you.",
		"used-up":           "Refused for {purpose}, because your consent has been used as often as it allows.",
		"erase-by-passed":   "Refused for {purpose}, because the data had to be erased by now.",
		"view-only":         "Refused, because your consent lets the data be seen and nothing else.",
		DataUse:             "Refused for {purpose}, because your consent does not allow this study.",
		DataUseUnclear:      "Refused for {purpose}, because a person has to look at this study first.",
		VisaMissing:         "Refused for {purpose}, because the researcher has not shown the proof that your consent asks for.",
		"named-only":        "Refused for {purpose}, because no consent of yours names this purpose.",
		"not-covered":       "Refused for {purpose}, because your consent does not cover this request.",
		"outside-period":    "Refused for {purpose}, because your consent is not in force at this time.",
		"other-category":    "Refused for {purpose}, because your consent is about something else.",
		"not-active":        "Refused for {purpose}, because your consent is no longer active.",
		"no-consent-covers": "Refused for {purpose}, because none of your consents allows it.",
		"no-consent":        "Refused for {purpose}, because you have given no consent.",
	},
}

// telling is the order in which a person would tell reasons. The first that is given makes the sentence.
var telling = []string{
	"incomplete", "consent-denies", "filtered", "consent-permits", "implicit-permits", "delegate", "used-up", "erase-by-passed",
	"view-only", VisaMissing, DataUse, DataUseUnclear, "named-only", "not-covered", "outside-period", "other-category", "not-active", "no-consent-covers", "no-consent",
}

// letters of the combining algorithms in README.md.
var letters = map[Algorithm]string{DenyOverrides: "G1", MostRecent: "G2"}

// decided adds the reasons that the answer itself shows, and the sentence.
func (v *verdict) decided(a Algorithm, q *question, t *tables) {
	code := map[string]string{ConsentPermit: "consent-permits", ConsentDeny: "consent-denies"}[v.consents]
	for i, p := range v.deciding {
		if code != "" && (i == 0 || v.deciding[i-1].consent != p.consent) {
			v.reasons = append(v.reasons, because{letters[a], code, p.consent})
		}
	}
	if len(v.groups) > 0 {
		v.reasons = append(v.reasons, because{"J6", "filtered", -1})
	}
	purpose := t.Display[q.purpose]
	if purpose == "" {
		purpose = coding(q.purpose).Code
	}
	for _, code := range telling {
		if slices.ContainsFunc(v.reasons, func(b because) bool { return b.code == code }) {
			text := strings.ReplaceAll(sentences[v.decision][code], "{purpose}", purpose)
			v.sentence = Sentence{Code: v.decision + "." + code, Params: map[string]string{"purpose": purpose}, Text: text}
			return
		}
	}
}
