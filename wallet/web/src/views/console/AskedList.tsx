import { useInfiniteQuery } from "@tanstack/react-query";
import { Button, Tag } from "nhsuk-react-components";
import { useTranslation } from "react-i18next";

import type { AnswerState, RequestState } from "../../api/wire.ts";
import { Box, Code, Fault, Fold, Wait } from "../../app/parts";
import { useSayings } from "../../app/say";
import { plainOf } from "../../app/systems";
import { useVolens } from "../../app/wallet";
import { useFormat } from "../../i18n/format";
import { useStaffPurpose } from "./parts";

/** useAsked is the list, by pages. */
export const useAsked = (member: string) => {
  const { organisation } = useVolens();
  return useInfiniteQuery({
    queryKey: ["asked", member],
    queryFn: ({ pageParam }) => organisation.askedFor(pageParam),
    initialPageParam: "0",
    getNextPageParam: (last) => (last.next === "0" ? undefined : last.next),
    networkMode: "always",
  });
};

const colours: Record<AnswerState, "yellow" | "green" | "red" | "grey"> = {
  waiting: "yellow",
  accepted: "green",
  narrowed: "green",
  declined: "red",
  expired: "grey",
  over: "grey",
};

/** AskedList is what the organisation asked patients for, and how they answered. */
export function AskedList({ member, onSubject }: { member: string; onSubject: (subject: string) => void }) {
  const { t } = useTranslation();
  const list = useAsked(member);
  const all = list.data?.pages.flatMap((p) => p.requests) ?? [];
  return (
    <Box title={t("desk.askedList")}>
      <p>{t("desk.askedState")}</p>
      <div className="v-actions">
        <Button disabled={list.isFetching} onClick={() => list.refetch()} secondary small type="button">
          {t("desk.refresh")}
        </Button>
      </div>
      {list.isPending && <Wait />}
      {list.isError && <Fault error={list.error} />}
      {list.isSuccess && all.length === 0 && <p>{t("desk.askedNone")}</p>}
      {all.map((r) => (
        <AskedOne key={r.index} onSubject={onSubject} request={r} />
      ))}
      {list.hasNextPage && (
        <Button disabled={list.isFetching} onClick={() => list.fetchNextPage()} secondary type="button">
          {t("app.more")}
        </Button>
      )}
    </Box>
  );
}

function AskedOne({ request: r, onSubject }: { request: RequestState; onSubject: (subject: string) => void }) {
  const { t } = useTranslation();
  const f = useFormat();
  const say = useSayings();
  const purpose = useStaffPurpose();
  const p = plainOf(r.consent);
  return (
    <article className={`v-use${r.state === "waiting" ? " v-use--emergency" : r.state === "accepted" || r.state === "narrowed" ? "" : " v-use--deny"}`}>
      <div className="v-use__head">
        <h3 className="nhsuk-heading-xs">{f.list(p.purposes.map(purpose))}</h3>
        <span className="v-use__tags">
          <Tag modifier={colours[r.state]}>{t(`desk.answers.${r.state}`)}</Tag>
        </span>
      </div>
      <p>
        {t("ask.on", { when: f.dateTime(Number(r.time)) })}
        {r.at !== "0" && <> · {t(`desk.answeredOn.${r.state}`, { when: f.dateTime(Number(r.at)), defaultValue: "" })}</>}
      </p>
      <p>
        {p.types.length === 0 ? t("desk.whole") : f.list(p.types.map(say.data))} · {t("desk.subjectShort")} <Code>{`${r.subject.slice(0, 12)}…`}</Code>
      </p>
      {p.uses.terms.length > 0 && <p>{t("study.words", { uses: f.list(p.uses.terms.map(say.study)) })}</p>}
      {p.uses.visas.length > 0 && <p>{t("study.wordsVisas", { visas: f.list(p.uses.visas) })}</p>}
      <Fold title={t("desk.text")}>
        <blockquote className="v-quote" dir="auto">
          {r.text}
        </blockquote>
      </Fold>
      <div className="v-actions">
        <Button
          onClick={() => {
            onSubject(r.subject);
            document.getElementById("subject")?.focus();
          }}
          secondary
          small
          type="button"
        >
          {t("desk.sameSubject")}
          <span className="nhsuk-u-visually-hidden">: {r.subject.slice(0, 12)}</span>
        </Button>
      </div>
    </article>
  );
}
