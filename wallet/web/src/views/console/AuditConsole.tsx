import { Button, Checkboxes, Select, Tag, TextInput } from "nhsuk-react-components";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { CheckpointView } from "../../api/volens.ts";
import type { AuditUse, Replay } from "../../api/wire.ts";
import { Box, Code, Rows, save } from "../../app/parts";
import { useSayings } from "../../app/say";
import { useMembers, useNames, useVolens } from "../../app/wallet";
import { useFormat } from "../../i18n/format";
import { Bars } from "../UseChart";
import { Desk } from "./Desk";
import { PurposeSelect, useStaffPurpose, useTask } from "./parts";

/** AuditConsole checks the history without having to trust who keeps it. Its own looks are on record, too. */
export default function AuditConsole() {
  const { t } = useTranslation();
  return (
    <Desk roles={["auditor"]} title={t("nav.audit")}>
      {() => (
        <>
          <p>{t("desk.auditWhat")}</p>
          <Checkpoint log="uses" />
          <Checkpoint log="ledger" />
          <UseLog />
        </>
      )}
    </Desk>
  );
}

function Checkpoint({ log }: { log: "uses" | "ledger" }) {
  const { t } = useTranslation();
  const f = useFormat();
  const { organisation } = useVolens();
  const task = useTask<CheckpointView>();
  const v = task.value;
  return (
    <Box {...(v === null ? {} : { mood: v.state === "proved" ? ("good" as const) : ("bad" as const) })} title={t(`desk.log.${log}`)}>
      {v === null && <p>{t("desk.checkpointWhat")}</p>}
      {task.shown}
      <div aria-live="polite">
        {v !== null && (
          <>
            <p>
              <strong>{v.state === "proved" ? `✓ ${t("desk.consistent")}` : `✗ ${t("desk.inconsistent")}`}</strong>
            </p>
            {v.why !== undefined && <p lang="en">{v.why}</p>}
            <Rows
              rows={[
                [t("desk.size"), f.number(Number(v.size))],
                [t("desk.before"), v.before.size === "0" ? t("app.none") : f.number(Number(v.before.size))],
                [t("desk.root"), <Code key="r">{v.root}</Code>],
              ]}
            />
          </>
        )}
      </div>
      <div className="v-actions">
        <Button disabled={task.busy} onClick={() => task.run(() => organisation.checkpoint(log))} secondary type="button">
          {t("desk.check")}
          <span className="nhsuk-u-visually-hidden">: {t(`desk.log.${log}`)}</span>
        </Button>
        {v !== null && (
          <Button onClick={() => save(`checkpoint-${log}-${v.size}.txt`, "text/plain", v.note)} secondary type="button">
            {t("app.download")}
            <span className="nhsuk-u-visually-hidden">: {t(`desk.log.${log}`)}</span>
          </Button>
        )}
      </div>
    </Box>
  );
}

interface Filter {
  requester: string;
  purpose: string;
  decision: string;
  emergency: boolean;
  from: string;
  until: string;
}

const everything: Filter = { requester: "", purpose: "", decision: "", emergency: false, from: "", until: "" };

const millis = (day: string, plus: number): string | undefined => {
  const d = new Date(`${day}T00:00:00`);
  return day === "" || Number.isNaN(d.getTime()) ? undefined : String(d.getTime() + plus);
};

function UseLog() {
  const { t } = useTranslation();
  const names = useNames();
  const members = useMembers();
  const { organisation } = useVolens();
  const [filter, setFilter] = useState(everything);
  const [rows, setRows] = useState<readonly AuditUse[] | null>(null);
  const [next, setNext] = useState("0");
  const task = useTask<true>();
  const set = (part: Partial<Filter>) => setFilter({ ...filter, ...part });
  const read = (before: string) =>
    task.run(async () => {
      const from = millis(filter.from, 0);
      const until = millis(filter.until, 24 * 3600 * 1000);
      const page = await organisation.auditUses({
        ...(filter.requester === "" ? {} : { requester: filter.requester }),
        ...(filter.purpose === "" ? {} : { purpose: filter.purpose }),
        ...(filter.decision === "" ? {} : { decision: filter.decision }),
        ...(filter.emergency ? { emergency: true } : {}),
        ...(from === undefined ? {} : { from }),
        ...(until === undefined ? {} : { until }),
        ...(before === "0" ? {} : { before }),
        limit: 100,
      });
      setRows((old) => (before === "0" || old === null ? page.rows : [...old, ...page.rows]));
      setNext(page.next);
      return true;
    });
  return (
    <section>
      <h2 className="nhsuk-heading-m">{t("desk.useLog")}</h2>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void read("0");
        }}
      >
        <div className="v-filter">
          <Select id="requester" label={t("uses.who")} onChange={(e) => set({ requester: e.currentTarget.value })} value={filter.requester}>
            <Select.Option value="">{t("uses.everyone")}</Select.Option>
            {members.data?.map((m) => (
              <Select.Option key={m.id} value={m.id}>
                {m.name}
              </Select.Option>
            ))}
          </Select>
          <PurposeSelect all onValue={(purpose) => set({ purpose })} value={filter.purpose} />
          <Select id="decision" label={t("uses.result")} onChange={(e) => set({ decision: e.currentTarget.value })} value={filter.decision}>
            <Select.Option value="">{t("uses.all")}</Select.Option>
            <Select.Option value="permit">{t("uses.permit")}</Select.Option>
            <Select.Option value="deny">{t("uses.deny")}</Select.Option>
          </Select>
          <TextInput id="from" label={t("uses.from")} onChange={(e) => set({ from: e.currentTarget.value })} type="date" value={filter.from} />
          <TextInput id="until" label={t("uses.until")} onChange={(e) => set({ until: e.currentTarget.value })} type="date" value={filter.until} />
        </div>
        <Checkboxes idPrefix="emergency" name="emergency" small>
          <Checkboxes.Item checked={filter.emergency} onChange={(e) => set({ emergency: e.currentTarget.checked })} value="yes">
            {t("desk.onlyEmergency")}
          </Checkboxes.Item>
        </Checkboxes>
        <Button disabled={task.busy} type="submit">
          {t("uses.apply")}
        </Button>
      </form>
      {task.shown}
      {rows !== null && rows.length === 0 && <p>{t("uses.noneFilter")}</p>}
      {rows !== null && rows.length > 0 && (
        <>
          <Bars
            entries={rows.filter((r) => (r.requester ?? "") !== "").map((r) => ({ requester: r.requester ?? "", time: Number(r.time) }))}
            names={names}
            title={t("uses.chart")}
          />
          <h3 className="nhsuk-heading-s">{t("uses.found", { count: rows.length })}</h3>
          {rows.map((r) => (
            <Row key={r.index} row={r} />
          ))}
          <div className="v-actions">
            {next !== "0" && (
              <Button disabled={task.busy} onClick={() => read(next)} secondary type="button">
                {t("app.more")}
              </Button>
            )}
          </div>
          <Evidence name="list" replays={[]} uses={rows} />
        </>
      )}
    </section>
  );
}

