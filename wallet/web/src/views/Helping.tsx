import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Button, Checkboxes, TextInput } from "nhsuk-react-components";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import type { HelpedPerson, RecoveryRequest } from "../api/volens.ts";
import { Hand, TextOrFile } from "../app/give";
import { Box, Code, Problems, Rows, save, Title } from "../app/parts";
import { useDevice } from "../app/wallet";
import { useWork } from "../app/work";
import { Signing } from "./Signing";

/** Helping is what a person does for others: show them a key address, act for them, sign that they get a new key. */
export default function Helping() {
  const { t } = useTranslation();
  const [page, setPage] = useState<ReactNode>(null);
  const back = () => setPage(null);
  if (page !== null) return page;
  return (
    <>
      <Title>{t("helping.title")}</Title>
      <p>{t("helping.what")}</p>
      <Offer onShow={(p) => setPage(<Address onBack={back} person={p} />)} />
      <Act onDone={(name) => setPage(<Started name={name} onBack={back} />)} />
      <Sign onRead={(file, request) => setPage(<Agree file={file} onBack={back} request={request} />)} />
    </>
  );
}

const numberIn = (text: string): string => (/[0-9a-f]{32}$/i.exec(text.trim().replace(/\s/g, ""))?.[0] ?? "").toLowerCase();

function Offer({ onShow }: { onShow: (p: HelpedPerson) => void }) {
  const { t } = useTranslation();
  const { volens } = useDevice();
  const queries = useQueryClient();
  const known = useQuery({ queryKey: ["helped"], queryFn: () => volens.helping.people(), networkMode: "always" });
  const [number, setNumber] = useState(() => numberIn(window.location.hash));
  const [name, setName] = useState("");
  const [problems, setProblems] = useState<readonly { id: string; text: string }[]>([]);
  const work = useWork();
  const show = async () => {
    const handle = numberIn(number);
    const wrong = [
      ...(handle === "" ? [{ id: "number", text: t("helping.numberWrong") }] : []),
      ...(name.trim() === "" ? [{ id: "their-name", text: t("helping.nameWrong") }] : []),
    ];
    setProblems(wrong);
    if (wrong.length > 0) return;
    await work.run(async () => {
      const person = await volens.helping.offer(handle, name.trim());
      window.history.replaceState(null, "", "/helping");
      await queries.invalidateQueries({ queryKey: ["helped"] });
      onShow(person);
    });
  };
  const of = (id: string) => problems.find((p) => p.id === id)?.text;
  return (
    <Box title={t("helping.offer")}>
      <p>{t("helping.offerWhat")}</p>
      <Problems list={problems} />
      {work.shown}
      <form
        className="v-form"
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          void show();
        }}
      >
        <TextInput
          autoComplete="off"
          code
          dir="ltr"
          error={of("number")}
          hint={t("helping.numberHint")}
          id="number"
          label={t("helping.number")}
          name="number"
          onChange={(e) => setNumber(e.currentTarget.value)}
          spellCheck={false}
          value={number}
        />
        <TheirName error={of("their-name")} id="their-name" onValue={setName} value={name} />
        <Button disabled={work.busy} type="submit">
          {t("helping.show")}
        </Button>
      </form>
      {known.data !== undefined && known.data.length > 0 && <Known people={known.data} onShow={onShow} />}
    </Box>
  );
}

/** TheirName is what the person calls somebody whom she helps. */
function TheirName({ id, value, error, onValue }: { id: string; value: string; error: string | undefined; onValue: (name: string) => void }) {
  const { t } = useTranslation();
  return (
    <TextInput
      autoComplete="off"
      {...(error === undefined ? {} : { error })}
      hint={t("helping.nameHint")}
      id={id}
      label={t("helping.name")}
      name={id}
      onChange={(e) => onValue(e.currentTarget.value)}
      value={value}
    />
  );
}

function Known({ people, onShow }: { people: readonly HelpedPerson[]; onShow: (p: HelpedPerson) => void }) {
  const { t } = useTranslation();
  const { volens } = useDevice();
  const queries = useQueryClient();
  const forget = async (handle: string) => {
    await volens.helping.forget(handle);
    await queries.invalidateQueries({ queryKey: ["helped"] });
  };
  return (
    <>
      <h3 className="nhsuk-heading-s">{t("helping.known")}</h3>
      <ul className="v-list">
        {people.map((p) => (
          <li className="v-actions" key={p.handle}>
            <bdi>{p.name}</bdi>
            <Button onClick={() => onShow(p)} secondary small type="button">
              {t("helping.show")}
              <span className="nhsuk-u-visually-hidden">: {p.name}</span>
            </Button>
            <Button onClick={() => forget(p.handle)} secondary small type="button">
              {t("helping.forget")}
              <span className="nhsuk-u-visually-hidden">: {p.name}</span>
            </Button>
          </li>
        ))}
      </ul>
    </>
  );
}

function Leave({ onBack }: { onBack: () => void }) {
  const { t } = useTranslation();
  return (
    <Button onClick={onBack} secondary type="button">
      {t("app.back")}
    </Button>
  );
}

function Address({ person, onBack }: { person: HelpedPerson; onBack: () => void }) {
  const { t } = useTranslation();
  return (
    <>
      <Title>{t("helping.addressFor", { name: person.name })}</Title>
      <p>{t("helping.addressWhat")}</p>
      <Hand label={t("helping.addressFor", { name: person.name })} text={person.address} />
      <Leave onBack={onBack} />
    </>
  );
}

