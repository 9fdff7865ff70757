import { useTranslation } from "react-i18next";

import { useFormat } from "../i18n/format";
import { Go } from "./parts";
import { useSubject } from "./wallet";

/** ActingFor stands on every page of a record that is somebody else's, so that nobody forgets for whom she acts. */
export function ActingFor() {
  const { t } = useTranslation();
  const f = useFormat();
  const { delegation: d, label } = useSubject();
  if (d === undefined) return null;
  return (
    <div className="v-acting">
      <p>
        <strong>{t("acting.title", { name: label })}</strong>
      </p>
      <p>
        {t("acting.may")}: {f.list(d.scope.map((s) => t(`acting.${s}`)))}.{" "}
        {d.ends !== "0" && `${t("people.until")}: ${f.date(Number(d.ends) - 1)}. `}
        {d.scope.includes("view") && t("acting.seen")}
      </p>
      <Go secondary to="/acting/end">
        {t("acting.end")}
      </Go>
    </div>
  );
}