/** Evidence saves uses with both logs, for a check without a network. */
function Evidence({ name, uses, replays }: { name: string; uses: readonly AuditUse[]; replays: readonly Replay[] }) {
  const { t } = useTranslation();
  const { organisation } = useVolens();
  const task = useTask<string>();
  const make = () =>
    task.run(async () => {
      const text = await organisation.evidence([...uses], [...replays]);
      save(`volens-evidence-${name}.json`, "application/json", text);
      return text;
    });
  return (
    <div>
      <p className="nhsuk-hint">{t("desk.evidenceWhat")}</p>
      <Button disabled={task.busy} onClick={make} secondary small type="button">
        {t("desk.evidence")}
        {uses.length === 1 && <span className="nhsuk-u-visually-hidden">: {name}</span>}
      </Button>
      {task.shown}
      <div aria-live="polite">{task.value !== null && <p>✓ {t("desk.evidenceDone")}</p>}</div>
    </div>
  );
}

function Row({ row: r }: { row: AuditUse }) {
  const { t } = useTranslation();
  const f = useFormat();
  const names = useNames();
  const say = useSayings();
  const purpose = useStaffPurpose();
  const { organisation } = useVolens();
  const replay = useTask<Replay>();
  const permit = r.decision === "permit";
  const mood = r.emergency === true ? "emergency" : r.kind !== "decision" ? "read" : permit ? "permit" : "deny";
  const v = replay.value;
  return (
    <article className={`v-use v-use--${mood}`}>
      <div className="v-use__head">
        <h4 className="nhsuk-heading-xs">
          {f.number(Number(r.index))}. <bdi>{r.erased ? t("desk.erased") : (r.requester ?? "") === "" ? t("desk.herself") : names(r.requester ?? "")}</bdi>
        </h4>
        <span className="v-use__tags">
          {r.emergency === true && <Tag modifier="yellow">{t("uses.emergency")}</Tag>}
          {r.kind === "decision" ? <Tag modifier={permit ? "green" : "grey"}>{t(permit ? "uses.permit" : "uses.deny")}</Tag> : <Tag modifier="blue">{t(r.kind === "request" ? "desk.askedPatient" : `uses.${r.kind ?? "read"}`)}</Tag>}
        </span>
      </div>
      <p>
        {r.purpose !== undefined && r.purpose.code !== "" && <>{purpose(r.purpose.code)} · </>}
        {(r.resourceTypes ?? []).length > 0 && <>{f.list((r.resourceTypes ?? []).map(say.data))} · </>}
        {t("desk.subjectShort")} <Code>{`${r.subject.slice(0, 12)}…`}</Code>
      </p>
      <time dateTime={new Date(Number(r.time)).toISOString()}>{f.dateTime(Number(r.time))}</time>
      {r.kind === "decision" && !r.erased && (
        <div className="v-actions">
          <Button disabled={replay.busy} onClick={() => replay.run(() => organisation.replay(r.index, t("nav.audit")))} secondary small type="button">
            {t("desk.replay")}
            <span className="nhsuk-u-visually-hidden">: {r.index}</span>
          </Button>
        </div>
      )}
      {replay.shown}
      <div aria-live="polite">
        {v !== null && (
          <p>
            <strong>{v.same ? `✓ ${t("desk.same")}` : `✗ ${t("desk.differs")}`}</strong>
            {v.detail !== undefined && v.detail !== "" && <span lang="en"> {v.detail}</span>}
          </p>
        )}
      </div>
      {v !== null && <Evidence name={r.index} replays={[v]} uses={[r]} />}
    </article>
  );
}
