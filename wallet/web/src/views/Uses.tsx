import { Button, Select, TextInput } from "nhsuk-react-components";
import { useMemo, useState } from "react";
import { flushSync } from "react-dom";
import { useTranslation } from "react-i18next";

import type { AnchorView, UseEntry, UsesView } from "../api/volens.ts";
import { useSay } from "../app/Live";
import { missingOf } from "../app/missing";
import { useNow } from "../app/now";
import { Box, Fault, Fold, save, Title, Wait } from "../app/parts";
import { useNames, useSubject, useUses, useVolens } from "../app/wallet";
import { useFormat } from "../i18n/format";
import { UseCard } from "./UseCard";
import { UseChart } from "./UseChart";

const page = 20;

interface Filter {
  who: string;
  result: string;
  from: string;
  until: string;
}

const everything: Filter = { who: "", result: "", from: "", until: "" };

const day = (text: string, plus: number): number | null => {
  const d = new Date(`${text}T00:00:00`);
  return Number.isNaN(d.getTime()) ? null : d.getTime() + plus;
};

/** fits says whether a use is one that the filter asks for. A failed proof is never filtered away. */
function fits(e: UseEntry, f: Filter): boolean {
  if (e.state === "failed") return true;
  const at = Number(e.use.time);
  const from = day(f.from, 0);
  const until = day(f.until, 24 * 3600 * 1000);
  const result = e.use.kind === "decision" ? e.use.decision : "read";
  return (f.who === "" || e.use.requester === f.who) && (f.result === "" || result === f.result || (f.result === "emergency" && (e.use.emergency ?? "") !== "")) &&
    (from === null || at >= from) && (until === null || at < until);
}

/** Uses is the timeline of who used the person's data, proved on this device. */
export default function Uses() {
  const { t } = useTranslation();
  const f = useFormat();
  const subject = useSubject();
  const now = useNow();
  const uses = useUses();
  const { uses: log } = useVolens();
  const [kept, setKept] = useState<UsesView | undefined>();
  const [asked, setAsked] = useState(false);
  if (uses.isError && !asked) {
    setAsked(true);
    void log.last(subject.handle).then(setKept);
  }
  const view = uses.data ?? kept;
  return (
    <>
      <Title>{t("uses.title")}</Title>
      <p className="v-printonly">{t("uses.printedOn", { when: f.dateTime(now), custodian: subject.custodianName })}</p>
      {uses.isPending && <Wait>{t("uses.checking")}</Wait>}
      {uses.isError && <Fault error={uses.error} />}
      {view !== undefined && <ProofBox now={now} view={view} />}
      {view?.entries.length === 0 && <p>{t("uses.none")}</p>}
      {view !== undefined && view.entries.length > 0 && <Timeline entries={view.entries} />}
    </>
  );
}

/** What a failed check means for the person: a fork and a hidden anchor are another matter than a list that is broken. */
const failures = { fork: "forked", rollback: "hidden", proof: "failed" } as const;

/** What is said of a check that could not be made. */
const halves = { asked: "uses.half", none: "uses.halfNone", old: "uses.halfOld" } as const;

function ProofBox({ view, now }: { view: UsesView; now: number }) {
  const { t } = useTranslation();
  if (view.state === "failed") {
    const what = failures[(view.anchor?.state === "failed" ? view.anchor.alarm : undefined) ?? "proof"];
    return (
      <div role="alert">
        <Box mood="bad" title={`✗ ${t(`uses.${what}Title`)}`}>
          <p>{t(`uses.${what}`)}</p>
          {what !== "failed" && (
            <>
              <p>{t("uses.keepProof")}</p>
              <Button onClick={() => save("uses.proof.json", "application/json", JSON.stringify(view, null, 1))} secondary small type="button">
                {t("uses.saveSeen")}
              </Button>
            </>
          )}
          {view.why !== undefined && (
            <Fold title={t("app.details")}>
              <p lang="en">{t("uses.failedWhy", { why: view.why })}</p>
            </Fold>
          )}
        </Box>
      </div>
    );
  }
  const missing = missingOf(view, now);
  return (
    <Box mood={missing === undefined ? "good" : "warn"} title={missing === undefined ? `✓ ${t("uses.provedTitle")}` : t("uses.halfTitle")}>
      <p>{t(missing === undefined ? "uses.proved" : halves[missing])}</p>
      <Fold title={t("uses.provedHow")}>
        <ul>
          <li>{t("uses.provedHow1")}</li>
          <li>{t("uses.provedHow2", { n: Number(view.total) })}</li>
          <li>{t("uses.provedHow3")}</li>
          {view.ledger !== undefined && <li>{t("uses.provedHow4", { n: Number(view.ledger.size) })}</li>}
          {view.anchor !== undefined && <AnchorLine anchor={view.anchor} />}
        </ul>
        <p>{t("uses.limit")}</p>
      </Fold>
    </Box>
  );
}

