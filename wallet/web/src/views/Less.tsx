import { Button } from "nhsuk-react-components";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import type { Intent, Signed } from "../api/volens.ts";
import { useNow } from "../app/now";
import { Problems } from "../app/parts";
import { useSayings } from "../app/say";
import { narrowed, timeOf } from "../app/systems";
import { useNames, useSubject } from "../app/wallet";
import type { Consent } from "../core/types.ts";
import { Kinds, Private, Until } from "./fields";
import { Signing } from "./Signing";
import { Terms } from "./Terms";

interface Props {
  old: Consent;
  intent: (consent: Consent, text: string) => Intent;
  onDone: (signed: Signed) => void | Promise<void>;
  onCancel: () => void;
}

/** Less makes a smaller consent of a given one: fewer kinds of data, a shorter time, very private data closed. */
export function Less({ old, intent, onDone, onCancel }: Props) {
  const { t, i18n } = useTranslation();
  const names = useNames();
  const say = useSayings();
  const subject = useSubject();
  const now = useNow();
  const root = old.provisions[0];
  const before = useMemo(() => root?.resourceTypes.map((c) => c.code) ?? [], [root]);
  const [types, setTypes] = useState<readonly string[]>(before);
  const [some, setSome] = useState(before.length > 0);
  const [closed, setClosed] = useState(true);
  const last = timeOf(old.period.end);
  const [until, setUntil] = useState(() => last ?? now + 365 * 24 * 3600 * 1000);
  const [checked, setChecked] = useState<Consent | null>(null);
  const [problem, setProblem] = useState(false);
  if (checked !== null) {
    return (
      <Signing
        intent={intent(checked, say.words(checked, names, subject))}
        onCancel={() => setChecked(null)}
        onDone={onDone}
      >
        <Terms consent={checked} />
      </Signing>
    );
  }
  return (
    <form
      className="v-form"
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        if (some && types.length === 0) setProblem(true);
        else setChecked(narrowed(old, { types: some ? types : null, keepPrivate: closed, until, now, locale: i18n.language }));
      }}
    >
      {problem && <Problems list={[{ id: "kinds-1", text: t("give.chooseKinds") }]} />}
      <p>{t("ask.narrowWhat")}</p>
      <Kinds all={before.length > 0 ? before : null} onSome={setSome} onTypes={setTypes} some={some} types={types} />
      <Private onValue={setClosed} value={closed} />
      <Until latest={last} now={now} onValue={setUntil} value={until} />
      <div className="v-actions">
        <Button type="submit">{t("app.continue")}</Button>
        <Button onClick={onCancel} secondary type="button">
          {t("app.cancel")}
        </Button>
      </div>
    </form>
  );
}
