import { useInfiniteQuery } from "@tanstack/react-query";
import { Button, Tag, Textarea, TextInput } from "nhsuk-react-components";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Access, AnswerState, Asked, RequestState } from "../../api/wire.ts";
import { useNow } from "../../app/now";
import { Box, Code, Fault, Fold, Rows, Scroll, Wait } from "../../app/parts";
import { useSayings } from "../../app/say";
import { coding, plainOf, termsOf } from "../../app/systems";
import { useVolens } from "../../app/wallet";
import { useFormat } from "../../i18n/format";
import { after, Kinds, Until } from "../fields";
import { Desk, type Session } from "./Desk";
import { PurposeSelect, useTask } from "./parts";

const emergencies = ["ETREAT", "BTG"];

/** RequestsConsole is where a researcher or a clinician asks: for data, or for a consent. */
export default function RequestsConsole() {
  const { t } = useTranslation();
  return (
    <Desk roles={["clinician", "researcher", "custodian"]} title={t("nav.requests")}>
      {(session) => <Asking session={session} />}
    </Desk>
  );
}

function Asking({ session }: { session: Session }) {
  const { t } = useTranslation();
  const [subject, setSubject] = useState("");
  return (
    <>
      <TextInput
        autoComplete="off"
        code
        dir="ltr"
        hint={t("desk.subjectHint")}
        id="subject"
        label={t("desk.subject")}
        name="subject"
        onChange={(e) => setSubject(e.currentTarget.value.trim())}
        spellCheck={false}
        value={subject}
      />
      <AskData subject={subject} />
      <AskConsent session={session} subject={subject} />
      <AskedList member={session.member} onSubject={setSubject} />
    </>
  );
}

function AskData({ subject }: { subject: string }) {
  const { t } = useTranslation();
  const { organisation } = useVolens();
  const [purpose, setPurpose] = useState("TREAT");
  const [some, setSome] = useState(false);
  const [types, setTypes] = useState<readonly string[]>([]);
  const [person, setPerson] = useState("");
  const [reason, setReason] = useState("");
  const [study, setStudy] = useState("");
  const task = useTask<Access>();
  const emergency = emergencies.includes(purpose);
  const request = () => ({
    subject,
    actor: person === "" ? {} : { reference: person },
    purpose: coding("purpose", purpose),
    action: coding("action", "access"),
    ...(some ? { resourceTypes: types.map((type) => coding("resourceType", type)) } : {}),
    ...(emergency ? { emergency: reason } : {}),
    ...(study === "" ? {} : { requestId: study }),
  });
  return (
    <Box title={t("desk.askData")}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void task.run(() => organisation.fetch(request()));
        }}
      >
        <PurposeSelect onValue={setPurpose} value={purpose} />
        {emergency && (
          <>
            <p>{t("desk.emergencyWhat")}</p>
            <TextInput id="reason" label={t("desk.reason")} name="reason" onChange={(e) => setReason(e.currentTarget.value)} value={reason} />
          </>
        )}
        <Kinds staff all={null} onSome={setSome} onTypes={setTypes} some={some} types={types} />
        <TextInput hint={t("desk.personHint")} id="person" label={t("desk.person")} name="person" onChange={(e) => setPerson(e.currentTarget.value)} value={person} />
        <TextInput hint={t("desk.studyHint")} id="study" label={t("desk.study")} name="study" onChange={(e) => setStudy(e.currentTarget.value)} value={study} />
        <div className="v-actions">
          <Button disabled={task.busy || subject === ""} type="submit">
            {t("desk.fetch")}
          </Button>
          <Button disabled={task.busy || subject === ""} onClick={() => task.run(() => organisation.access(request()))} secondary type="button">
            {t("desk.decideOnly")}
          </Button>
        </div>
      </form>
      {task.shown}
      <div aria-live="polite">{task.value !== null && <Answer access={task.value} purpose={purpose} />}</div>
    </Box>
  );
}

/** Answer is a decision with its reasons, what was withheld, and where it is on record. */
function Answer({ access: a, purpose }: { access: Access; purpose: string }) {
  const { t } = useTranslation();
  const f = useFormat();
  const say = useSayings();
  const permit = a.decision === "permit";
  const data = a.data ?? [];
  const withheld = a.resources.filter((r) => r.decision !== "permit");
  return (
    <Box level={3} mood={permit ? "good" : "bad"} title={t(permit ? "uses.permit" : "uses.deny")}>
      <p>
        {t("desk.patientReads")}: <q>{say.sentence(a.decision, a.sentence.code, purpose)}</q>
      </p>
      <Rows
        rows={[
          a.use !== undefined && [t("uses.record"), f.number(Number(a.use.index))],
          data.length > 0 && [t("desk.got"), f.number(data.length)],
          (withheld.length > 0 || a.residual.length > 0) && [t("desk.withheld"), withheld.length > 0 ? f.number(withheld.length) : t("desk.filtered")],
          a.obligations.length > 0 && [t("desk.obligations"), f.list(a.obligations.map((o) => o.id.code))],
        ]}
      />
      {withheld.length > 0 && (
        <ul>
          {withheld.map((r) => (
            <li key={`${r.type}/${r.id}`}>
              {say.data(r.type)} <Code>{r.id}</Code>
            </li>
          ))}
        </ul>
      )}
      <Fold title={t("uses.why")}>
        <ul lang="en">
          {a.reasons.map((r) => (
            <li key={r.rule + r.text}>
              {r.text} <Code>{r.rule}</Code>
            </li>
          ))}
        </ul>
      </Fold>
      {data.length > 0 && (
        <Fold title={t("desk.data")}>
          <Scroll label={t("desk.data")}>
            <pre className="v-pre">{JSON.stringify(data, null, 2)}</pre>
          </Scroll>
        </Fold>
      )}
    </Box>
  );
}

