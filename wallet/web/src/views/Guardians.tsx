import { useQuery } from "@tanstack/react-query";
import { Button, Select, TextInput } from "nhsuk-react-components";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { GuardianSet } from "../api/volens.ts";
import { Hand } from "../app/give";
import { Back, Box, Code, Problems, Rows, save, Title, Wait } from "../app/parts";
import { useRefresh, useSubject, useVolens } from "../app/wallet";
import { useWork } from "../app/work";
import { useFormat } from "../i18n/format";
import { Signing } from "./Signing";

type Doing = "list" | "name" | "drop";

/** Guardians are the people who can bring the person's record back when her key is lost. */
export default function Guardians() {
  const { t } = useTranslation();
  const { wallet } = useVolens();
  const { handle } = useSubject();
  const refresh = useRefresh();
  const [doing, setDoing] = useState<Doing>("list");
  const [told, setTold] = useState<string | null>(null);
  const set = useQuery({ queryKey: [handle, "guardians"], queryFn: async () => (await wallet.guardians(handle)) ?? null, networkMode: "always" });
  const list = () => setDoing("list");
  const finish = (text: string) => async () => {
    setTold(text);
    list();
    await refresh();
  };
  if (set.isPending) return <Wait />;
  if (doing === "name") return <Name onCancel={list} onDone={finish(t("guardians.done"))} />;
  if (doing === "drop") {
    return (
      <>
        <Title>{t("guardians.dropTitle")}</Title>
        <Signing intent={{ kind: "guardians", handle, guardians: [], threshold: 0 }} label={t("guardians.drop")} onCancel={list} onDone={finish(t("guardians.dropDone"))} warning>
          <p>{t("guardians.dropWhat")}</p>
        </Signing>
      </>
    );
  }
  const known = set.data ?? null;
  return (
    <>
      <Back to="/people">{t("people.title")}</Back>
      <Title>{t("guardians.title")}</Title>
      {told !== null && (
        <Box mood="good">
          <p>
            ✓ {told} {t("consent.receiptProved")}.
          </p>
        </Box>
      )}
      <p>{t("guardians.what")}</p>
      {known === null ? <p>{t("guardians.none")}</p> : <Known set={known} />}
      <div className="v-actions">
        <Button onClick={() => setDoing("name")} secondary={known !== null} type="button">
          {t(known === null ? "guardians.add" : "guardians.change")}
        </Button>
        {known !== null && (
          <Button onClick={() => setDoing("drop")} secondary type="button">
            {t("guardians.drop")}
          </Button>
        )}
      </div>
    </>
  );
}

function Known({ set }: { set: GuardianSet }) {
  const { t } = useTranslation();
  const { wallet } = useVolens();
  const { handle } = useSubject();
  const work = useWork();
  return (
    <Box mood="good" title={t("guardians.who")}>
      <People set={set} />
      <p>{t("guardians.fileWhat")}</p>
      {work.shown}
      <Button disabled={work.busy} onClick={() => work.run(async () => save("guardians.json", "application/json", await wallet.guardiansFile(handle)))} type="button">
        {t("guardians.file")}
      </Button>
    </Box>
  );
}

/** People says who they are and how many of them it takes. */
function People({ set }: { set: GuardianSet }) {
  const { t } = useTranslation();
  return (
    <Rows
      rows={[
        ...set.guardians.map((g) => [g.name, <Code key={g.address}>{g.address}</Code>] as const),
        [t("guardians.needed"), t("guardians.of", { n: set.threshold, count: set.guardians.length })],
      ]}
    />
  );
}

interface Line {
  name: string;
  address: string;
}

const most = 10;
const blank: Line = { name: "", address: "" };

interface Problem {
  id: string;
  text: string;
}

function Name({ onDone, onCancel }: { onDone: () => Promise<void>; onCancel: () => void }) {
  const { t } = useTranslation();
  const f = useFormat();
  const { handle } = useSubject();
  const [lines, setLines] = useState<readonly Line[]>([blank, blank]);
  const [threshold, setThreshold] = useState(2);
  const [problems, setProblems] = useState<readonly Problem[]>([]);
  const [checked, setChecked] = useState<GuardianSet | null>(null);
  const set = (i: number, part: Partial<Line>) => setLines(lines.map((l, n) => (n === i ? { ...l, ...part } : l)));
  const resize = (next: readonly Line[]) => {
    setLines(next);
    setThreshold(Math.min(threshold, next.length));
  };
  if (checked !== null) {
    return (
      <>
        <Title>{t("guardians.check")}</Title>
        <Signing intent={{ kind: "guardians", handle, ...checked }} onCancel={() => setChecked(null)} onDone={onDone}>
          <People set={checked} />
          <p>{t("guardians.commits")}</p>
        </Signing>
      </>
    );
  }
  const next = () => {
    const given = lines.map((l) => ({ name: l.name.trim(), address: l.address.trim().toLowerCase() }));
    const wrong = given.flatMap((l, i): Problem[] => {
      if (l.name === "") return [{ id: `name-${i}`, text: t("guardians.wrongName") }];
      if (!/^0x[0-9a-f]{40}$/.test(l.address)) return [{ id: `address-${i}`, text: t("guardians.wrongAddress") }];
      return given.findIndex((o) => o.address === l.address) < i ? [{ id: `address-${i}`, text: t("guardians.twice") }] : [];
    });
    setProblems(wrong);
    if (wrong.length === 0) setChecked({ guardians: given, threshold });
  };
  const of = (id: string) => problems.find((p) => p.id === id)?.text;
  return (
    <form
      className="v-form"
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        next();
      }}
    >
      <Problems list={problems} />
      <Title>{t("guardians.formTitle")}</Title>
      <p>{t("guardians.formWhat")}</p>
      <Hand code={`${window.location.origin}/helping#${handle}`} label={t("guardians.number")} text={handle} />
      {lines.map((l, i) => (
        <fieldset className="nhsuk-fieldset v-person" key={i}>
          <legend className="nhsuk-u-visually-hidden">{t("guardians.name", { n: i + 1 })}</legend>
          <TextInput autoComplete="off" error={of(`name-${i}`)} id={`name-${i}`} label={t("guardians.name", { n: i + 1 })} name={`name-${i}`} onChange={(e) => set(i, { name: e.currentTarget.value })} value={l.name} />
          <TextInput
            autoComplete="off"
            code
            dir="ltr"
            error={of(`address-${i}`)}
            id={`address-${i}`}
            label={t("guardians.address", { n: i + 1 })}
            name={`address-${i}`}
            onChange={(e) => set(i, { address: e.currentTarget.value })}
            spellCheck={false}
            value={l.address}
          />
          {lines.length > 1 && (
            <Button onClick={() => resize(lines.filter((_, n) => n !== i))} secondary small type="button">
              {t("guardians.less", { n: i + 1 })}
            </Button>
          )}
        </fieldset>
      ))}
      {lines.length < most && (
        <Button onClick={() => resize([...lines, blank])} secondary type="button">
          {t("guardians.more")}
        </Button>
      )}
      <Select hint={t("guardians.thresholdHint")} id="threshold" label={t("guardians.threshold")} onChange={(e) => setThreshold(Number(e.currentTarget.value))} value={String(threshold)}>
        {lines.map((_, i) => (
          <Select.Option key={i} value={String(i + 1)}>
            {f.number(i + 1)}
          </Select.Option>
        ))}
      </Select>
      <div className="v-actions">
        <Button type="submit">{t("app.continue")}</Button>
        <Button onClick={onCancel} secondary type="button">
          {t("app.cancel")}
        </Button>
      </div>
    </form>
  );
}
