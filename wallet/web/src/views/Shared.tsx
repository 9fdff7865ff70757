import { useQuery } from "@tanstack/react-query";
import { Button } from "nhsuk-react-components";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { SharedDocument } from "../api/wire.ts";
import { Back, Box, Code, Fault, Fold, Rows, Title, Wait } from "../app/parts";
import { useMay, useRefresh, useSubject, useVolens } from "../app/wallet";
import { useWork } from "../app/work";
import { useFormat } from "../i18n/format";
import PutDown from "./PutDown";

/** Shared lists the person's documents that lie at the hospital, where her consents decide who gets them. */
export default function Shared() {
  const { t } = useTranslation();
  const { papers } = useVolens();
  const { handle, custodianName } = useSubject();
  const may = useMay();
  const [told, setTold] = useState<string | null>(null);
  const [round, setRound] = useState(0);
  const list = useQuery({ queryKey: [handle, "shared"], queryFn: () => papers.shared(handle), networkMode: "always" });
  return (
    <>
      <Back to="/documents">{t("documents.title")}</Back>
      <Title caption={custodianName}>{t("health.shared")}</Title>
      {told !== null && (
        <Box mood="good">
          <p>✓ {told}</p>
        </Box>
      )}
      <p>{t("health.sharedWhat")}</p>
      {list.isPending && <Wait />}
      {list.isError && <Fault error={list.error} />}
      {list.data?.length === 0 && <p>{t("health.sharedNone")}</p>}
      {list.data?.map((d) => (
        <One document={d} key={d.id} onTaken={() => setTold(t("health.taken"))} />
      ))}
      {list.isSuccess && may("grant") && (
        <Box title={t("health.another")}>
          <PutDown
            key={round}
            onDone={async () => {
              setTold(t("health.putDone"));
              setRound(round + 1);
            }}
          />
        </Box>
      )}
    </>
  );
}

function One({ document: d, onTaken }: { document: SharedDocument; onTaken: () => void }) {
  const { t } = useTranslation();
  const f = useFormat();
  const { papers } = useVolens();
  const { handle } = useSubject();
  const refresh = useRefresh();
  const may = useMay();
  const work = useWork();
  const title = d.title === undefined || d.title === "" ? d.contentType : d.title;
  return (
    <Box alike title={title}>
      <Rows
        rows={[
          [t("health.time"), f.dateTime(Number(d.time))],
          [t("health.size"), t("health.kilobytes", { n: Math.ceil(d.size / 1000) })],
          [t("health.level"), t(`health.levels.${d.confidentiality}`, { defaultValue: d.confidentiality })],
        ]}
      />
      <Fold title={t("app.details")}>
        <p>
          {t("documents.commitment")}: <Code>{d.id}</Code>
        </p>
        <p>
          <Code>{d.contentType}</Code>
        </p>
      </Fold>
      {work.shown}
      {may("revoke") && (
        <Button
          disabled={work.busy}
          onClick={() =>
            work.run(async () => {
              await papers.take(handle, d.id);
              onTaken();
              await refresh();
            })
          }
          secondary
          type="button"
        >
          {t("health.take")}
          <span className="nhsuk-u-visually-hidden">: {title}</span>
        </Button>
      )}
    </Box>
  );
}
