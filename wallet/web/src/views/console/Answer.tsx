import { useTranslation } from "react-i18next";

import type { Access, Obligation, ResourceDecision } from "../../api/wire.ts";
import { Box, Code, Fold, Rows, Scroll } from "../../app/parts";
import { useSayings } from "../../app/say";
import { useFormat } from "../../i18n/format";

/** useDuty says what the requester has to do with what it gets. */
function useDuty(): (o: Obligation) => string {
  const { t } = useTranslation();
  const f = useFormat();
  const say = useSayings();
  return ({ id, parameters: p }) => {
    const marks = (p.codes ?? p.exceptAnyOfCodes ?? []).map((c) => say.closed(c.code));
    const which = id.code === "REDACT" && p.exceptAnyOfCodes !== undefined ? "REDACTExcept" : id.code;
    const what = f.list(marks);
    const when = p.before === undefined || p.before === "0" ? "" : f.date(Number(p.before));
    return t(`desk.duty.${which}`, { what, when, defaultValue: id.code });
  };
}

/** byType groups elements such as Observation.value by the type that they are of. */
function byType(elements: readonly string[]): [type: string, parts: string[]][] {
  const types = new Map<string, string[]>();
  for (const e of elements) {
    const dot = e.indexOf(".");
    const type = e.slice(0, Math.max(dot, 0));
    types.set(type, [...(types.get(type) ?? []), e.slice(dot + 1)]);
  }
  return [...types];
}

/** Duty is what comes with a permit. What may be used of each type is long, and opens. */
function Duty({ of }: { of: Obligation }) {
  const f = useFormat();
  const say = useSayings();
  const text = useDuty()(of);
  const parts = byType(of.parameters.elements ?? []);
  if (parts.length === 0) {
    return (
      <>
        {text} <Code>{of.id.code}</Code>
      </>
    );
  }
  return (
    <Fold title={`${text} (${of.id.code})`}>
      <ul>
        {parts.map(([type, names]) => (
          <li key={type}>
            {say.data(type)}: {f.list(names)}
          </li>
        ))}
      </ul>
    </Fold>
  );
}

/** masked groups the resources of which the same is left out. */
function masked(resources: readonly ResourceDecision[]): [parts: string[], of: ResourceDecision[]][] {
  const groups = new Map<string, [string[], ResourceDecision[]]>();
  for (const r of resources) {
    if (r.decision !== "permit" || (r.masked ?? []).length === 0) continue;
    const parts = r.masked ?? [];
    const key = `${r.type} ${parts.join(" ")}`;
    const [, of] = groups.get(key) ?? [parts, []];
    groups.set(key, [parts, [...of, r]]);
  }
  return [...groups.values()];
}

/** Answer is a decision with its reasons, what was withheld or left out, what comes with it, and where it is on record. */
export function Answer({ access: a, purpose }: { access: Access; purpose: string }) {
  const { t } = useTranslation();
  const f = useFormat();
  const say = useSayings();
  const permit = a.decision === "permit";
  const data = a.data ?? [];
  const withheld = a.resources.filter((r) => r.decision !== "permit");
  const without = masked(a.resources);
  const Named = ({ of }: { of: readonly ResourceDecision[] }) => (
    <>
      {say.data(of[0]?.type ?? "")}{" "}
      {of.map((r) => (
        <span key={r.id}>
          <Code>{r.id}</Code>{" "}
        </span>
      ))}
    </>
  );
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
          a.obligations.length > 0 && [
            t("desk.obligations"),
            <ul className="nhsuk-list" key="o">
              {a.obligations.map((o) => (
                <li key={JSON.stringify(o)}>
                  <Duty of={o} />
                </li>
              ))}
            </ul>,
          ],
          without.length > 0 && [
            t("desk.masked"),
            <ul className="nhsuk-list" key="m">
              {without.map(([parts, of]) => (
                <li key={`${of[0]?.type ?? ""}/${of[0]?.id ?? ""}`}>
                  <Named of={of} /> {t("desk.maskedWithout", { parts: f.list(parts) })}
                </li>
              ))}
            </ul>,
          ],
        ]}
      />
      {withheld.length > 0 && (
        <ul>
          {withheld.map((r) => (
            <li key={`${r.type}/${r.id}`}>
              <Named of={[r]} />
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
