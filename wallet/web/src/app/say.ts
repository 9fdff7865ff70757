import type { TFunction } from "i18next";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";

import type { Consent } from "../core/types.ts";
import { formatFor, type Format } from "../i18n/format";
import { plainOf } from "./systems";

/** Says codes and consents in the words of the language. Names of members come from the authority-signed roster only. */
export interface Say {
  purpose: (code: string) => string;
  data: (code: string) => string;
  action: (code: string) => string;
  /** What stays closed: a kind of data or a mark on it. */
  closed: (code: string) => string;
  /** A code of any of these kinds. */
  any: (code: string) => string;
  /** The exact text of a consent: it is what the person reads, and its SHA-256 is what is signed. */
  words: (consent: Consent, names: (id: string) => string, record: { custodianName: string; delegation?: unknown }) => string;
  /** What a study is or keeps to, by a shorthand of DUO or the name of an illness. */
  study: (term: string) => string;
  sentence: (decision: string, code: string, purpose: string) => string;
}

const groups = ["purpose", "data", "label", "action", "role"] as const;

export function sayFor(t: TFunction, f: Format): Say {
  const known = (group: string, code: string): string => t(`${group}.${code}`, { defaultValue: "" });
  const look = (group: string, code: string): string => known(group, code) || t(`${group}.other`, { code });
  const purpose = (code: string) => look("purpose", code);
  const data = (code: string) => look("data", code);
  const study = (term: string) => known("study.term", term) || (term.startsWith("DUO:") || !term.includes(":") ? term : t("study.illness", { code: term }));
  const closed = (code: string) => known("label", code) || known("data", code) || t("label.other", { code });
  return {
    purpose,
    data,
    action: (code) => look("action", code),
    closed,
    study,
    any: (code) => groups.map((g) => known(g, code)).find((w) => w !== "") ?? code,
    words: (consent, names, { custodianName: custodian, delegation }) => {
      const p = plainOf(consent);
      const who = p.anyone ? t("consent.anyone") : f.list([...p.members.map(names), ...p.others]);
      const lines = [t(p.permits ? "words.permit" : "words.deny", { who, custodian })];
      lines.push(p.purposes.length > 0 ? t("words.purpose", { purposes: f.list(p.purposes.map(purpose)) }) : t("words.anyPurpose"));
      lines.push(p.types.length > 0 ? t("words.some", { data: f.list(p.types.map(data)) }) : t("words.all"));
      if (p.except.length > 0) lines.push(t("words.except", { data: f.list(p.except.map(closed)) }));
      if (p.uses.terms.length > 0) lines.push(t("study.words", { uses: f.list(p.uses.terms.map(study)) }));
      if (p.uses.visas.length > 0) lines.push(t("study.wordsVisas", { visas: f.list(p.uses.visas) }));
      lines.push(p.until === null ? t("words.noEnd") : t("words.until", { date: f.date(p.until - 1) }));
      lines.push(t("words.stop"));
      if (delegation !== undefined) lines.unshift(t("words.acting"));
      return lines.join("\n");
    },
    sentence: (decision, code, why) => {
      const rest = code.slice(code.indexOf(".") + 1);
      return t(`sentence.${decision === "permit" ? "permit" : "deny"}.${rest}`, { purpose: purpose(why), defaultValue: t("sentence.other") });
    },
  };
}

/** The words of the language in use. */
export function useSayings(): Say {
  const { t, i18n } = useTranslation();
  return useMemo(() => sayFor(t, formatFor(i18n.language)), [t, i18n.language]);
}