function Act({ onDone }: { onDone: (name: string) => void }) {
  const { t } = useTranslation();
  const { volens, look } = useDevice();
  const work = useWork();
  const [file, setFile] = useState("");
  const [name, setName] = useState("");
  const [problems, setProblems] = useState<readonly { id: string; text: string }[]>([]);
  const take = async () => {
    const wrong = [
      ...(file.trim() === "" ? [{ id: "act-file", text: t("helping.fileWrong") }] : []),
      ...(name.trim() === "" ? [{ id: "act-name", text: t("helping.nameWrong") }] : []),
    ];
    setProblems(wrong);
    if (wrong.length > 0) return;
    await work.run(async () => {
      await volens.wallet.takeDelegation(file, name.trim());
      onDone(name.trim());
      await look();
    });
  };
  const of = (id: string) => problems.find((p) => p.id === id)?.text;
  return (
    <Box title={t("helping.act")}>
      <p>{t("helping.actWhat")}</p>
      <Problems list={problems} />
      {work.shown}
      <form
        className="v-form"
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          void take();
        }}
      >
        <TextOrFile error={of("act-file")} id="act-file" label={t("helping.file")} onValue={setFile} value={file} />
        <TheirName error={of("act-name")} id="act-name" onValue={setName} value={name} />
        <Button disabled={work.busy} type="submit">
          {t("helping.start")}
        </Button>
      </form>
    </Box>
  );
}

function Started({ name, onBack }: { name: string; onBack: () => void }) {
  const { t } = useTranslation();
  return (
    <>
      <Title>{t("helping.started", { name })}</Title>
      <Box mood="good">
        <p>{t("helping.startedWhat")}</p>
      </Box>
      <Leave onBack={onBack} />
    </>
  );
}

function Sign({ onRead }: { onRead: (file: string, request: RecoveryRequest) => void }) {
  const { t } = useTranslation();
  const { volens } = useDevice();
  const work = useWork();
  const [file, setFile] = useState("");
  const [problems, setProblems] = useState<readonly { id: string; text: string }[]>([]);
  const read = async () => {
    const wrong = file.trim() === "" ? [{ id: "sign-file", text: t("helping.fileWrong") }] : [];
    setProblems(wrong);
    if (wrong.length === 0) await work.run(async () => onRead(file, await volens.helping.read(file)));
  };
  return (
    <Box title={t("helping.sign")}>
      <p>{t("helping.signWhat")}</p>
      <Problems list={problems} />
      {work.shown}
      <form
        className="v-form"
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          void read();
        }}
      >
        <TextOrFile error={problems[0]?.text} id="sign-file" label={t("helping.file")} onValue={setFile} value={file} />
        <Button disabled={work.busy} type="submit">
          {t("helping.read")}
        </Button>
      </form>
    </Box>
  );
}

/** Agree shows a guardian whose key it is, and takes her signature only when she says that she has spoken to the person. */
function Agree({ file, request: r, onBack }: { file: string; request: RecoveryRequest; onBack: () => void }) {
  const { t } = useTranslation();
  const [spoke, setSpoke] = useState(false);
  const [signed, setSigned] = useState<string | null>(null);
  const who = r.name === "" ? t("helping.unknown") : r.name;
  if (signed !== null) {
    return (
      <>
        <Title>{t("helping.signed")}</Title>
        <Box mood="good">
          <p>✓ {t("helping.signedWhat")}</p>
        </Box>
        <div className="v-actions">
          <Button onClick={() => save("signed.json", "application/json", signed)} type="button">
            {t("helping.save")}
          </Button>
          <Leave onBack={onBack} />
        </div>
      </>
    );
  }
  const rows = (
    <Rows
      rows={[
        [t("helping.who"), <bdi key="w">{who}</bdi>],
        [t("enrol.server"), <Code key="s">{r.server}</Code>],
        [t("helping.number"), <Code key="h">{r.handle}</Code>],
        [t("helping.needs"), t("guardians.of", { n: r.threshold, count: r.guardians })],
      ]}
    />
  );
  if (!r.mine || !r.begun) {
    return (
      <>
        <Title>{t("helping.sign")}</Title>
        {rows}
        <Box mood="warn">
          <p>{t(r.mine ? "helping.notYet" : "helping.notMine")}</p>
        </Box>
        <Leave onBack={onBack} />
      </>
    );
  }
  return (
    <>
      <Title>{t("helping.signTitle")}</Title>
      <Signing
        hold={spoke ? undefined : { id: "spoke-1", text: t("helping.spokeFirst") }}
        intent={{ kind: "help", file }}
        label={t("helping.agree")}
        onCancel={onBack}
        onDone={(s) => setSigned(s.file ?? "")}
        warning
      >
        {rows}
        <Box mood="warn">
          <p>{t("helping.power")}</p>
        </Box>
        <Checkboxes idPrefix="spoke" name="spoke">
          <Checkboxes.Item checked={spoke} onChange={(e) => setSpoke(e.currentTarget.checked)} value="yes">
            {t("helping.spoke")}
          </Checkboxes.Item>
        </Checkboxes>
      </Signing>
    </>
  );
}
