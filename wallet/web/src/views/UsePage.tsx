import { useTranslation } from "react-i18next";
import { Link } from "wouter";

import type { UseEntry } from "../api/volens.ts";
import { useNow } from "../app/now";
import { Back, Box, Code, Fault, Fold, Go, Lost, Rows, Title, Wait } from "../app/parts";
import { useSayings } from "../app/say";
import { inForce, plainOf } from "../app/systems";
import { useConsents, useNames, useUses } from "../app/wallet";
import { useFormat } from "../i18n/format";
import { useUseWords } from "./UseCard";

/** UsePage is one use: who, what for, why this answer, and whether its proof holds. */
export default function UsePage({ seq }: { seq: string }) {
  const { t } = useTranslation();
  const uses = useUses();
  const entry = uses.data?.entries.find((e) => e.use.useSeq === seq);
  if (uses.isPending) return <Wait>{t("uses.checking")}</Wait>;
  if (uses.isError) return <Fault error={uses.error} />;
  if (entry === undefined) return <Lost />;
  return <One entry={entry} />;
}

function One({ entry }: { entry: UseEntry }) {
  const { t } = useTranslation();
  const f = useFormat();
  const say = useSayings();
  const words = useUseWords();
  const u = entry.use;
  const person = (u.actors ?? []).join(", ");
  return (
    <>
      <Back to="/uses">{t("uses.title")}</Back>
      <Title caption={t("uses.number", { n: Number(u.useSeq) })}>{`${words.who(u)}: ${words.result(u)}`}</Title>
      {entry.state === "failed" ? (
        <Box mood="bad" title={`✗ ${t("uses.entryFailed")}`}>
          <p>{t("uses.failed")}</p>
          {entry.why !== undefined && <p lang="en">{entry.why}</p>}
        </Box>
      ) : (
        <Box mood="good">
          <p>
            ✓ <strong>{t("uses.entryProved")}</strong>. {t("uses.entryProvedWhat")}
          </p>
        </Box>
      )}
      {(u.emergency ?? "") !== "" && (
        <Box mood="warn" title={t("uses.emergency")}>
          <p>
            {t("uses.reason")}: <bdi>{u.emergency}</bdi>
          </p>
        </Box>
      )}
      <p className="nhsuk-lede-text">{words.what(u)}</p>
      <Rows
        rows={[
          [t("uses.when"), f.dateTime(Number(u.time))],
          [t("uses.who"), <bdi key="w">{words.who(u)}</bdi>],
          person !== "" && [t("uses.actors"), t("uses.actorSays", { who: person })],
          u.purpose.code !== "" && [t("uses.purpose"), say.purpose(u.purpose.code)],
          u.action.code !== "" && [t("uses.action"), say.action(u.action.code)],
          (u.resourceTypes ?? []).length > 0 && [t("uses.data"), f.list((u.resourceTypes ?? []).map(say.data))],
          (u.consents ?? []).length > 0 && [
            t("uses.decidedBy"),
            <span key="c">
              {(u.consents ?? []).map((seq) => (
                <Link href={`/consents/${seq}`} key={seq}>
                  {t("consent.number", { n: seq })}{" "}
                </Link>
              ))}
            </span>,
          ],
          [t("uses.record"), f.number(Number(entry.index))],
        ]}
      />
      <StopThis entry={entry} />
      {(u.reasons ?? []).length > 0 && (
        <Fold title={t("uses.why")}>
          <ul lang="en">
            {(u.reasons ?? []).map((r) => (
              <li key={r.rule + r.text}>
                {r.text} <Code>{r.rule}</Code>
              </li>
            ))}
          </ul>
        </Fold>
      )}
    </>
  );
}

/** StopThis leads from a use to the end of what allowed it. */
function StopThis({ entry }: { entry: UseEntry }) {
  const { t } = useTranslation();
  const names = useNames();
  const consents = useConsents();
  const { requester } = entry.use;
  const now = useNow();
  const one = consents.data?.consents.find((c) => inForce(c, now) === "active" && plainOf(c.consent).permits && plainOf(c.consent).members.includes(requester));
  if (one === undefined) return null;
  return (
    <div className="v-actions">
      <Go to={`/consents/${one.seq}/stop`}>{t("uses.stopThis", { who: names(requester) })}</Go>
    </div>
  );
}
