import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";

import { noticesWanted } from "./notices";
import { useDevice } from "./wallet";

/** Notice tells of news while the app is open: that there are some, and where, never what they are. */
export function Notice() {
  const { t } = useTranslation();
  const { volens, standing } = useDevice();
  const [kind, setKind] = useState<"use" | "ledger" | null>(null);
  const handles = standing.subjects.map((s) => s.handle).join(" ");
  useEffect(() => {
    if (handles === "") return undefined;
    for (const handle of handles.split(" ")) volens.follow(handle).catch(() => undefined); // without a connection there is no news
    let timer = 0;
    const stop = volens.listen((event) => {
      if (event.type !== "notice" || !noticesWanted()) return;
      setKind(event.kind);
      window.clearTimeout(timer);
      timer = window.setTimeout(() => setKind(null), 20_000);
    });
    return () => {
      stop();
      window.clearTimeout(timer);
      setKind(null);
    };
  }, [volens, handles]);
  return (
    <div aria-live="polite" role="status">
      {kind !== null && (
        <div className="v-toast">
          <p>{t(`notice.${kind}`)}</p>
          <Link href={kind === "use" ? "/uses" : "/consents"} onClick={() => setKind(null)}>
            {t(kind === "use" ? "nav.uses" : "nav.consents")}
          </Link>{" "}
          <button className="v-toast__close" onClick={() => setKind(null)} type="button">
            {t("app.close")}
          </button>
        </div>
      )}
    </div>
  );
}
