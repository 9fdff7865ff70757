import { Button, Checkboxes, Fieldset, Select, TextInput } from "nhsuk-react-components";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { FileField } from "../../app/give";
import { Fold } from "../../app/parts";
import { useSayings } from "../../app/say";
import { type DataUses, diseaseForm, listed, modifiers, passportOf, permissions, visaForm } from "../../app/study";

const most = 65_536; // what a gateway takes of a passport

/** A form about a study: what one is and shows, or what one has to be and show. */
export interface StudyForm {
  id: string;
  kind: string;
  keeps: readonly string[];
  diseases: string;
  visas: string;
  passport: string;
  faults: Partial<Record<"diseases" | "visas" | "passport", true>>;
  set: (part: Partial<Pick<StudyForm, "kind" | "keeps" | "diseases" | "visas" | "passport">>) => void;
  read: (file: File) => void;
  /** check says whether all of it has its form, and shows what has not. */
  check: () => boolean;
  /** stated is the part of an access request. */
  stated: () => { study?: string[]; passport?: string };
  /** uses are those of a consent. */
  uses: () => DataUses;
}

const nothing = { kind: "", keeps: [] as readonly string[], diseases: "", visas: "", passport: "" };

export function useStudy(id: string): StudyForm {
  const [values, setValues] = useState(nothing);
  const [faults, setFaults] = useState<StudyForm["faults"]>({});
  const set: StudyForm["set"] = (part) => setValues((old) => ({ ...old, ...part }));
  const diseases = listed(values.diseases, diseaseForm);
  const visas = listed(values.visas, visaForm);
  const terms = [...(values.kind === "" ? [] : [values.kind]), ...(diseases ?? []), ...values.keeps];
  return {
    id,
    ...values,
    faults,
    set,
    read: (file) =>
      void file.slice(0, most).text().then((text) => {
        const passport = passportOf(text);
        set({ passport: passport ?? "" });
        setFaults(({ passport: _, ...others }) => (passport === null ? { ...others, passport: true } : others));
      }),
    check: () => {
      const bad = { ...(diseases === null ? { diseases: true as const } : {}), ...(visas === null ? { visas: true as const } : {}) };
      setFaults(bad);
      const first = Object.keys(bad)[0];
      if (first !== undefined) document.getElementById(`${id}-${first}`)?.focus();
      return first === undefined;
    },
    stated: () => ({ ...(terms.length === 0 ? {} : { study: terms }), ...(values.passport === "" ? {} : { passport: values.passport }) }),
    uses: () => ({ terms, visas: visas ?? [] }),
  };
}

/** Terms are the fields of DUO: what a study is, its illnesses, what it keeps to. */
function Terms({ form, kind, keeps }: { form: StudyForm; kind: string; keeps: string }) {
  const { t } = useTranslation();
  const say = useSayings();
  const toggle = (term: string, on: boolean) => form.set({ keeps: on ? [...form.keeps, term] : form.keeps.filter((k) => k !== term) });
  return (
    <>
      <Select id={`${form.id}-kind`} label={kind} name={`${form.id}-kind`} onChange={(e) => form.set({ kind: e.currentTarget.value })} value={form.kind}>
        <Select.Option value="">{t("desk.studyNone")}</Select.Option>
        {Object.keys(permissions).map((term) => (
          <Select.Option key={term} value={term}>
            {`${say.study(term)} (${term})`}
          </Select.Option>
        ))}
      </Select>
      <TextInput
        autoComplete="off"
        dir="ltr"
        {...(form.faults.diseases === true ? { error: t("desk.diseasesBad") } : {})}
        hint={t("desk.diseasesHint")}
        id={`${form.id}-diseases`}
        label={t("desk.diseases")}
        name={`${form.id}-diseases`}
        onChange={(e) => form.set({ diseases: e.currentTarget.value })}
        spellCheck={false}
        value={form.diseases}
      />
      <Fold title={keeps}>
        <Checkboxes idPrefix={`${form.id}-keeps`} legend={keeps} legendProps={{ className: "nhsuk-u-visually-hidden" }} name={`${form.id}-keeps`} small>
          {Object.keys(modifiers).map((term) => (
            <Checkboxes.Item checked={form.keeps.includes(term)} key={term} onChange={(e) => toggle(term, e.currentTarget.checked)} value={term}>
              {`${say.study(term)} (${term})`}
            </Checkboxes.Item>
          ))}
        </Checkboxes>
      </Fold>
    </>
  );
}

/** StudyFields state a study and show its researcher's passport. */
export function StudyFields({ form }: { form: StudyForm }) {
  const { t } = useTranslation();
  return (
    <Fieldset>
      <Fieldset.Legend size="s">{t("desk.studyTitle")}</Fieldset.Legend>
      <p>{t("desk.studyWhat")}</p>
      <Terms form={form} keeps={t("desk.studyKeeps")} kind={t("desk.studyKind")} />
      <FileField error={form.faults.passport === true ? t("desk.passportBad") : undefined} hint={t("desk.passportHint")} id={`${form.id}-passport`} label={t("desk.passport")} onFile={form.read} />
      <div aria-live="polite">
        {form.passport !== "" && (
          <p>
            ✓ {t("desk.passportGot")}{" "}
            <Button onClick={() => form.set({ passport: "" })} secondary small type="button">
              {t("desk.passportDrop")}
            </Button>
          </p>
        )}
      </div>
    </Fieldset>
  );
}

/** UsesFields limit a consent to studies. */
export function UsesFields({ form }: { form: StudyForm }) {
  const { t } = useTranslation();
  return (
    <Fieldset>
      <Fieldset.Legend size="s">{t("desk.onlyStudies")}</Fieldset.Legend>
      <p>{t("desk.onlyStudiesWhat")}</p>
      <Terms form={form} keeps={t("desk.usesKeeps")} kind={t("desk.usesKind")} />
      <TextInput
        autoComplete="off"
        dir="ltr"
        {...(form.faults.visas === true ? { error: t("desk.visaBad") } : {})}
        hint={t("desk.visaHint")}
        id={`${form.id}-visas`}
        label={t("desk.visa")}
        name={`${form.id}-visas`}
        onChange={(e) => form.set({ visas: e.currentTarget.value })}
        spellCheck={false}
        value={form.visas}
      />
    </Fieldset>
  );
}
