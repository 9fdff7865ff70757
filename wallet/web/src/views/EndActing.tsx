import { Button } from "nhsuk-react-components";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";

import { Box, Title } from "../app/parts";
import { useDevice, useSubject } from "../app/wallet";
import { Signing } from "./Signing";

/** EndActing ends one's own power to act for somebody. */
export default function EndActing() {
  const { t } = useTranslation();
  const { look } = useDevice();
  const { handle, delegation, label } = useSubject();
  const [, go] = useLocation();
  const [ended, setEnded] = useState<string | null>(null);
  if (ended !== null) {
    return (
      <>
        <Title>{t("acting.ended", { name: ended })}</Title>
        <Box mood="good">
          <p>✓ {t("consent.receiptProved")}</p>
        </Box>
        <Button
          onClick={async () => {
            go("/");
            await look();
          }}
          type="button"
        >
          {t("app.continue")}
        </Button>
      </>
    );
  }
  if (delegation === undefined) return <Title>{t("app.notFound")}</Title>;
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
