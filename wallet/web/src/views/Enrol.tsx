import { Button, Textarea } from "nhsuk-react-components";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useLocation } from "wouter";

import { Box, Code, Fault, Rows, Title, Wait } from "../app/parts";
import { useDevice } from "../app/wallet";
import { Signing } from "./Signing";

/** The invitation of an address like https://hospital.example/enrol#volens1:… or the invitation itself. */
const bare = (text: string): string => text.trim().replace(/^https?:\/\/[^#]*#/, "");

type Step = { at: "paste" } | { at: "claim"; server: string; handle: string } | { at: "done"; custodian: string };

/** Enrol links the wallet with a record at a hospital, by the hospital's invitation. */
export default function Enrol() {
  const { t } = useTranslation();
  const { volens, look } = useDevice();
  const [, go] = useLocation();
  const [text, setText] = useState(() => decodeURIComponent(window.location.hash.slice(1)));
  const [step, setStep] = useState<Step>({ at: "paste" });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const finish = async () => {
    window.history.replaceState(null, "", window.location.pathname); // the code is spent; it need not stay in the address
    const known = await volens.wallet.subjects();
    setStep({ at: "done", custodian: known.at(-1)?.custodianName ?? "" });
  };
  const leave = async () => {
    go("/");
    await look();
  };
  const read = async () => {
    setBusy(true);
    setError(null);
    try {
      const seen = await volens.wallet.readInvitation(bare(text));
      if (seen.hasCode) {
        setStep({ at: "claim", server: seen.server, handle: seen.handle });
      } else {
        await volens.wallet.adopt(bare(text));
        await finish();
      }
    } catch (e) {
      setError(e);
    }
    setBusy(false);
  };
  if (step.at === "done") {
    return (
      <>
        <Title>{t("enrol.doneTitle", { custodian: step.custodian })}</Title>
        <Box mood="good">
          <p>{t("enrol.doneWhat")}</p>
        </Box>
        <Button onClick={leave} type="button">
          {t("app.continue")}
        </Button>
      </>
    );
  }
  if (step.at === "claim") {
    return (
      <div className="v-form">
        <Title>{t("enrol.checkTitle")}</Title>
        <Signing
          intent={{ kind: "claim", invitation: bare(text) }}
          label={t("enrol.yes")}
          onCancel={() => setStep({ at: "paste" })}
          onDone={finish}
        >
          <Rows
            rows={[
              [t("enrol.server"), <Code key="s">{step.server}</Code>],
              [t("enrol.handle"), <Code key="h">{step.handle}</Code>],
            ]}
          />
          <p>{t("enrol.goesOn")}</p>
        </Signing>
      </div>
    );
  }
  return (
    <div className="v-form">
      {error !== null && <Fault error={error} />}
      <Title>{t("enrol.title")}</Title>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void read();
        }}
      >
        <p>{t("enrol.what")}</p>
        <Textarea
          autoComplete="off"
          dir="ltr"
          hint={t("enrol.hint")}
          id="invitation"
          label={t("enrol.label")}
          name="invitation"
          onChange={(e) => setText(e.currentTarget.value)}
          rows={6}
          spellCheck={false}
          value={text}
        />
        <Button disabled={busy} type="submit">
          {t("enrol.read")}
        </Button>
        {busy && <Wait />}
      </form>
      <p>{t("enrol.restore")}</p>
      <p>
        <Link href="/recover">{t("recover.offer")}</Link>
      </p>
    </div>
  );
}
