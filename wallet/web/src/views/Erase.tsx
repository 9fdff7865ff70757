import { Button, TextInput } from "nhsuk-react-components";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useLocation } from "wouter";

import { Back, Box, Code, Rows, save, Title } from "../app/parts";
import { useDevice, useSubject } from "../app/wallet";
import { useWork } from "../app/work";
import { useFormat } from "../i18n/format";
import { Signing } from "./Signing";

const goes = ["erase.goes1", "erase.goes2", "erase.goes3"] as const;
const stays = ["erase.stays1", "erase.stays2", "erase.stays3"] as const;

/** Erase ends the person's record in Volens for good: what goes, what stays, and a word to type, because it cannot be undone. */
export default function Erase() {
  const { t } = useTranslation();
  const { look } = useDevice();
  const subject = useSubject();
  const [, go] = useLocation();
  const [typed, setTyped] = useState("");
  const word = t("erase.word");
  const meant = typed.trim().toLocaleLowerCase() === word.toLocaleLowerCase();
  return (
    <>
      <Back to="/settings">{t("settings.title")}</Back>
      <Title>{t("erase.title")}</Title>
      <p>{t("erase.what", { custodian: subject.custodianName })}</p>
      <Signing
        hold={meant ? undefined : { id: "erase-word", text: t("erase.wrong", { word }) }}
        intent={{ kind: "erase", handle: subject.handle }}
        label={t("erase.yes")}
        onCancel={() => go("/settings")}
        onDone={look}
        warning
      >
        <div className="v-two">
          <Box mood="bad" title={t("erase.goes")}>
            <ul>
              {goes.map((key) => (
                <li key={key}>{t(key)}</li>
              ))}
            </ul>
          </Box>
          <Box title={t("erase.stays")}>
            <ul>
              {stays.map((key) => (
                <li key={key}>{t(key)}</li>
              ))}
            </ul>
          </Box>
        </div>
        <p>
          {t("erase.first")} <Link href="/documents">{t("nav.documents")}</Link>
        </p>
        <p>
          <strong>{t("erase.forever")}</strong>
        </p>
        <TextInput autoCapitalize="none" autoComplete="off" id="erase-word" label={t("erase.type", { word })} name="erase-word" onChange={(e) => setTyped(e.currentTarget.value)} spellCheck={false} value={typed} width={20} />
      </Signing>
    </>
  );
}

/** Erased is all that is left of a record: that it is gone, and the proof of it. */
export function Erased() {
  const { t } = useTranslation();
  const f = useFormat();
  const { volens, look } = useDevice();
  const { handle, erased, custodianName } = useSubject();
  const work = useWork();
  const [, go] = useLocation();
  const proof = () =>
    work.run(async () => {
      const kept = (await volens.wallet.kept(handle)).filter((k) => k.message.type === "Erase");
      save("erased.json", "application/json", JSON.stringify(kept[0], null, 2));
    });
  const remove = () =>
    work.run(async () => {
      await volens.wallet.forget(handle);
      go("/");
      await look();
    });
  return (
    <>
      <Title>{t("erase.doneTitle")}</Title>
      <Box mood="good">
        <p>✓ {t("erase.done", { when: f.dateTime(Number(erased ?? "0")) })}</p>
      </Box>
      <Rows
        rows={[
          [t("nav.custodian"), <bdi key="c">{custodianName}</bdi>],
          [t("enrol.handle"), <Code key="h">{handle}</Code>],
        ]}
      />
      {work.shown}
      <div className="v-actions">
        <Button disabled={work.busy} onClick={proof} secondary type="button">
          {t("erase.proof")}
        </Button>
        <Button disabled={work.busy} onClick={remove} secondary type="button">
          {t("erase.remove")}
        </Button>
      </div>
      <p>{t("erase.removeWhat")}</p>
    </>
  );
}
