import { useMemo } from "react";
import { useTranslation } from "react-i18next";

import type { UseEntry } from "../api/volens.ts";
import { Box, Fold, Scroll } from "../app/parts";
import { useNames } from "../app/wallet";
import { useFormat } from "../i18n/format";

interface Row {
  who: string;
  counts: number[];
}

/** tally counts uses by organisation and month, months in order without a gap. */
function tally(entries: readonly { requester: string; time: number }[]): { months: [number, number][]; rows: Row[] } {
  const at = (ms: number): number => {
    const d = new Date(ms);
    return d.getFullYear() * 12 + d.getMonth();
  };
  const all = entries.map((e) => at(e.time));
  const first = Math.min(...all);
  const last = Math.max(...all);
  const months = Array.from({ length: last - first + 1 }, (_, i): [number, number] => [Math.floor((first + i) / 12), (first + i) % 12]);
  const rows = new Map<string, number[]>();
  for (const e of entries) {
    const counts = rows.get(e.requester) ?? months.map(() => 0);
    const i = at(e.time) - first;
    counts[i] = (counts[i] ?? 0) + 1;
    rows.set(e.requester, counts);
  }
  return { months, rows: [...rows].map(([who, counts]) => ({ who, counts })) };
}

/** UseChart shows uses by organisation and month as bars, and the same as a table. */
export function UseChart({ entries }: { entries: readonly UseEntry[] }) {
  const flat = useMemo(() => entries.filter((e) => e.use.requester !== "").map((e) => ({ requester: e.use.requester, time: Number(e.use.time) })), [entries]);
  const names = useNames();
  const { t } = useTranslation();
  return flat.length === 0 ? null : <Bars entries={flat} names={names} title={t("uses.chart")} />;
}

/** Bars is the chart itself, for anybody's uses. */
export function Bars({ entries, names, title }: { entries: readonly { requester: string; time: number }[]; names: (id: string) => string; title: string }) {
  const { t } = useTranslation();
  const f = useFormat();
  const { months, rows } = useMemo(() => tally(entries), [entries]);
  const most = Math.max(1, ...rows.flatMap((r) => r.counts));
  return (
    <Box title={title}>
      <p>{t("uses.chartWhat")}</p>
      <div aria-hidden="true" className="v-chart">
        {rows.map((r) => (
          <div className="v-chart__row" key={r.who}>
            <bdi>{names(r.who)}</bdi>
            <div className="v-chart__bars">
              {r.counts.map((n, i) => (
                <div className="v-chart__bar" key={months[i]?.join("-")} style={{ blockSize: `${(n / most) * 100}%` }} />
              ))}
            </div>
          </div>
        ))}
      </div>
      <Fold title={t("uses.table")}>
        <Scroll label={t("uses.table")}>
          <table className="nhsuk-table">
            <thead>
              <tr>
                <th scope="col">{t("uses.who")}</th>
                {months.map(([y, m]) => (
                  <th className="nhsuk-table__header--numeric" key={`${y}-${m}`} scope="col">
                    {f.month(y, m)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((r) => (
                <tr key={r.who}>
                  <th scope="row">{names(r.who)}</th>
                  {r.counts.map((n, i) => (
                    <td className="nhsuk-table__cell--numeric" key={months[i]?.join("-")}>
                      {f.number(n)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      </Fold>
    </Box>
  );
}
