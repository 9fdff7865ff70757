import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";

import type { ConsentEntry } from "../api/wire.ts";
import { Done } from "../app/Done";
import { useNow } from "../app/now";
import { Box, Fault, Lost, Title, Wait } from "../app/parts";
import { inForce, plainOf } from "../app/systems";
import { useConsents, useMay, useRefresh, useSubject, useUses } from "../app/wallet";
import { useFormat } from "../i18n/format";
import { Signing } from "./Signing";
import { useWho } from "./Terms";

/** Revoke ends a consent, or all when none is named. What happens by it stands on the same page as the button: stopping
 * takes fewer steps than giving. */
export default function Revoke({ seq }: { seq?: string }) {
  const { t } = useTranslation();
  const subject = useSubject();
  const refresh = useRefresh();
  const [, go] = useLocation();
  const whoOf = useWho();
  const consents = useConsents();
  const [done, setDone] = useState<string | null>(null);
  const now = useNow();
  const may = useMay();
  if (consents.isPending) return <Wait />;
  const blind = seq === undefined && !may("view"); // she may end what she may not see
  if (consents.isError && !blind) return <Fault error={consents.error} />;
  const list = consents.data?.consents ?? [];
  const live = list.filter((c) => ["active", "future"].includes(inForce(c, now)));
  const one = list.find((c) => c.seq === seq);
  if (done !== null) {
    return <Done link={t("nav.consents")} title={done} to="/consents" />;
  }
  const finish = (text: string) => async () => {
    setDone(text);
    await refresh();
  };
  const { handle } = subject;
  if (seq === undefined) {
    return (
      <>
        <Title>{t("revoke.allTitle")}</Title>
        {live.length === 0 && !blind ? (
          <p>{t("revoke.nothing")}</p>
        ) : (
          <Signing
            intent={{ kind: "revoke-all", handle }}
            label={t("revoke.yesAll")}
            onCancel={() => go("/consents")}
            onDone={finish(t("revoke.doneAll"))}
            warning
          >
            <Box title={t("revoke.happens")}>
              <p>{t("revoke.stopsAll")}</p>
              {live.map((c) => (
                <Impact entry={c} key={c.seq} live={[]} named />
              ))}
            </Box>
          </Signing>
        )}
      </>
    );
  }
  if (one === undefined) return <Lost />;
  const who = whoOf(one.consent);
  return (
    <>
      <Title>{t("revoke.title", { who })}</Title>
      <Signing
        intent={{ kind: "revoke", handle, consent: seq }}
        label={t("revoke.yes")}
        onCancel={() => go(`/consents/${seq}`)}
        onDone={finish(t("revoke.done", { who }))}
        warning
      >
        <Box title={t("revoke.happens")}>
          <p>{t("revoke.stops", { who })}</p>
          <Impact entry={one} live={live} />
        </Box>
      </Signing>
    </>
  );
}

/** Impact says what ends with a consent, what is out already, and what goes on. */
function Impact({ entry, live, named }: { entry: ConsentEntry; live: readonly ConsentEntry[]; named?: boolean }) {
  const { t } = useTranslation();
  const f = useFormat();
  const who = useWho();
  const uses = useUses();
  const p = plainOf(entry.consent);
  const got = uses.data?.entries.filter((e) => e.use.kind === "decision" && e.use.decision === "permit" && (e.use.consents ?? []).includes(entry.seq)).length;
  const others = live.filter((c) => c.seq !== entry.seq && plainOf(c.consent).permits && plainOf(c.consent).members.some((m) => p.members.includes(m)));
  const research = p.purposes.some((code) => ["HRESCH", "BIORCH", "CLINTRCH", "CLINTRCHNPC"].includes(code));
  const care = p.purposes.some((code) => ["TREAT", "CAREMGT"].includes(code));
  return (
    <>
      {named === true && <h3 className="nhsuk-heading-s">{who(entry.consent)}</h3>}
      <ul>
        {research && <li>{t("revoke.study")}</li>}
        {care && <li>{t("revoke.care")}</li>}
        {got !== undefined && <li>{t("revoke.copies", { count: got })}</li>}
        {entry.consent.eraseBy !== "0" && <li>{t("revoke.eraseBy", { date: f.date(Number(entry.consent.eraseBy) - 1) })}</li>}
        {others.map((c) => (
          <li key={c.seq}>{t("revoke.other", { n: c.seq })}</li>
        ))}
      </ul>
    </>
  );
}
