import { useTranslation } from "react-i18next";

import { Fold, Rows, Scroll } from "../app/parts";
import { useSayings } from "../app/say";
import { plainOf } from "../app/systems";
import { useNames } from "../app/wallet";
import type { Consent } from "../core/types.ts";
import { useFormat } from "../i18n/format";

/** useWho says whom a consent is for. */
export function useWho(): (c: Consent) => string {
  const { t } = useTranslation();
  const names = useNames();
  const f = useFormat();
  return (c) => {
    const p = plainOf(c);
    return p.anyone ? t("consent.anyone") : f.list([...p.members.map(names), ...p.others]);
  };
}

/** Terms says what a consent means: who, what for, what data, until when. When that is not all of it, it says so. */
export function Terms({ consent, used }: { consent: Consent; used?: string }) {
  const { t } = useTranslation();
  const f = useFormat();
  const say = useSayings();
  const who = useWho();
  const p = plainOf(consent);
  const limited = consent.maxUses !== "0";
  return (
    <>
      <Rows
        rows={[
          [t("consent.who"), <bdi key="w">{who(consent)}</bdi>],
          [t("consent.purpose"), p.purposes.length === 0 ? t("consent.anyPurpose") : f.list(p.purposes.map(say.purpose))],
          [t("consent.what"), p.types.length === 0 ? t("consent.everything") : f.list(p.types.map(say.data))],
          p.except.length > 0 && [t("consent.except"), f.list(p.except.map(say.closed))],
          p.uses.terms.length > 0 && [t("study.only"), f.list(p.uses.terms.map(say.study))],
          p.uses.visas.length > 0 && [t("study.visas"), f.list(p.uses.visas)],
          [t("consent.until"), p.until === null ? t("consent.noEnd") : f.date(p.until - 1)],
          limited && [t("consent.limit"), t("consent.usesLeft", { count: Number(consent.maxUses), used: Number(used ?? "0") })],
          consent.eraseBy !== "0" && [t("consent.eraseBy"), f.date(Number(consent.eraseBy) - 1)],
        ]}
      />
      {!p.whole && !limited && (
        <>
          <p>{t("consent.complex")}</p>
          <Fold title={t("consent.rules")}>
            <Scroll label={t("consent.rules")}>
              <pre className="v-pre">{JSON.stringify(consent.provisions, null, 2)}</pre>
            </Scroll>
          </Fold>
        </>
      )}
    </>
  );
}
