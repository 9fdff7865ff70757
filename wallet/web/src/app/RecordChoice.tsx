import { Select } from "nhsuk-react-components";
import { useTranslation } from "react-i18next";

import type { SubjectInfo } from "../api/volens.ts";

/** RecordChoice chooses one of a person's records: she has one at each hospital. */
export function RecordChoice(p: { subjects: readonly SubjectInfo[]; chosen: SubjectInfo; onChoose: (handle: string) => void }) {
  const { t } = useTranslation();
  return (
    <div className="v-noprint">
      <Select id="record" label={t("home.which")} onChange={(e) => p.onChoose(e.currentTarget.value)} value={p.chosen.handle}>
        {p.subjects.map((s) => (
          <Select.Option key={s.handle} value={s.handle}>
            {s.delegation !== undefined
              ? t("acting.record", { name: s.label, custodian: s.custodianName })
              : s.label === "" || s.label === s.custodianName
                ? s.custodianName
                : `${s.custodianName} – ${s.label}`}
          </Select.Option>
        ))}
      </Select>
    </div>
  );
}
