import { Select } from "nhsuk-react-components";
import { useId, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Fault, Wait } from "../../app/parts";
import { useSayings } from "../../app/say";

/** The purposes that a console offers, by v3-ActReason. */
export const purposes = ["TREAT", "ETREAT", "BTG", "HRESCH", "CLINTRCH", "BIORCH", "PUBHLTH", "HPAYMT", "HQUALIMP", "MLTRAINING"] as const;

/** useStaffPurpose says a purpose to somebody who is not the patient. */
export function useStaffPurpose(): (code: string) => string {
  const { t } = useTranslation();
  const say = useSayings();
  return (code) => (code === "TREAT" ? t("desk.care") : say.purpose(code));
}

export function PurposeSelect({ value, onValue, all }: { value: string; onValue: (code: string) => void; all?: boolean }) {
  const { t } = useTranslation();
  const purpose = useStaffPurpose();
  const id = useId();
  return (
    <Select id={id} label={t("uses.purpose")} onChange={(e) => onValue(e.currentTarget.value)} value={value}>
      {all === true && <Select.Option value="">{t("uses.all")}</Select.Option>}
      {purposes.map((code) => (
        <Select.Option key={code} value={code}>
          {`${purpose(code)} (${code})`}
        </Select.Option>
      ))}
    </Select>
  );
}

/** useTask runs one thing at a time and shows how it went. */
export function useTask<T>(): { value: T | null; busy: boolean; run: (work: () => Promise<T>) => Promise<void>; shown: ReactNode } {
  const { t } = useTranslation();
  const [value, setValue] = useState<T | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const run = async (work: () => Promise<T>) => {
    setBusy(true);
    setError(null);
    setValue(null);
    try {
      setValue(await work());
    } catch (e) {
      setError(e);
    }
    setBusy(false);
  };
  const shown = (
    <>
      {error !== null && <Fault error={error} />}
      {busy && <Wait>{t("app.working")}</Wait>}
    </>
  );
  return { value, busy, run, shown };
}