function AskConsent({ subject, session }: { subject: string; session: Session }) {
  const { t, i18n } = useTranslation();
  const now = useNow();
  const { organisation } = useVolens();
  const list = useAsked(session.member);
  const [purpose, setPurpose] = useState(session.roles.includes("researcher") ? "HRESCH" : "TREAT");
  const [some, setSome] = useState(false);
  const [types, setTypes] = useState<readonly string[]>([]);
  const [until, setUntil] = useState(() => after(now, 12));
  const [text, setText] = useState("");
  const task = useTask<Asked>();
  const ask = () =>
    task.run(async () => {
      const consent = termsOf({
        members: [session.member],
        purposes: [purpose],
        types: some ? types : [],
        keepPrivate: false,
        from: now - 60_000,
        until,
        locale: i18n.language,
      });
      const r = await organisation.ask({ subject, consent, text });
      setText("");
      await list.refetch();
      return r;
    });
  return (
    <Box title={t("desk.askConsent")}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void ask();
        }}
      >
        <PurposeSelect onValue={setPurpose} value={purpose} />
        <Kinds staff all={null} of="ask-" onSome={setSome} onTypes={setTypes} some={some} types={types} />
        <Until latest={null} now={now} onValue={setUntil} value={until} />
        <Textarea dir="auto" hint={t("desk.textHint")} id="text" label={t("desk.text")} name="text" onChange={(e) => setText(e.currentTarget.value)} rows={5} value={text} />
        <Button disabled={task.busy || subject === "" || text.trim() === ""} type="submit">
          {t("desk.ask")}
        </Button>
      </form>
      {task.shown}
      <div aria-live="polite">
        {task.value !== null && (
          <p>
            <strong>✓ {t("desk.asked")}</strong>
          </p>
        )}
      </div>
    </Box>
  );
}

const useAsked = (member: string) => {
  const { organisation } = useVolens();
  return useInfiniteQuery({
    queryKey: ["asked", member],
    queryFn: ({ pageParam }) => organisation.askedFor(pageParam),
    initialPageParam: "0",
    getNextPageParam: (last) => (last.next === "0" ? undefined : last.next),
    networkMode: "always",
  });
};

const colours: Record<AnswerState, "yellow" | "green" | "red" | "grey"> = {
  waiting: "yellow",
  accepted: "green",
  narrowed: "green",
  declined: "red",
  expired: "grey",
  over: "grey",
};

/** AskedList is what the organisation asked patients for, and how they answered. */
function AskedList({ member, onSubject }: { member: string; onSubject: (subject: string) => void }) {
  const { t } = useTranslation();
  const list = useAsked(member);
  const all = list.data?.pages.flatMap((p) => p.requests) ?? [];
  return (
    <Box title={t("desk.askedList")}>
      <p>{t("desk.askedState")}</p>
      <div className="v-actions">
        <Button disabled={list.isFetching} onClick={() => list.refetch()} secondary small type="button">
          {t("desk.refresh")}
        </Button>
      </div>
      {list.isPending && <Wait />}
      {list.isError && <Fault error={list.error} />}
      {list.isSuccess && all.length === 0 && <p>{t("desk.askedNone")}</p>}
      {all.map((r) => (
        <AskedOne key={r.index} onSubject={onSubject} request={r} />
      ))}
      {list.hasNextPage && (
        <Button disabled={list.isFetching} onClick={() => list.fetchNextPage()} secondary type="button">
          {t("app.more")}
        </Button>
      )}
    </Box>
  );
}

function AskedOne({ request: r, onSubject }: { request: RequestState; onSubject: (subject: string) => void }) {
  const { t } = useTranslation();
  const f = useFormat();
  const say = useSayings();
  const p = plainOf(r.consent);
  return (
    <article className={`v-use${r.state === "waiting" ? " v-use--emergency" : r.state === "accepted" || r.state === "narrowed" ? "" : " v-use--deny"}`}>
      <div className="v-use__head">
        <h3 className="nhsuk-heading-xs">{f.list(p.purposes.map(say.purpose))}</h3>
        <span className="v-use__tags">
          <Tag modifier={colours[r.state]}>{t(`desk.answers.${r.state}`)}</Tag>
        </span>
      </div>
      <p>
        {t("ask.on", { when: f.dateTime(Number(r.time)) })}
        {r.at !== "0" && <> · {t(`desk.answeredOn.${r.state}`, { when: f.dateTime(Number(r.at)), defaultValue: "" })}</>}
      </p>
      <p>
        {p.types.length === 0 ? t("desk.whole") : f.list(p.types.map(say.data))} · {t("desk.subjectShort")} <Code>{`${r.subject.slice(0, 12)}…`}</Code>
      </p>
      <Fold title={t("desk.text")}>
        <blockquote className="v-quote" dir="auto">
          {r.text}
        </blockquote>
      </Fold>
      <div className="v-actions">
        <Button
          onClick={() => {
            onSubject(r.subject);
            document.getElementById("subject")?.focus();
          }}
          secondary
          small
          type="button"
        >
          {t("desk.sameSubject")}
          <span className="nhsuk-u-visually-hidden">: {r.subject.slice(0, 12)}</span>
        </Button>
      </div>
    </article>
  );
}
