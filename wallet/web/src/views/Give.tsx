import { Button, Checkboxes, Radios } from "nhsuk-react-components";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";

import { Done } from "../app/Done";
import { useNow } from "../app/now";
import { Fault, Go, Problems, Title, Wait } from "../app/parts";
import { useSayings } from "../app/say";
import { termsOf, timeOf } from "../app/systems";
import { useMembers, useNames, useRefresh, useSubject } from "../app/wallet";
import type { Consent, Member } from "../core/types.ts";
import { useFormat } from "../i18n/format";
import { PreviewBox } from "./ConsentPage";
import { after, Kinds, Private, Until } from "./fields";
import { Signing } from "./Signing";
import { Terms } from "./Terms";

type Kind = "care" | "research" | "nobody";

const roleOf = { care: "clinician", research: "researcher" } as const;

interface Choice {
  kind: Kind | null;
  members: readonly string[];
  some: boolean;
  types: readonly string[];
  closed: boolean;
  emergency: boolean; // also when the glass is broken, which no other purpose covers
  until: number;
}

/** Give is the guided form: who, what and until when, check and sign. Three steps, and not more. */
export default function Give() {
  const { t, i18n } = useTranslation();
  const f = useFormat();
  const say = useSayings();
  const names = useNames();
  const subject = useSubject();
  const refresh = useRefresh();
  const [, go] = useLocation();
  const now = useNow();
  const [step, setStep] = useState<1 | 2 | 3>(1);
  const latest = timeOf(subject.delegation?.ends); // what is said for somebody ends with the power to say it
  const [choice, setChoice] = useState<Choice>({
    kind: null, members: [], some: false, types: [], closed: true, emergency: false, until: Math.min(after(now, 12), latest ?? Infinity),
  });
  const [done, setDone] = useState(false);
  const set = (part: Partial<Choice>) => setChoice({ ...choice, ...part });
  if (done) {
    return <Done link={t("nav.consents")} title={t("give.done", { who: f.list(choice.members.map(names)) })} to="/consents" />;
  }
  if (step === 1) {
    return <Who choice={choice} onNext={() => (choice.kind === "nobody" ? go("/consents/stop") : setStep(2))} onSet={set} />;
  }
  if (step === 2) return <What choice={choice} latest={latest} now={now} onBack={() => setStep(1)} onNext={() => setStep(3)} onSet={set} />;
  const consent: Consent = termsOf({
    members: choice.members,
    purposes: choice.kind === "research" ? ["HRESCH"] : choice.emergency ? ["TREAT", "BTG"] : ["TREAT"],
    types: choice.some ? choice.types : [],
    keepPrivate: choice.closed,
    from: now - 60_000, // clocks differ: a consent that begins in a minute is of no use now
    until: choice.until,
    locale: i18n.language,
  });
  return (
    <>
      <Title caption={t("give.step", { n: 3 })}>{t("give.check")}</Title>
      <Signing
        intent={{ kind: "grant", handle: subject.handle, consent, text: say.words(consent, names, subject) }}
        onCancel={() => setStep(2)}
        onDone={async () => {
          setDone(true);
          await refresh();
        }}
      >
        <Terms consent={consent} />
        <PreviewBox consent={consent} draft />
      </Signing>
    </>
  );
}

interface StepProps {
  choice: Choice;
  onSet: (part: Partial<Choice>) => void;
  onNext: () => void;
}

function Who({ choice, onSet, onNext }: StepProps) {
  const { t } = useTranslation();
  const members = useMembers();
  const [problem, setProblem] = useState<"kind-1" | "members-1" | null>(null);
  const fit = (kind: Kind): Member[] => (kind === "nobody" ? [] : (members.data ?? []).filter((m) => !m.suspended && m.roles.includes(roleOf[kind])));
  const choose = (kind: Kind) => {
    const list = fit(kind);
    onSet({ kind, members: kind === "care" || list.length === 1 ? list.map((m) => m.id) : [] });
  };
  const next = () => {
    if (choice.kind === null) setProblem("kind-1");
    else if (choice.kind !== "nobody" && choice.members.length === 0) setProblem("members-1");
    else onNext();
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
      {problem !== null && <Problems list={[{ id: problem, text: t(problem === "kind-1" ? "give.chooseWho" : "give.chooseOne") }]} />}
      <Title caption={t("give.step", { n: 1 })}>{t("give.who")}</Title>
      {members.isPending && <Wait />}
      {members.isError && <Fault error={members.error} />}
      {members.data !== undefined && (
        <Radios idPrefix="kind" legend={t("give.who")} legendProps={{ className: "nhsuk-u-visually-hidden" }} name="kind">
          {(["care", "research", "nobody"] as const).map((kind) => (
            <Radios.Item checked={choice.kind === kind} hint={t(`give.${kind}Hint`)} key={kind} onChange={() => choose(kind)} value={kind}>
              {t(`give.${kind}`)}
            </Radios.Item>
          ))}
        </Radios>
      )}
      {choice.kind !== null && choice.kind !== "nobody" && (
        <Checkboxes idPrefix="members" legend={t("give.which")} legendProps={{ size: "s" }} name="members">
          {fit(choice.kind).map((m) => (
            <Checkboxes.Item
              checked={choice.members.includes(m.id)}
              key={m.id}
              onChange={(e) => onSet({ members: e.currentTarget.checked ? [...choice.members, m.id] : choice.members.filter((id) => id !== m.id) })}
              value={m.id}
            >
              {m.name}
            </Checkboxes.Item>
          ))}
        </Checkboxes>
      )}
      {choice.kind !== null && choice.kind !== "nobody" && fit(choice.kind).length === 0 && <p>{t("give.noMembers")}</p>}
      <div className="v-actions">
        <Button type="submit">{t("app.continue")}</Button>
        <Go secondary to="/consents">
          {t("app.cancel")}
        </Go>
      </div>
    </form>
  );
}

function What({ choice, now, latest, onSet, onNext, onBack }: StepProps & { now: number; latest: number | null; onBack: () => void }) {
  const { t } = useTranslation();
  const [problem, setProblem] = useState(false);
  return (
    <form
      className="v-form"
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        if (choice.some && choice.types.length === 0) setProblem(true);
        else onNext();
      }}
    >
      {problem && <Problems list={[{ id: "kinds-1", text: t("give.chooseKinds") }]} />}
      <Title caption={t("give.step", { n: 2 })}>{t("give.what")}</Title>
      <Kinds all={null} onSome={(some) => onSet({ some })} onTypes={(types) => onSet({ types })} some={choice.some} types={choice.types} />
      <Private onValue={(closed) => onSet({ closed })} value={choice.closed} />
      {choice.kind === "care" && (
        <Checkboxes idPrefix="emergency" name="emergency">
          <Checkboxes.Item checked={choice.emergency} hint={t("give.emergencyHint")} onChange={(e) => onSet({ emergency: e.currentTarget.checked })} value="yes">
            {t("give.emergency")}
          </Checkboxes.Item>
        </Checkboxes>
      )}
      <Until latest={latest} now={now} onValue={(until) => onSet({ until })} value={choice.until} />
      <div className="v-actions">
        <Button type="submit">{t("app.continue")}</Button>
        <Button onClick={onBack} secondary type="button">
          {t("app.back")}
        </Button>
      </div>
    </form>
  );
}
