import { Button, Tag, Textarea, TextInput } from "nhsuk-react-components";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Access, Asked } from "../../api/wire.ts";
import { useNow } from "../../app/now";
import { Box, Code, Fold, Rows, Scroll } from "../../app/parts";
import { useSayings } from "../../app/say";
import { coding, termsOf } from "../../app/systems";
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
            <TextInput id="reason" label={t("uses.reason")} name="reason" onChange={(e) => setReason(e.currentTarget.value)} value={reason} />
          </>
        )}
        <Kinds staff all={null} onSome={setSome} onTypes={setTypes} some={some} types={types} />
        <TextInput hint={t("desk.personHint")} id="person" label={t("uses.actors")} name="person" onChange={(e) => setPerson(e.currentTarget.value)} value={person} />
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
  const f = useFormat();
  const now = useNow();
  const { organisation } = useVolens();
  const [purpose, setPurpose] = useState(session.roles.includes("researcher") ? "HRESCH" : "TREAT");
  const [some, setSome] = useState(false);
  const [types, setTypes] = useState<readonly string[]>([]);
  const [until, setUntil] = useState(() => after(now, 12));
  const [text, setText] = useState("");
  const [asked, setAsked] = useState<readonly Asked[]>([]);
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
      setAsked((list) => [r, ...list]);
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
        <Kinds staff all={null} onSome={setSome} onTypes={setTypes} some={some} types={types} />
        <Until latest={null} now={now} onValue={setUntil} value={until} />
        <Textarea dir="auto" hint={t("desk.textHint")} id="text" label={t("desk.text")} name="text" onChange={(e) => setText(e.currentTarget.value)} rows={5} value={text} />
        <Button disabled={task.busy || subject === "" || text.trim() === ""} type="submit">
          {t("desk.ask")}
        </Button>
      </form>
      {task.shown}
      <div aria-live="polite">
        {asked.map((r) => (
          <Box alike key={r.id} level={3} mood="good" title={t("desk.asked")}>
            <p>
              <Tag modifier="yellow">{t(r.answered === "0" ? "desk.states.opened" : "ask.answered")}</Tag> {t("ask.on", { when: f.dateTime(Number(r.time)) })}
            </p>
            <blockquote className="v-quote" dir="auto">
              {r.text}
            </blockquote>
            <Code>{r.id}</Code>
          </Box>
        ))}
      </div>
      <p>{t("desk.askedState")}</p>
    </Box>
  );
}

