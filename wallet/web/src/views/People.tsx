import { Button, Checkboxes, Tag, TextInput } from "nhsuk-react-components";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Delegation } from "../api/wire.ts";
import { Hand } from "../app/give";
import { useNow } from "../app/now";
import { Box, Code, Fault, Go, Problems, Rows, save, Title, Wait } from "../app/parts";
import { timeOf } from "../app/systems";
import { useMe, useRefresh, useSubject, useVolens } from "../app/wallet";
import type { Scope } from "../core/types.ts";
import { useFormat } from "../i18n/format";
import { after, Until } from "./fields";
import { Signing } from "./Signing";

type Doing = { at: "list" } | { at: "add" } | { at: "end"; seq: string };

/** People lists who may act for the person, and names or ends them. */
export default function People() {
  const { t } = useTranslation();
  const { handle, delegation } = useSubject();
  const me = useMe();
  const refresh = useRefresh();
  const [doing, setDoing] = useState<Doing>({ at: "list" });
  const [told, setTold] = useState<string | null>(null);
  const list = () => setDoing({ at: "list" });
  const finish = (text: string) => async () => {
    setTold(text);
    list();
    await refresh();
  };
  if (doing.at === "add") return <Add onCancel={list} onDone={finish(t("people.addDone"))} />;
  if (doing.at === "end") {
    return (
      <>
        <Title>{t("people.endTitle")}</Title>
        <Signing
          intent={{ kind: "delegate-end", handle, delegation: doing.seq }}
          label={t("people.end")}
          onCancel={list}
          onDone={finish(t("people.endDone"))}
          warning
        />
      </>
    );
  }
  return (
    <>
      <Title>{t("people.title")}</Title>
      {told !== null && (
        <Box mood="good">
          <p>✓ {told}</p>
        </Box>
      )}
      <p>{t("people.what")}</p>
      {me.isPending && <Wait />}
      {me.isError && <Fault error={me.error} />}
      {me.data?.delegations.length === 0 && <p>{t("people.none")}</p>}
      {me.data?.delegations.map((d) => (
        <Person delegation={d} key={d.seq} onEnd={() => setDoing({ at: "end", seq: d.seq })} />
      ))}
      {me.data !== undefined && delegation === undefined && (
        <>
          <Button onClick={() => setDoing({ at: "add" })} type="button">
            {t("people.add")}
          </Button>
          <Box title={t("guardians.title")}>
            <p>{t("guardians.what")}</p>
            <Go secondary to="/guardians">
              {t("guardians.title")}
            </Go>
          </Box>
        </>
      )}
    </>
  );
}

function Person({ delegation: d, onEnd }: { delegation: Delegation; onEnd: () => void }) {
  const { t } = useTranslation();
  const f = useFormat();
  const { wallet } = useVolens();
  const { handle } = useSubject();
  const [error, setError] = useState<unknown>(null);
  const now = useNow();
  const until = timeOf(d.period.end);
  const live = d.status === "live" && (until === null || until > now);
  const file = async () => {
    try {
      save(`delegation-${d.seq}.json`, "application/json", await wallet.delegationFile(handle, d.seq));
    } catch (e) {
      setError(e);
    }
  };
  return (
    <Box alike {...(live ? { mood: "good" as const } : {})} title={t(d.kind === "guardian" ? "people.guardian" : "people.delegate")}>
      {error !== null && <Fault error={error} />}
      <p>
        <Tag modifier={live ? "green" : "grey"}>{t(live ? "people.active" : "people.ended")}</Tag>
      </p>
      <Rows
        rows={[
          [t("people.scope"), f.list(d.scope.map((s) => t(`people.${s}`)))],
          [t("people.until"), until === null ? t("consent.noEnd") : f.date(until - 1)],
          d.majority !== "0" && [t("people.majority"), f.date(Number(d.majority))],
          [t("people.address"), <Code key="a">{d.delegate}</Code>],
        ]}
      />
      {live && (
        <div className="v-actions">
          {d.kind !== "guardian" && (
            <Button onClick={file} secondary type="button">
              {t("people.file")}
            </Button>
          )}
          <Button onClick={onEnd} secondary type="button">
            {t("people.end")}
          </Button>
        </div>
      )}
    </Box>
  );
}

const scopes: readonly Scope[] = ["view", "grant", "revoke"];

function Add({ onDone, onCancel }: { onDone: () => Promise<void>; onCancel: () => void }) {
  const { t } = useTranslation();
  const { handle } = useSubject();
  const now = useNow();
  const [address, setAddress] = useState("");
  const [scope, setScope] = useState<readonly Scope[]>(["view"]);
  const [until, setUntil] = useState(() => after(now, 12));
  const [problem, setProblem] = useState<"address" | "scope-1" | null>(null);
  const [checked, setChecked] = useState(false);
  const key = address.trim().toLowerCase();
  if (checked) {
    return (
      <>
        <Title>{t("people.addTitle")}</Title>
        <Signing
          intent={{ kind: "delegate", handle, delegate: key, scope: [...scope], start: String(now - 60_000), end: String(until) }}
          onCancel={() => setChecked(false)}
          onDone={onDone}
        >
          <Summary address={key} scope={scope} until={until} />
        </Signing>
      </>
    );
  }
  const next = () => {
    const bad = !/^0x[0-9a-f]{40}$/.test(key) ? "address" : scope.length === 0 ? "scope-1" : null;
    setProblem(bad);
    if (bad === null) setChecked(true);
  };
  return (
    <form
      className="v-form"
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        next();
      }}
    >
      {problem !== null && <Problems list={[{ id: problem, text: t(problem === "address" ? "people.addAddressWrong" : "people.addScope") }]} />}
      <Title>{t("people.addTitle")}</Title>
      <Hand code={`${window.location.origin}/helping#${handle}`} label={t("guardians.number")} text={handle} />
      <TextInput
        autoComplete="off"
        code
        dir="ltr"
        error={problem === "address" ? t("people.addAddressWrong") : undefined}
        hint={t("people.addWhat")}
        id="address"
        label={t("people.addAddress")}
        name="address"
        onChange={(e) => setAddress(e.currentTarget.value)}
        spellCheck={false}
        value={address}
      />
      <Checkboxes idPrefix="scope" legend={t("people.scope")} legendProps={{ size: "s" }} name="scope">
        {scopes.map((s) => (
          <Checkboxes.Item
            checked={scope.includes(s)}
            key={s}
            onChange={(e) => setScope(e.currentTarget.checked ? [...scope, s] : scope.filter((x) => x !== s))}
            value={s}
          >
            {t(`people.${s}`)}
          </Checkboxes.Item>
        ))}
      </Checkboxes>
      <Until latest={null} now={now} onValue={setUntil} value={until} />
      <div className="v-actions">
        <Button type="submit">{t("app.continue")}</Button>
        <Button onClick={onCancel} secondary type="button">
          {t("app.cancel")}
        </Button>
      </div>
    </form>
  );
}

function Summary({ address, scope, until }: { address: string; scope: readonly Scope[]; until: number }) {
  const { t } = useTranslation();
  const f = useFormat();
  return (
    <Rows
      rows={[
        [t("people.address"), <Code key="a">{address}</Code>],
        [t("people.scope"), f.list(scope.map((s) => t(`people.${s}`)))],
        [t("people.until"), f.date(until - 1)],
      ]}
    />
  );
}
