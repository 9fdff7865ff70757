import { Button, Select, TextInput } from "nhsuk-react-components";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Found, Imported } from "../../api/volens.ts";
import type { ConsentEntry, Enrolled } from "../../api/wire.ts";
import { FileField } from "../../app/give";
import { useNow } from "../../app/now";
import { QR } from "../../app/QR";
import { Box, Code, Copy, Rows } from "../../app/parts";
import { termsOf } from "../../app/systems";
import { useMembers, useVolens } from "../../app/wallet";
import { useFormat } from "../../i18n/format";
import { after, Kinds, Until } from "../fields";
import { Desk } from "./Desk";
import { PurposeSelect, useTask } from "./parts";

/** CustodianConsole is where a hospital opens records for patients' wallets, and enters consents that came on paper. */
export default function CustodianConsole() {
  const { t } = useTranslation();
  return (
    <Desk roles={["custodian"]} title={t("nav.custodian")}>
      {() => <Work />}
    </Desk>
  );
}

function Work() {
  const { t } = useTranslation();
  const [localId, setLocalId] = useState("");
  return (
    <>
      <TextInput
        autoComplete="off"
        hint={t("desk.localIdHint")}
        id="local-id"
        label={t("desk.localId")}
        name="local-id"
        onChange={(e) => setLocalId(e.currentTarget.value.trim())}
        value={localId}
        width={20}
      />
      <Invite localId={localId} />
      <Links localId={localId} />
      <Attest localId={localId} />
      <Import />
    </>
  );
}

function Invite({ localId }: { localId: string }) {
  const { t } = useTranslation();
  const f = useFormat();
  const { organisation } = useVolens();
  const task = useTask<{ enrolled: Enrolled; invitation: string }>();
  const v = task.value;
  return (
    <Box title={t("desk.invite")}>
      <p>{t("desk.inviteWhat")}</p>
      <div className="v-actions">
        <Button disabled={task.busy || localId === ""} onClick={() => task.run(() => organisation.openSubject(localId))} type="button">
          {t("desk.open")}
        </Button>
        <Button disabled={task.busy || localId === ""} onClick={() => task.run(() => organisation.newCode({ localId }))} secondary type="button">
          {t("desk.newCode")}
        </Button>
      </div>
      {task.shown}
      <div aria-live="polite">
        {v !== null && (
          <>
            <p>
              <strong>{t("desk.once")}</strong>
            </p>
            <QR text={`${window.location.origin}/enrol#${v.invitation}`} title={t("desk.qr")} />
            <Rows
              rows={[
                [t("enrol.handle"), <Code key="h">{v.enrolled.handle}</Code>],
                [t("desk.goodUntil"), f.dateTime(Number(v.enrolled.codeUntil))],
                [t("enrol.label"), <Code key="i">{v.invitation}</Code>],
              ]}
            />
            <div className="v-actions">
              <Copy text={`${window.location.origin}/enrol#${v.invitation}`} />
              <Button onClick={() => window.print()} secondary small type="button">
                {t("desk.print")}
              </Button>
            </div>
          </>
        )}
      </div>
    </Box>
  );
}

function Links({ localId }: { localId: string }) {
  const { t } = useTranslation();
  const { organisation } = useVolens();
  const members = useMembers();
  const [member, setMember] = useState("");
  const found = useTask<Found>();
  const name = useTask<string>();
  return (
    <Box title={t("desk.links")}>
      <p>{t("desk.linksWhat")}</p>
      <Button disabled={found.busy || localId === ""} onClick={() => found.run(() => organisation.findSubject({ localId }))} secondary type="button">
        {t("desk.find")}
      </Button>
      {found.shown}
      <div aria-live="polite">
        {found.value !== null && (
          <Rows
            rows={[
              [t("enrol.handle"), <Code key="h">{found.value.handle}</Code>],
              [t("desk.state"), t(`desk.states.${found.value.state}`)],
              ["active", "recovering"].includes(found.value.state) && [
                t("desk.place"),
                <span key="p">
                  <Code>{found.value.place}</Code> <Copy text={found.value.place} />
                </span>,
              ],
            ]}
          />
        )}
      </div>
      <Select id="member" label={t("desk.forMember")} onChange={(e) => setMember(e.currentTarget.value)} value={member}>
        <Select.Option value="">–</Select.Option>
        {members.data?.map((m) => (
          <Select.Option key={m.id} value={m.id}>
            {m.name}
          </Select.Option>
        ))}
      </Select>
      <Button disabled={name.busy || localId === "" || member === ""} onClick={() => name.run(() => organisation.pseudonym({ localId }, member))} secondary type="button">
        {t("desk.pseudonym")}
      </Button>
      {name.shown}
      <div aria-live="polite">
        {name.value !== null && (
          <p>
            <Code>{name.value}</Code> <Copy text={name.value} />
          </p>
        )}
      </div>
    </Box>
  );
}

