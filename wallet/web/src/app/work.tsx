import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Fault, Wait } from "./parts";

/** Work is one thing at a time that may fail, and how it went. */
export interface Work {
  busy: boolean;
  done: boolean;
  error: unknown;
  /** run does it, and says whether it worked. */
  run: (work: () => Promise<unknown>) => Promise<boolean>;
  /** shown says that it takes time, or why it failed. */
  shown: ReactNode;
}

/** useWork runs something that may fail, and shows how it goes. */
export function useWork(waiting?: string): Work {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const run = async (work: () => Promise<unknown>) => {
    setBusy(true);
    setDone(false);
    setError(null);
    let worked = true;
    try {
      await work();
    } catch (e) {
      worked = false;
      setError(e);
    }
    setDone(worked);
    setBusy(false);
    return worked;
  };
  const shown = (
    <>
      {error !== null && <Fault error={error} />}
      {busy && <Wait>{waiting ?? t("app.working")}</Wait>}
    </>
  );
  return { busy, done, error, run, shown };
}
