import { Button, Textarea } from "nhsuk-react-components";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearch } from "wouter";

import { codeOf } from "../app/fault";
import { Fault, Go, Problems, Title, Wait } from "../app/parts";
import { useDevice } from "../app/wallet";
import { Restore } from "./Restore";
import { PasswordField } from "./Unlock";

const shortest = 10;

type Problem = { field: "words" | "password" | "password2"; text: string };

/** Start makes a wallet on this device: a new one with a password, or one from the words of an old one. The words of a new
 * one come after it (Phrase). An invitation in the address waits until the wallet is there. */
export default function Start() {
  const { t } = useTranslation();
  const { volens, look } = useDevice();
  const way = useSearch();
  const old = way === "words";
  const [words, setWords] = useState("");
  const [one, setOne] = useState("");
  const [two, setTwo] = useState("");
  const [problems, setProblems] = useState<Problem[]>([]);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const of = (field: Problem["field"]) => problems.find((p) => p.field === field)?.text;
  const make = async () => {
    const bad: Problem[] = [];
    if (old && words.trim() === "") bad.push({ field: "words", text: t("phrase.importWrong") });
    if ([...one].length < shortest) bad.push({ field: "password", text: t("password.short") });
    else if (one !== two) bad.push({ field: "password2", text: t("password.differ") });
    setProblems(bad);
    setError(null);
    if (bad.length > 0) return;
    setBusy(true);
    try {
      if (old) await volens.vault.import(words.trim().toLowerCase().split(/\s+/).join(" "), one);
      else await volens.vault.create(one);
      await look();
    } catch (e) {
      if (codeOf(e) === "phrase") setProblems([{ field: "words", text: t("phrase.importWrong") }]);
      else setError(e);
      setBusy(false);
    }
  };
  if (way === "file") {
    return (
      <div className="v-form">
        <Title>{t("restore.title")}</Title>
        <Restore />
      </div>
    );
  }
  return (
    <div className="v-form">
      <Problems list={problems.map((p) => ({ id: p.field, text: p.text }))} />
      {error !== null && <Fault error={error} />}
      <Title>{t(old ? "phrase.importTitle" : "password.title")}</Title>
      <form
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          void make();
        }}
      >
        {old && (
          <Textarea
            autoCapitalize="none"
            autoComplete="off"
            dir="ltr"
            error={of("words")}
            hint={t("phrase.importWhat")}
            id="words"
            label={t("phrase.importLabel")}
            name="words"
            onChange={(e) => setWords(e.currentTarget.value)}
            rows={5}
            spellCheck={false}
            value={words}
          />
        )}
        <p>{t("password.what")}</p>
        <PasswordField
          autoComplete="new-password"
          error={of("password")}
          hint={t("password.hint")}
          id="password"
          label={t("password.label")}
          onValue={setOne}
          value={one}
        />
        <PasswordField autoComplete="new-password" error={of("password2")} id="password2" label={t("password.again")} onValue={setTwo} value={two} />
        <Button disabled={busy} type="submit">
          {t("password.create")}
        </Button>
        {busy && <Wait>{t("password.making")}</Wait>}
      </form>
      <div className="v-actions">
        {!old && (
          <Go secondary to="/start?words">
            {t("welcome.import")}
          </Go>
        )}
        <Go secondary to="/start?file">
          {t("restore.open")}
        </Go>
      </div>
    </div>
  );
}