function AnchorLine({ anchor }: { anchor: AnchorView }) {
  const { t } = useTranslation();
  const f = useFormat();
  const n = Number(anchor.size);
  return <li>{n === 0 ? t("uses.provedHow5None") : t("uses.provedHow5", { count: n, when: f.dateTime(Number(anchor.time)) })}</li>;
}

function Timeline({ entries }: { entries: readonly UseEntry[] }) {
  const { t } = useTranslation();
  const names = useNames();
  const say = useSay();
  const [filter, setFilter] = useState(everything);
  const [shown, setShown] = useState(page);
  const requesters = useMemo(() => [...new Set(entries.map((e) => e.use.requester))], [entries]);
  const found = useMemo(() => entries.filter((e) => fits(e, filter)), [entries, filter]);
  const set = (part: Partial<Filter>) => {
    const next = { ...filter, ...part };
    setFilter(next);
    setShown(page);
    say(t("uses.found", { count: entries.filter((e) => fits(e, next)).length }));
  };
  return (
    <>
      <UseChart entries={found} />
      <Fold title={t("uses.filter")}>
        <div className="v-filter">
          <Select id="who" label={t("uses.who")} onChange={(e) => set({ who: e.currentTarget.value })} value={filter.who}>
            <Select.Option value="">{t("uses.everyone")}</Select.Option>
            {requesters.filter((r) => r !== "").map((r) => (
              <Select.Option key={r} value={r}>
                {names(r)}
              </Select.Option>
            ))}
          </Select>
          <Select id="result" label={t("uses.result")} onChange={(e) => set({ result: e.currentTarget.value })} value={filter.result}>
            <Select.Option value="">{t("uses.all")}</Select.Option>
            {(["permit", "deny", "read", "emergency"] as const).map((r) => (
              <Select.Option key={r} value={r}>
                {t(`uses.${r}`)}
              </Select.Option>
            ))}
          </Select>
          <TextInput id="from" label={t("uses.from")} onChange={(e) => set({ from: e.currentTarget.value })} type="date" value={filter.from} />
          <TextInput id="until" label={t("uses.until")} onChange={(e) => set({ until: e.currentTarget.value })} type="date" value={filter.until} />
        </div>
        <Button onClick={() => set(everything)} secondary small type="button">
          {t("uses.clear")}
        </Button>
      </Fold>
      <h2 className="nhsuk-heading-m">{found.length === 0 ? t("uses.noneFilter") : t("uses.found", { count: found.length })}</h2>
      {found.slice(0, shown).map((e) => (
        <UseCard entry={e} key={e.index} />
      ))}
      {found.length > shown && (
        <Button onClick={() => setShown(shown + page)} secondary type="button">
          {t("app.more")}
        </Button>
      )}
      <Exports onPrint={() => setShown(found.length)} />
    </>
  );
}

/** Exports saves the list. The gateway's own exports are a use themselves, and come back into the list. */
function Exports({ onPrint }: { onPrint: () => void }) {
  const { t } = useTranslation();
  const { uses } = useVolens();
  const { handle } = useSubject();
  const [error, setError] = useState<unknown>(null);
  const offer = (name: string, type: string, read: () => Promise<string>) => async () => {
    setError(null);
    try {
      save(name, type, await read());
    } catch (e) {
      setError(e);
    }
  };
  return (
    <section className="v-noprint">
      <h2 className="nhsuk-heading-m">{t("uses.export_")}</h2>
      {error !== null && <Fault error={error} />}
      <div className="v-actions">
        <Button
          onClick={() => {
            flushSync(onPrint); // what is on paper has no button for more
            window.print();
          }}
          secondary
          type="button"
        >
          {t("uses.pdf")}
        </Button>
        <Button onClick={offer("uses.csv", "text/csv", () => uses.exportCsv(handle))} secondary type="button">
          {t("uses.csv")}
        </Button>
        <Button onClick={offer("uses.json", "application/json", () => uses.exportJson(handle))} secondary type="button">
          {t("uses.json")}
        </Button>
        <Button onClick={offer("uses.fhir.json", "application/fhir+json", () => uses.exportFhir(handle))} secondary type="button">
          {t("uses.fhir")}
        </Button>
      </div>
    </section>
  );
}
