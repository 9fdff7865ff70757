import { Button, Tag } from "nhsuk-react-components";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Access, ConsentEntry } from "../api/wire.ts";
import { Done } from "../app/Done";
import { useNow } from "../app/now";
import { Back, Box, Code, Fault, Fold, Go, Lost, Rows, save, Title, Wait } from "../app/parts";
import { useSayings } from "../app/say";
import { coding, inForce, plainOf } from "../app/systems";
import { useConsents, useMay, useNames, useRefresh, useSubject, useVolens } from "../app/wallet";
import type { Consent } from "../core/types.ts";
import { useWork } from "../app/work";
import { useFormat } from "../i18n/format";
import { colourOf } from "./Consents";
import { Less } from "./Less";
import { Signing } from "./Signing";
import { Terms, useWho } from "./Terms";

/** ConsentPage is one consent: what it says, what it would let through today, and the ways to change or end it. */
export default function ConsentPage({ seq }: { seq: string }) {
  const { data, isPending, isError, error } = useConsents();
  const entry = data?.consents.find((c) => c.seq === seq);
  if (isPending) return <Wait />;
  if (isError) return <Fault error={error} />;
  if (entry === undefined) return <Lost />;
  return <One entry={entry} key={seq} online={!data.stale} />;
}

function One({ entry, online }: { entry: ConsentEntry; online: boolean }) {
  const { t } = useTranslation();
  const f = useFormat();
  const subject = useSubject();
  const refresh = useRefresh();
  const who = useWho()(entry.consent);
  const standing = inForce(entry, useNow());
  const [doing, setDoing] = useState<"less" | "mine" | null>(null);
  const [done, setDone] = useState<"less" | "mine" | null>(null);
  const { handle } = subject;
  const may = useMay();
  const finish = (what: "less" | "mine") => async () => {
    setDone(what);
    await refresh();
  };
  if (done !== null) {
    return <Done link={t("nav.consents")} title={t(done === "less" ? "give.changed" : "consent.mineDone")} to="/consents" />;
  }
  if (doing === "less") {
    return (
      <>
        <Title>{t("give.lessTitle")}</Title>
        <Less
          intent={(consent, text) => ({ kind: "grant", handle, consent, text, replaces: entry.seq })}
          old={entry.consent}
          onCancel={() => setDoing(null)}
          onDone={finish("less")}
        />
      </>
    );
  }
  if (doing === "mine") {
    return (
      <>
        <Title>{t("consent.makeMine")}</Title>
        <Signing intent={{ kind: "confirm", handle, consent: entry.seq }} onCancel={() => setDoing(null)} onDone={finish("mine")}>
          <Terms consent={entry.consent} />
        </Signing>
      </>
    );
  }
  const live = standing === "active" || standing === "future";
  const own = subject.delegation === undefined;
  return (
    <>
      <Back to="/consents">{t("consent.title")}</Back>
      <Title caption={t("consent.number", { n: entry.seq })}>{who}</Title>
      <p>
        <Tag modifier={colourOf[standing]}>{t(`consent.${standing}`)}</Tag>
      </p>
      {!entry.signed && entry.kind === "ConsentAttest" && <Box mood="warn">{t("consent.paper")}</Box>}
      <Terms consent={entry.consent} used={entry.uses} />
      {live && online && (
        <div className="v-actions">
          {may("revoke") && <Go to={`/consents/${entry.seq}/stop`}>{t("consent.stop")}</Go>}
          {may("grant") && may("revoke") && entry.signed && plainOf(entry.consent).permits && (
            <Button onClick={() => setDoing("less")} secondary type="button">
              {t("consent.less")}
            </Button>
          )}
          {own && !entry.signed && (
            <Button onClick={() => setDoing("mine")} secondary type="button">
              {t("consent.makeMine")}
            </Button>
          )}
        </div>
      )}
      {live && online && <PreviewBox consent={entry.consent} />}
      {online && <Receipt seq={entry.seq} />}
      <Fold title={t("app.details")}>
        <Rows
          rows={[
            [t("consent.given"), f.dateTime(Number(entry.date))],
            entry.ended !== "0" && [t("consent.ended"), f.dateTime(Number(entry.ended))],
            [t("sign.hash"), <Code key="t">{entry.consent.textHash}</Code>],
            [t("documents.commitment"), <Code key="c">{entry.commitment}</Code>],
          ]}
        />
      </Fold>
    </>
  );
}

/** Receipt saves the consent's receipt, in the state that it has now. */
function Receipt({ seq }: { seq: string }) {
  const { t } = useTranslation();
  const { wallet } = useVolens();
  const { handle } = useSubject();
  const work = useWork();
  return (
    <>
      {work.shown}
      <Button disabled={work.busy} onClick={() => work.run(async () => save(`consent-${seq}.json`, "application/ld+json", await wallet.consentReceipt(handle, seq)))} secondary type="button">
        {t("documents.iso", { n: seq })}
      </Button>
    </>
  );
}

/** PreviewBox asks what the organisation would see today. It asks as the patient: nothing is used by it. */
export function PreviewBox({ consent, draft }: { consent: Consent; draft?: boolean }) {
  const { t } = useTranslation();
  const names = useNames();
  const say = useSayings();
  const { wallet } = useVolens();
  const { handle } = useSubject();
  const [answer, setAnswer] = useState<Access | null>(null);
  const [error, setError] = useState<unknown>(null);
  const p = plainOf(consent);
  const [member] = p.members;
  const purpose = p.purposes[0] ?? "TREAT";
  if (member === undefined) return null;
  const ask = async () => {
    setError(null);
    try {
      const question = { member, actor: {}, purpose: coding("purpose", purpose), action: coding("action", "access") };
      setAnswer(await wallet.preview(handle, draft === true ? { ...question, consent } : question));
    } catch (e) {
      setError(e);
    }
  };
  const some = (answer?.residual.length ?? 0) > 0;
  return (
    <Box title={t("consent.preview")}>
      <p>{t("consent.previewWhat", { who: names(member), purpose: say.purpose(purpose) })}</p>
      {error !== null && <Fault error={error} />}
      <div aria-live="polite">
        {answer !== null && (
          <>
            <p>
              <strong>{t(answer.decision !== "permit" ? "consent.previewNo" : some ? "consent.previewSome" : "consent.previewYes")}</strong>
            </p>
            <p>{say.sentence(answer.decision, answer.sentence.code, purpose)}</p>
          </>
        )}
      </div>
      <Button onClick={ask} secondary small type="button">
        {t("consent.previewRun")}
      </Button>
    </Box>
  );
}
