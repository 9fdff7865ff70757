import { Button } from "nhsuk-react-components";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";

import { Box, Go, Title } from "./parts";
import { useDevice } from "./wallet";

/** Done is the page after a signature: what it did, and that it is on the ledger and proved. */
export function Done({ title, to, link, children }: { title: string; to: string; link: string; children?: ReactNode }) {
  const { t } = useTranslation();
  return (
    <>
      <Title>{title}</Title>
      <Box mood="good">
        <p>✓ {t("consent.receiptProved")}</p>
      </Box>
      {children}
      <Go to={to}>{link}</Go>
    </>
  );
}

/** DoneAfresh is the same where the signature changed what records this device has: it goes home and looks at them anew. */
export function DoneAfresh({ title, children }: { title: string; children: string }) {
  const { t } = useTranslation();
  const { look } = useDevice();
  const [, go] = useLocation();
  return (
    <>
      <Title>{title}</Title>
      <Box mood="good">
        <p>✓ {children}</p>
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
