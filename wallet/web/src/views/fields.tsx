import { Checkboxes, Radios } from "nhsuk-react-components";
import { useTranslation } from "react-i18next";

import { useSayings } from "../app/say";
import { useFormat } from "../i18n/format";

/** The kinds of data that the guided form offers, by FHIR's names. */
export const kinds = [
  "Observation",
  "DiagnosticReport",
  "Condition",
  "MedicationStatement",
  "MedicationRequest",
  "AllergyIntolerance",
  "Procedure",
  "Encounter",
  "DocumentReference",
  "Immunization",
] as const;

interface KindsProps {
  all: readonly string[] | null; // what may be chosen from; null: the whole record
  some: boolean;
  types: readonly string[];
  onSome: (some: boolean) => void;
  onTypes: (types: readonly string[]) => void;
  staff?: boolean; // the words are for somebody else than the patient
  of?: string; // tells the fields of several forms on a page apart
}

/** Kinds chooses the whole record or some kinds of data. */
export function Kinds({ all, some, types, onSome, onTypes, staff, of = "" }: KindsProps) {
  const { t } = useTranslation();
  const say = useSayings();
  const list = all ?? kinds;
  const toggle = (kind: string, on: boolean) => onTypes(on ? [...types, kind] : types.filter((k) => k !== kind));
  return (
    <>
      {all === null && (
        <Radios idPrefix={`${of}data`} legend={t("give.data")} legendProps={{ size: "s" }} name={`${of}data`}>
          <Radios.Item checked={!some} onChange={() => onSome(false)} value="all">
            {t(staff === true ? "desk.whole" : "give.all")}
          </Radios.Item>
          <Radios.Item checked={some} onChange={() => onSome(true)} value="some">
            {t("give.some")}
          </Radios.Item>
        </Radios>
      )}
      {(some || all !== null) && (
        <Checkboxes idPrefix={`${of}kinds`} legend={all === null ? t("give.some") : t("give.data")} legendProps={{ size: "s" }} name={`${of}kinds`}>
          {list.map((kind) => (
            <Checkboxes.Item checked={types.includes(kind)} key={kind} onChange={(e) => toggle(kind, e.currentTarget.checked)} value={kind}>
              {say.data(kind)}
            </Checkboxes.Item>
          ))}
        </Checkboxes>
      )}
    </>
  );
}

/** Private keeps very private data closed. */
export function Private({ value, onValue }: { value: boolean; onValue: (v: boolean) => void }) {
  const { t } = useTranslation();
  return (
    <Checkboxes idPrefix="private" name="private">
      <Checkboxes.Item checked={value} hint={t("give.privateHint")} onChange={(e) => onValue(e.currentTarget.checked)} value="yes">
        {t("give.private")}
      </Checkboxes.Item>
    </Checkboxes>
  );
}

/** after is the first instant of the day that is so many months after now: a consent ends with the day before. */
export function after(now: number, months: number): number {
  const d = new Date(now);
  return new Date(d.getFullYear(), d.getMonth() + months, d.getDate() + 1).getTime();
}

const spans = [3, 12, 60] as const;

/** Until chooses the end: three months, a year, five years, or, when there is one already, what was said before. */
export function Until({ now, value, latest, onValue }: { now: number; value: number; latest: number | null; onValue: (v: number) => void }) {
  const { t } = useTranslation();
  const f = useFormat();
  const offers = spans.map((months) => ({ months, end: after(now, months) })).filter((o) => latest === null || o.end < latest);
  return (
    <Radios idPrefix="until" legend={t("give.until")} legendProps={{ size: "s" }} name="until">
      {offers.map(({ months, end }) => (
        <Radios.Item checked={value === end} hint={t("give.endsOn", { date: f.date(end - 1) })} key={months} onChange={() => onValue(end)} value={String(months)}>
          {months < 12 ? t("give.months", { count: months }) : t("give.years", { count: months / 12 })}
        </Radios.Item>
      ))}
      {latest !== null && (
        <Radios.Item checked={value === latest} onChange={() => onValue(latest)} value="same">
          {f.date(latest - 1)}
        </Radios.Item>
      )}
    </Radios>
  );
}
