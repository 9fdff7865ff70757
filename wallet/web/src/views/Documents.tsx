import { useQuery } from "@tanstack/react-query";
import { Button } from "nhsuk-react-components";
import { useTranslation } from "react-i18next";

import { Box, Code, Fault, Go, Rows, save, Title, Wait } from "../app/parts";
import { useSubject, useVolens } from "../app/wallet";
import { useWork } from "../app/work";
import { useFormat } from "../i18n/format";

const consents = ["ConsentGrant", "ConsentDecline"];

/** Documents lists the receipts that this device keeps: what was signed, and the proof that it is on the ledger. */
export default function Documents() {
  const { t } = useTranslation();
  const f = useFormat();
  const { wallet } = useVolens();
  const { handle } = useSubject();
  const kept = useQuery({ queryKey: [handle, "kept"], queryFn: () => wallet.kept(handle), networkMode: "always" });
  const work = useWork();
  const list = [...(kept.data ?? [])].reverse();
  return (
    <>
      <Title>{t("documents.title")}</Title>
      <div className="v-two">
        <Box title={t("health.title")}>
          <p>{t("health.what")}</p>
          <Go secondary to="/certificates">
            {t("health.title")}
          </Go>
        </Box>
        <Box title={t("health.shared")}>
          <p>{t("health.sharedWhat")}</p>
          <Go secondary to="/documents/shared">
            {t("health.shared")}
          </Go>
        </Box>
      </div>
      <h2 className="nhsuk-heading-m">{t("documents.signed")}</h2>
      <p>{t("documents.what")}</p>
      {work.shown}
      {kept.isPending && <Wait />}
      {kept.isError && <Fault error={kept.error} />}
      {kept.data?.length === 0 && <p>{t("documents.none")}</p>}
      {list.map((k) => {
        const seq = typeof k.message.body["seq"] === "string" ? k.message.body["seq"] : "";
        return (
          <Box alike key={k.commitment} title={t(`documents.type.${k.message.type}`, { defaultValue: k.message.type })}>
            <Rows
              rows={[
                k.receipt !== undefined && [t("documents.time"), f.dateTime(Number(k.receipt.time))],
                k.receipt !== undefined && [t("documents.position"), f.number(Number(k.receipt.position))],
                [t("documents.commitment"), <Code key="c">{k.commitment}</Code>],
              ]}
            />
            {consents.includes(k.message.type) && (
              <Button disabled={work.busy} onClick={() => work.run(async () => save(`consent-${seq}.json`, "application/ld+json", await wallet.consentReceipt(handle, seq)))} small type="button">
                {t("documents.iso", { n: seq })}
              </Button>
            )}{" "}
            <Button onClick={() => save(`receipt-${seq}.json`, "application/json", JSON.stringify(k, null, 2))} secondary small type="button">
              {t("documents.save", { n: seq })}
            </Button>
          </Box>
        );
      })}
    </>
  );
}
