import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Box, Go, Title } from "./parts";

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
