import { Button, Textarea, TextInput } from "nhsuk-react-components";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Access, AccessRequest, Asked } from "../../api/wire.ts";
import { useNow } from "../../app/now";
import { Box } from "../../app/parts";
import { coding, termsOf } from "../../app/systems";
import { useVolens } from "../../app/wallet";
import { after, Kinds, Until } from "../fields";
import { Answer } from "./Answer";
import { AskedList, useAsked } from "./AskedList";
import { Desk, type Session } from "./Desk";
import { PurposeSelect, useTask } from "./parts";
import { StudyFields, UsesFields, useStudy } from "./Study";

const emergencies = ["ETREAT", "BTG"];
/** Purposes that are HRESCH or below it: studies are named for these. */
const research = ["HRESCH", "CLINTRCH", "BIORCH"];

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
  const [number, setNumber] = useState("");
  const study = useStudy("study");
  const task = useTask<Access>();
  const emergency = emergencies.includes(purpose);
  const request = (): AccessRequest => ({
    subject,
    actor: person === "" ? {} : { reference: person },
    purpose: coding("purpose", purpose),
    action: coding("action", "access"),
    ...(some ? { resourceTypes: types.map((type) => coding("resourceType", type)) } : {}),
    ...(emergency ? { emergency: reason } : {}),
    ...(number === "" ? {} : { requestId: number }),
    ...(research.includes(purpose) ? study.stated() : {}),
  });
  const send = (how: (r: AccessRequest) => Promise<Access>) => {
    if (!research.includes(purpose) || study.check()) void task.run(() => how(request()));
  };
  return (
    <Box title={t("desk.askData")}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          send((r) => organisation.fetch(r));
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
        <TextInput hint={t("desk.studyHint")} id="number" label={t("desk.study")} name="number" onChange={(e) => setNumber(e.currentTarget.value)} value={number} />
        {research.includes(purpose) && <StudyFields form={study} />}
        <div className="v-actions">
          <Button disabled={task.busy || subject === ""} type="submit">
            {t("desk.fetch")}
          </Button>
          <Button disabled={task.busy || subject === ""} onClick={() => send((r) => organisation.access(r))} secondary type="button">
            {t("desk.decideOnly")}
          </Button>
        </div>
      </form>
      {task.shown}
      <div aria-live="polite">{task.value !== null && <Answer access={task.value} purpose={purpose} />}</div>
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
  const study = useStudy("uses");
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
        ...(research.includes(purpose) ? { uses: study.uses() } : {}),
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
          if (!research.includes(purpose) || study.check()) void ask();
        }}
      >
        <PurposeSelect onValue={setPurpose} value={purpose} />
        <Kinds staff all={null} of="ask-" onSome={setSome} onTypes={setTypes} some={some} types={types} />
        <Until latest={null} now={now} onValue={setUntil} value={until} />
        {research.includes(purpose) && <UsesFields form={study} />}
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
