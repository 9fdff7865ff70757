import { Button, Tag } from "nhsuk-react-components";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";

import type { Intent } from "../api/volens.ts";
import type { Asked } from "../api/wire.ts";
import { Done } from "../app/Done";
import { Back, Box, Fault, Title, Wait } from "../app/parts";
import { useMay, useMembers, useNames, useRefresh, useRequests, useSubject } from "../app/wallet";
import { useFormat } from "../i18n/format";
import { Less } from "./Less";
import { Signing } from "./Signing";
import { Terms } from "./Terms";

/** Requests lists who asks the person for a consent; with an id it is one of them, to answer. */
export default function Requests({ id }: { id?: string }) {
  const { t } = useTranslation();
  const f = useFormat();
  const names = useNames();
  const requests = useRequests();
  const one = requests.data?.find((r) => r.id === id);
  if (requests.isPending) return <Wait />;
  if (id !== undefined && one !== undefined) return <Request asked={one} key={one.id} />;
  return (
    <>
      <Title>{t("ask.title")}</Title>
      {requests.isError && <Fault error={requests.error} />}
      {requests.data?.length === 0 && <p>{t("ask.none")}</p>}
      <ul className="v-list">
        {requests.data?.map((r) => (
          <li key={r.id}>
            <Box alike {...(r.answered === "0" ? { mood: "warn" as const } : {})} title={t("ask.from", { who: names(r.member) })}>
              <p>
                <Tag modifier={r.answered === "0" ? "yellow" : "grey"}>{t(r.answered === "0" ? "ask.waiting" : "ask.answered")}</Tag>{" "}
                {t("ask.on", { when: f.date(Number(r.time)) })}
              </p>
              <p>
                <Link href={r.answered === "0" ? `/asked/${r.id}` : `/consents/${r.answered}`}>
                  {t(r.answered === "0" ? "ask.open" : "ask.see")}
                  <span className="nhsuk-u-visually-hidden">: {names(r.member)}</span>
                </Link>
              </p>
            </Box>
          </li>
        ))}
      </ul>
    </>
  );
}

type Answer = "accept" | "narrow" | "decline";

/** Request shows what is asked, in the asker's words and in ours, and takes the answer. */
function Request({ asked }: { asked: Asked }) {
  const { t, i18n } = useTranslation();
  const subject = useSubject();
  const names = useNames();
  const members = useMembers();
  const refresh = useRefresh();
  const may = useMay();
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [done, setDone] = useState<Answer | null>(null);
  const who = names(asked.member);
  const member = members.data?.find((m) => m.id === asked.member);
  const finish = (a: Answer) => async () => {
    setDone(a);
    await refresh();
  };
  if (done !== null) {
    return <Done link={t("nav.consents")} title={t(done === "decline" ? "ask.declined" : "ask.accepted", { who })} to="/consents" />;
  }
  const cancel = () => setAnswer(null);
  const { handle } = subject;
  const intents: Record<"accept" | "decline", Intent> = {
    accept: { kind: "grant", handle, consent: asked.consent, text: asked.text, request: asked.id },
    decline: { kind: "decline", handle, request: asked.id },
  };
  return (
    <>
      <Back to="/asked">{t("ask.title")}</Back>
      <Title>{answer === "narrow" ? t("ask.narrowTitle") : t("ask.from", { who })}</Title>
      {members.data !== undefined && member === undefined && <Box mood="bad">{t("ask.unknownMember")}</Box>}
      {member?.suspended === true && <Box mood="bad">{t("ask.suspended")}</Box>}
      {answer === null && (
        <>
          <h2 className="nhsuk-heading-m">{t("ask.theirWords")}</h2>
          <blockquote className="v-quote" dir="auto" lang={asked.consent.locale}>
            {asked.text}
          </blockquote>
          <h2 className="nhsuk-heading-m">{t("ask.meansTitle")}</h2>
          <Terms consent={asked.consent} />
          {!may("grant") && <p>{t("acting.only")}</p>}
          <div className="v-actions" hidden={!may("grant")}>
            <Button onClick={() => setAnswer("accept")} type="button">
              {t("ask.accept")}
            </Button>
            <Button onClick={() => setAnswer("narrow")} secondary type="button">
              {t("ask.narrow")}
            </Button>
            <Button onClick={() => setAnswer("decline")} secondary type="button">
              {t("ask.decline")}
            </Button>
          </div>
        </>
      )}
      {answer === "accept" && (
        <Signing intent={intents.accept} onCancel={cancel} onDone={finish("accept")}>
          <Terms consent={asked.consent} />
          <p>{t("sign.theirText", { who })}</p>
        </Signing>
      )}
      {answer === "decline" && (
        <Signing intent={intents.decline} label={t("ask.decline")} onCancel={cancel} onDone={finish("decline")}>
          <Terms consent={asked.consent} />
        </Signing>
      )}
      {answer === "narrow" && (
        <Less
          key={i18n.language}
          old={asked.consent}
          onCancel={cancel}
          onDone={finish("narrow")}
          intent={(consent, text) => ({ kind: "grant", handle, consent, text, request: asked.id })}
        />
      )}
    </>
  );
}
