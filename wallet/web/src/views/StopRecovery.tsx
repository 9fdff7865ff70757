import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";

import { Done } from "../app/Done";
import { Title } from "../app/parts";
import { useRefresh, useSubject } from "../app/wallet";
import { Signing } from "./Signing";

/** StopRecovery stops a recovery that is not the person's own, with the key that she still has. */
export default function StopRecovery() {
  const { t } = useTranslation();
  const { handle } = useSubject();
  const refresh = useRefresh();
  const [, go] = useLocation();
  const [done, setDone] = useState(false);
  if (done) {
    return (
      <Done link={t("guardians.title")} title={t("stop.done")} to="/guardians">
        <p>{t("stop.after")}</p>
      </Done>
    );
  }
  return (
    <>
      <Title>{t("stop.title")}</Title>
      <Signing
        intent={{ kind: "veto", handle }}
        label={t("stop.go")}
        onCancel={() => go("/")}
        onDone={async () => {
          setDone(true);
          await refresh();
        }}
      >
        <p>{t("stop.what")}</p>
      </Signing>
    </>
  );
}
