import { Tag } from "nhsuk-react-components";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";

import type { UseEntry } from "../api/volens.ts";
import { useSayings } from "../app/say";
import { useNames } from "../app/wallet";
import type { Use } from "../core/types.ts";
import { useFormat } from "../i18n/format";

/** useUseWords says a use in one sentence, and who it was. */
export function useUseWords(): { who: (u: Use) => string; what: (u: Use) => string; result: (u: Use) => string } {
  const { t } = useTranslation();
  const names = useNames();
  const say = useSayings();
  return {
    who: (u) => (u.requester === "" ? t("uses.you") : names(u.requester)),
    what: (u) => (u.kind === "decision" ? say.sentence(u.decision, u.sentence.code ?? "", u.purpose.code) : t(`uses.kinds.${u.kind}`, { defaultValue: u.sentence.text })),
    result: (u) => (u.kind === "decision" ? t(u.decision === "permit" ? "uses.permit" : "uses.deny") : t(`uses.${u.kind}`, { defaultValue: u.kind })),
  };
}

const colours = { permit: "green", deny: "grey", read: "blue" } as const;

/** UseCard is one use in the timeline. A failed proof is red whatever the use says. */
export function UseCard({ entry }: { entry: UseEntry }) {
  const { t } = useTranslation();
  const f = useFormat();
  const words = useUseWords();
  const u = entry.use;
  const emergency = (u.emergency ?? "") !== "";
  const tone = u.kind === "decision" ? u.decision : "read";
  const mood = entry.state === "failed" ? "failed" : emergency ? "emergency" : tone;
  return (
    <article className={`v-use v-use--${mood}`}>
      <div className="v-use__head">
        <h3>
          <Link href={`/uses/${u.useSeq}`}>
            <bdi>{words.who(u)}</bdi>
            <span className="nhsuk-u-visually-hidden">, {t("uses.number", { n: Number(u.useSeq) })}</span>
          </Link>
        </h3>
        <span className="v-use__tags">
          {emergency && <Tag modifier="yellow">{t("uses.emergency")}</Tag>}
          <Tag modifier={colours[tone]}>{words.result(u)}</Tag>
          {entry.state === "failed" ? <Tag modifier="red">✗ {t("uses.entryFailed")}</Tag> : <Tag modifier="white">✓ {t("uses.entryProved")}</Tag>}
        </span>
      </div>
      <p>{words.what(u)}</p>
      <time dateTime={new Date(Number(u.time)).toISOString()}>{f.dateTime(Number(u.time))}</time>
    </article>
  );
}
