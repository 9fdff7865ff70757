import { useTranslation } from "react-i18next";

import { Box, Go } from "../app/parts";
import { useMe, useSubject } from "../app/wallet";
import { useFormat } from "../i18n/format";

/** NewKeyNotice tells the person that somebody is about to get her record: nothing is more urgent. */
export function NewKeyNotice() {
  const { t } = useTranslation();
  const f = useFormat();
  const { delegation } = useSubject();
  const me = useMe();
  if (me.data?.state !== "recovering" || delegation !== undefined) return null;
  return (
    <Box mood="bad" title={t("stop.noticeTitle")}>
      <p>{t("stop.notice", { when: f.dateTime(Number(me.data.deadline)) })}</p>
      <Go to="/recovery/stop">{t("stop.go")}</Go>
    </Box>
  );
}
