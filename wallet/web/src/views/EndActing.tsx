import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";

import { DoneAfresh } from "../app/Done";
import { Lost, Title } from "../app/parts";
import { useSubject } from "../app/wallet";
import { Signing } from "./Signing";

/** EndActing ends one's own power to act for somebody. */
export default function EndActing() {
  const { t } = useTranslation();
  const { handle, delegation, label } = useSubject();
  const [, go] = useLocation();
  const [ended, setEnded] = useState<string | null>(null);
  if (ended !== null) return <DoneAfresh title={t("acting.ended", { name: ended })}>{t("consent.receiptProved")}</DoneAfresh>;
  if (delegation === undefined) return <Lost />;
  return (
    <>
      <Title>{t("acting.endTitle", { name: label })}</Title>
      <Signing
        intent={{ kind: "delegate-end", handle, delegation: delegation.seq }}
        label={t("acting.end")}
        onCancel={() => go("/")}
        onDone={() => setEnded(label)}
        warning
      >
        <p>{t("acting.endWhat")}</p>
      </Signing>
    </>
  );
}
