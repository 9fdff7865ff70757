import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Button, Textarea } from "nhsuk-react-components";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { RecoveryState } from "../api/volens.ts";
import { DoneAfresh } from "../app/Done";
import { TextOrFile } from "../app/give";
import { useNow } from "../app/now";
import { Box, Code, Fault, Problems, Rows, save, Title, Wait } from "../app/parts";
import { useDevice } from "../app/wallet";
import { useWork } from "../app/work";
import { useFormat } from "../i18n/format";
import { Signing } from "./Signing";

/** Recover brings a record back whose key and words are lost, with the people whom its owner named for that. What was done so
 * far is kept with the wallet: days may lie between two steps. */
export default function Recover() {
  const { t } = useTranslation();
  const { volens } = useDevice();
  const queries = useQueryClient();
  const list = useQuery({ queryKey: ["recoveries"], queryFn: () => volens.recovery.list(), networkMode: "always" });
  const [finishing, setFinishing] = useState<RecoveryState | null>(null);
  const look = () => queries.invalidateQueries({ queryKey: ["recoveries"] });
  if (list.isPending) return <Wait />;
  if (list.isError) return <Fault error={list.error} />;
  if (finishing !== null) return <Finish onCancel={() => setFinishing(null)} state={finishing} />;
  return (
    <>
      <Title>{t("recover.title")}</Title>
      <p>{t("recover.what")}</p>
      {list.data.length === 0 && <Begin onDone={look} />}
      {list.data.map((r) => (
        <One key={r.handle} onChange={look} onFinish={() => setFinishing(r)} state={r} />
      ))}
    </>
  );
}

/** Place is the custodian's newest text: what was signed since the file was made has moved the record on. */
function Place({ value, onValue, error }: { value: string; onValue: (v: string) => void; error?: string | undefined }) {
  const { t } = useTranslation();
  return (
    <Textarea
      autoComplete="off"
      dir="ltr"
      error={error}
      hint={t("recover.placeHint")}
      id="place"
      label={t("recover.place")}
      name="place"
      onChange={(e) => onValue(e.currentTarget.value)}
      rows={4}
      spellCheck={false}
      value={value}
    />
  );
}

const given = (place: string): string | undefined => (place.trim() === "" ? undefined : place.trim());

function Begin({ onDone }: { onDone: () => Promise<void> }) {
  const { t } = useTranslation();
  const { volens } = useDevice();
  const work = useWork();
  const [file, setFile] = useState("");
  const [place, setPlace] = useState("");
  const [missing, setMissing] = useState<readonly { id: string; text: string }[]>([]);
  const start = async () => {
    const wrong = file.trim() === "" ? [{ id: "recovery-file", text: t("helping.fileWrong") }] : [];
    setMissing(wrong);
    if (wrong.length > 0) return;
    await work.run(async () => {
      await volens.recovery.start(file, given(place));
      await onDone();
    });
  };
  return (
    <form
      className="v-form"
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        void start();
      }}
    >
      <Problems list={missing} />
      {work.shown}
      <TextOrFile error={missing[0]?.text} id="recovery-file" label={t("recover.file")} onValue={setFile} value={file} />
      <Place onValue={setPlace} value={place} />
      <Button disabled={work.busy} type="submit">
        {t("recover.start")}
      </Button>
    </form>
  );
}

interface Props {
  state: RecoveryState;
  onChange: () => Promise<void>;
  onFinish: () => void;
}

function One({ state: r, onChange, onFinish }: Props) {
  const { t } = useTranslation();
  const { volens } = useDevice();
  const work = useWork();
  return (
    <>
      <Rows
        rows={[
          [t("recover.number"), <Code key="h">{r.handle}</Code>],
          [t("enrol.server"), <Code key="s">{r.server}</Code>],
          [t("recover.signatures"), t("guardians.of", { n: r.signed.length, count: r.guardians.length })],
          [t("guardians.needed"), t("guardians.of", { n: r.threshold, count: r.guardians.length })],
        ]}
      />
      {work.shown}
      {r.deadline === undefined ? <Collect onChange={onChange} state={r} work={work} /> : <Waiting deadline={Number(r.deadline)} onFinish={onFinish} />}
      <Box title={t("recover.drop")}>
        <p>{t("recover.dropWhat")}</p>
        <Button
          disabled={work.busy}
          onClick={() =>
            work.run(async () => {
              await volens.recovery.drop(r.handle);
              await onChange();
            })
          }
          secondary
          type="button"
        >
          {t("recover.drop")}
        </Button>
      </Box>
    </>
  );
}

