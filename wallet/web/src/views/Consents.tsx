import { Tag } from "nhsuk-react-components";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";

import type { ConsentEntry } from "../api/wire.ts";
import { useNow } from "../app/now";
import { Box, Fault, Go, Title, Wait } from "../app/parts";
import { useSayings } from "../app/say";
import { inForce, plainOf, type Standing } from "../app/systems";
import { useConsents, useMay } from "../app/wallet";
import { useFormat } from "../i18n/format";
import { Kept } from "./Kept";
import { useWho } from "./Terms";

/** Consents lists what the person allows now, and what she allowed or refused before. */
export default function Consents() {
  const { t } = useTranslation();
  const { data, isPending, isError, error } = useConsents();
  const now = useNow();
  const may = useMay();
  const all = (data?.consents ?? []).map((entry) => ({ entry, standing: inForce(entry, now) }));
  const live = all.filter((c) => c.standing === "active" || c.standing === "future");
  const past = all.filter((c) => c.standing !== "active" && c.standing !== "future");
  return (
    <>
      <Title>{t("consent.title")}</Title>
      <Kept />
      {isPending && <Wait />}
      {isError && <Fault error={error} />}
      {data?.stale === false && may("grant") && (
        <div className="v-actions">
          <Go to="/consents/new">{t("consent.give")}</Go>
        </div>
      )}
      {data !== undefined && live.length === 0 && <p>{t("home.sharingNone")}</p>}
      {live.length > 0 && <h2 className="nhsuk-heading-m">{t("consent.active")}</h2>}
      {live.map(({ entry, standing }) => (
        <Card entry={entry} key={entry.seq} standing={standing} {...(data?.stale === false && may("revoke") ? { stop: true } : {})} />
      ))}
      {past.length > 0 && <h2 className="nhsuk-heading-m">{t("consent.past")}</h2>}
      {past.map(({ entry, standing }) => (
        <Card entry={entry} key={entry.seq} standing={standing} />
      ))}
    </>
  );
}

export const colourOf: Record<Standing, "green" | "blue" | "grey"> = {
  active: "green",
  future: "blue",
  expired: "grey",
  revoked: "grey",
  replaced: "grey",
  declined: "grey",
};

/** Card is a consent in a few words. Stopping it is as near as reading it. */
function Card({ entry, standing, stop }: { entry: ConsentEntry; standing: Standing; stop?: boolean }) {
  const { t } = useTranslation();
  const f = useFormat();
  const say = useSayings();
  const who = useWho()(entry.consent);
  const p = plainOf(entry.consent);
  return (
    <Box {...(standing === "active" ? { mood: "good" as const } : {})} alike level={3} title={who}>
      <p>
        <Tag modifier={colourOf[standing]}>{t(`consent.${standing}`)}</Tag>
        {!entry.signed && entry.kind === "ConsentAttest" && <> {t("consent.attested")}</>}
      </p>
      <p>
        {p.purposes.length === 0 ? t("consent.anyPurpose") : f.list(p.purposes.map(say.purpose))}
        {" · "}
        {p.types.length === 0 ? t("consent.everything") : f.list(p.types.map(say.data))}
        {" · "}
        {p.until === null ? t("consent.noEnd") : `${t("consent.until")}: ${f.date(p.until - 1)}`}
      </p>
      <div className="v-actions">
        <Link href={`/consents/${entry.seq}`}>
          {t("app.details")}
          <span className="nhsuk-u-visually-hidden">: {t("consent.number", { n: entry.seq })}</span>
        </Link>
        {stop === true && (
          <Go secondary to={`/consents/${entry.seq}/stop`}>
            {t("consent.stop")}
            <span className="nhsuk-u-visually-hidden">: {t("consent.number", { n: entry.seq })}</span>
          </Go>
        )}
      </div>
    </Box>
  );
}