/** Import enters consents that the hospital has as FHIR. */
function Import() {
  const { t } = useTranslation();
  const f = useFormat();
  const { organisation } = useVolens();
  const [text, setText] = useState("");
  const task = useTask<Imported>();
  const v = task.value;
  return (
    <Box title={t("desk.import")}>
      <p>{t("desk.importWhat")}</p>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void task.run(() => organisation.importConsents(text));
        }}
      >
        <FileField hint={t("desk.importHint")} id="fhir" label={t("desk.importFile")} onFile={(file) => void file.text().then(setText)} />
        <Button disabled={task.busy || text === ""} type="submit">
          {t("desk.importDo")}
        </Button>
      </form>
      {task.shown}
      <div aria-live="polite">
        {v !== null && (
          <Box level={3} mood={v.refused.length === 0 ? "good" : "warn"} title={t("desk.imported")}>
            <Rows
              rows={[
                [t("desk.importEntered"), f.number(v.entered)],
                [t("desk.importThere"), f.number(v.there)],
                [t("desk.importRefused"), f.number(v.refused.length)],
                v.partly > 0 && [t("desk.importPartly"), f.number(v.partly)],
              ]}
            />
            {v.refused.length > 0 && (
              <ul>
                {v.refused.map((r) => (
                  <li key={r.n}>
                    {f.number(r.n)}: <span lang="en">{r.why}</span>
                  </li>
                ))}
              </ul>
            )}
          </Box>
        )}
      </div>
    </Box>
  );
}

const hex = (b: ArrayBuffer): string => [...new Uint8Array(b)].map((n) => n.toString(16).padStart(2, "0")).join("");

function Attest({ localId }: { localId: string }) {
  const { t, i18n } = useTranslation();
  const now = useNow();
  const { organisation } = useVolens();
  const members = useMembers();
  const [member, setMember] = useState("");
  const [purpose, setPurpose] = useState("TREAT");
  const [some, setSome] = useState(false);
  const [types, setTypes] = useState<readonly string[]>([]);
  const [until, setUntil] = useState(() => after(now, 12));
  const [evidence, setEvidence] = useState("");
  const task = useTask<ConsentEntry>();
  const attest = () =>
    task.run(() =>
      organisation.attest(
        { localId },
        termsOf({ members: [member], purposes: [purpose], types: some ? types : [], keepPrivate: true, from: now - 60_000, until, locale: i18n.language }),
        evidence,
      ),
    );
  return (
    <Box title={t("desk.attest")}>
      <p>{t("desk.attestWhat")}</p>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void attest();
        }}
      >
        <Select id="attest-member" label={t("consent.who")} onChange={(e) => setMember(e.currentTarget.value)} value={member}>
          <Select.Option value="">–</Select.Option>
          {members.data?.map((m) => (
            <Select.Option key={m.id} value={m.id}>
              {m.name}
            </Select.Option>
          ))}
        </Select>
        <PurposeSelect onValue={setPurpose} value={purpose} />
        <Kinds staff all={null} onSome={setSome} onTypes={setTypes} some={some} types={types} />
        <Until latest={null} now={now} onValue={setUntil} value={until} />
        <FileField
          hint={t("desk.paperHint")}
          id="paper"
          label={t("desk.paper")}
          onFile={(file) => void file.arrayBuffer().then((b) => crypto.subtle.digest("SHA-256", b)).then((h) => setEvidence(hex(h)))}
        />
        {evidence !== "" && (
          <p>
            SHA-256: <Code>{evidence}</Code>
          </p>
        )}
        <Button disabled={task.busy || localId === "" || member === "" || evidence === ""} type="submit">
          {t("desk.attestDo")}
        </Button>
      </form>
      {task.shown}
      <div aria-live="polite">
        {task.value !== null && (
          <Box level={3} mood="good" title={t("desk.attested")}>
            <p>{t("consent.number", { n: task.value.seq })}</p>
          </Box>
        )}
      </div>
    </Box>
  );
}