function Collect({ state: r, onChange, work }: { state: RecoveryState; onChange: () => Promise<void>; work: ReturnType<typeof useWork> }) {
  const { t } = useTranslation();
  const { volens } = useDevice();
  const [signed, setSigned] = useState("");
  const [missing, setMissing] = useState<readonly { id: string; text: string }[]>([]);
  const add = async () => {
    const wrong = signed.trim() === "" ? [{ id: "signed", text: t("helping.fileWrong") }] : [];
    setMissing(wrong);
    if (wrong.length > 0) return;
    const worked = await work.run(async () => {
      await volens.recovery.add(r.handle, signed);
      await onChange();
    });
    if (worked) setSigned("");
  };
  return (
    <>
      <Box title={`1. ${t("recover.one")}`}>
        <p>{t("recover.oneWhat")}</p>
        <Button disabled={work.busy} onClick={() => work.run(async () => save("new-key.json", "application/json", await volens.recovery.file(r.handle)))} secondary type="button">
          {t("recover.save")}
        </Button>
      </Box>
      <Box title={`2. ${t("recover.two")}`}>
        <Problems list={missing} />
        <form
          key={r.signed.length}
          noValidate
          onSubmit={(e) => {
            e.preventDefault();
            void add();
          }}
        >
          <TextOrFile error={missing[0]?.text} id="signed" label={t("recover.signed")} onValue={setSigned} value={signed} />
          <Button disabled={work.busy} secondary type="submit">
            {t("recover.put")}
          </Button>
        </form>
      </Box>
      <Box title={`3. ${t("recover.three")}`}>
        <p>{t("recover.threeWhat")}</p>
        <p>{t("recover.refused")}</p>
        <Button
          disabled={work.busy || r.signed.length < r.threshold}
          onClick={() =>
            work.run(async () => {
              await volens.recovery.begin(r.handle);
              await onChange();
            })
          }
          type="button"
        >
          {t("recover.begin")}
        </Button>
      </Box>
    </>
  );
}

function Waiting({ deadline, onFinish }: { deadline: number; onFinish: () => void }) {
  const { t } = useTranslation();
  const f = useFormat();
  const over = useNow() >= deadline;
  return (
    <Box mood={over ? "good" : "warn"} title={t(over ? "recover.over" : "recover.waiting")}>
      <p>✓ {t("consent.receiptProved")}</p>
      <p>{over ? t("recover.overWhat") : t("recover.waitingWhat", { when: f.dateTime(deadline) })}</p>
      {over && (
        <Button onClick={onFinish} type="button">
          {t("recover.finish")}
        </Button>
      )}
    </Box>
  );
}

function Finish({ state: r, onCancel }: { state: RecoveryState; onCancel: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [place, setPlace] = useState("");
  const [done, setDone] = useState(false);
  if (done) return <DoneAfresh title={t("recover.done")}>{t("recover.doneWhat")}</DoneAfresh>;
  const newer = given(place);
  return (
    <>
      <Title>{t("recover.finishTitle")}</Title>
      <Signing
        intent={{ kind: "recovered", handle: r.handle, ...(newer === undefined ? {} : { place: newer }) }}
        onCancel={onCancel}
        onDone={async () => {
          setDone(true);
          await queries.invalidateQueries({ queryKey: ["recoveries"] });
        }}
      >
        <p>{t("recover.finishWhat")}</p>
        <Rows rows={[[t("recover.number"), <Code key="h">{r.handle}</Code>]]} />
        <Place onValue={setPlace} value={place} />
      </Signing>
    </>
  );
}
