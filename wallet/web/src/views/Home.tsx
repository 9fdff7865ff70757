import { useTranslation } from "react-i18next";
import { Link } from "wouter";

import type { UsesView } from "../api/volens.ts";
import { missingOf } from "../app/missing";
import { useNow } from "../app/now";
import { Box, Fault, Go, Title, Wait } from "../app/parts";
import { inForce, plainOf } from "../app/systems";
import { useConsents, useMay, useNames, useRequests, useSubject, useUses } from "../app/wallet";
import { useFormat } from "../i18n/format";
import { Kept } from "./Kept";
import { NewKeyNotice } from "./NewKeyNotice";
import { useWho } from "./Terms";
import { UseCard } from "./UseCard";

const lately = 3;

/** Home shows what is shared now, what waits, and what happened lately. An emergency comes before all of it. */
export function Home() {
  const { t } = useTranslation();
  const subject = useSubject();
  const uses = useUses();
  const now = useNow();
  return (
    <>
      <Title caption={t("home.hello", { custodian: subject.custodianName })}>{t("home.title")}</Title>
      <Kept />
      <NewKeyNotice />
      {uses.data !== undefined && <Alarms uses={uses.data} />}
      <Waiting />
      <Sharing />
      <Box title={t("home.latelyTitle")}>
        {uses.isPending && <Wait>{t("uses.checking")}</Wait>}
        {uses.isError && <Fault error={uses.error} />}
        {uses.data?.entries.length === 0 && <p>{t("home.latelyNone")}</p>}
        {uses.data !== undefined && uses.data.entries.length > 0 && (
          <>
            {uses.data.state === "proved" && <p>{missingOf(uses.data, now) === undefined ? `✓ ${t("home.proved")}` : t("uses.halfTitle")}</p>}
            {uses.data.entries.slice(0, lately).map((e) => (
              <UseCard entry={e} key={e.index} />
            ))}
            <p>
              <Link href="/uses">{t("home.seeAll")}</Link>
            </p>
          </>
        )}
      </Box>
    </>
  );
}

/** Alarms: emergency accesses that are not older than a month, and failed proofs. */
function Alarms({ uses }: { uses: UsesView }) {
  const { t } = useTranslation();
  const names = useNames();
  const f = useFormat();
  const month = 31 * 24 * 3600 * 1000;
  const newest = Number(uses.entries[0]?.use.time ?? "0");
  const urgent = uses.entries.filter((e) => (e.use.emergency ?? "") !== "" && e.use.decision === "permit" && newest - Number(e.use.time) < month);
  return (
    <>
      {uses.state === "failed" && (
        <Box mood="bad" title={t("home.failedTitle")}>
          <p>{t("home.failed")}</p>
          <p>
            <Link href="/uses">{t("home.seeAll")}</Link>
          </p>
        </Box>
      )}
      {urgent.map((e) => (
        <Box alike key={e.index} mood="urgent" title={t("home.emergencyTitle")}>
          <p>{t("home.emergency", { who: names(e.use.requester), when: f.dateTime(Number(e.use.time)) })}</p>
          <p>
            {t("uses.reason")}: <bdi>{e.use.emergency}</bdi>
          </p>
          <Go secondary to={`/uses/${e.use.useSeq}`}>
            {t("home.emergencySee")}
          </Go>
        </Box>
      ))}
    </>
  );
}

function Waiting() {
  const { t } = useTranslation();
  const names = useNames();
  const requests = useRequests();
  const waiting = requests.data?.filter((r) => r.answered === "0") ?? [];
  return (
    <Box {...(waiting.length > 0 ? { mood: "warn" as const } : {})} title={t("home.waitingTitle")}>
      {requests.isPending && <Wait />}
      {requests.data !== undefined && <p>{waiting.length === 0 ? t("home.waitingNone") : t("home.waiting", { count: waiting.length })}</p>}
      <ul className="v-list">
        {waiting.map((r) => (
          <li key={r.id}>
            <Link href={`/asked/${r.id}`}>{t("ask.from", { who: names(r.member) })}</Link>
          </li>
        ))}
      </ul>
    </Box>
  );
}

function Sharing() {
  const { t } = useTranslation();
  const who = useWho();
  const consents = useConsents();
  const now = useNow();
  const may = useMay();
  const live = consents.data?.consents.filter((c) => inForce(c, now) === "active") ?? [];
  const organisations = new Set(live.flatMap((c) => [...plainOf(c.consent).members, ...plainOf(c.consent).others])).size;
  return (
    <Box title={t("home.sharingTitle")}>
      {consents.isPending && <Wait />}
      {consents.isError && <Fault error={consents.error} />}
      {consents.data !== undefined && <p>{live.length === 0 ? t("home.sharingNone") : t("home.sharing", { count: Math.max(organisations, 1) })}</p>}
      <ul className="v-list">
        {live.map((c) => (
          <li key={c.seq}>
            <Link href={`/consents/${c.seq}`}>{who(c.consent)}</Link>
          </li>
        ))}
      </ul>
      {consents.data?.stale === false && (
        <div className="v-actions">
          {may("grant") && <Go to="/consents/new">{t("home.share")}</Go>}
          {live.length > 0 && may("revoke") && (
            <Go secondary to="/consents/stop">
              {t("home.stopAll")}
            </Go>
          )}
        </div>
      )}
    </Box>
  );
}
