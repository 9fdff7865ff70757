import { useTranslation } from "react-i18next";

import { Box } from "../app/parts";
import { useConsents } from "../app/wallet";
import { useFormat } from "../i18n/format";

/** Kept says that what is shown is what the device kept, when the gateway cannot be reached. */
export function Kept() {
  const { t } = useTranslation();
  const f = useFormat();
  const { data } = useConsents();
  if (data?.stale !== true) return null;
  return (
    <Box mood="warn">
      <p>{t("app.offline", { when: f.dateTime(Number(data.asOf)) })}</p>
    </Box>
  );
}
