import { useQuery } from "@tanstack/react-query";
import { Button, TextInput } from "nhsuk-react-components";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { codeOf } from "../app/fault";
import { Box, Fault, Problems, Title, Wait } from "../app/parts";
import { useDevice, useVolens } from "../app/wallet";

/** Phrase shows the words of a new wallet until their owner has shown that she wrote them down. */
export default function Phrase() {
  const [asking, setAsking] = useState(false);
  return asking ? <Quiz onAgain={() => setAsking(false)} /> : <WriteDown onDone={() => setAsking(true)} />;
}

function WriteDown({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const { vault } = useVolens();
  const [words, setWords] = useState<string[] | null>(null);
  return (
    <>
      <Title>{t("phrase.title")}</Title>
      <p>{t("phrase.why")}</p>
      <Box mood="warn">
        <p>{t("phrase.warn")}</p>
      </Box>
      {words === null ? (
        <Button onClick={async () => setWords(await vault.words())} type="button">
          {t("phrase.show")}
        </Button>
      ) : (
        <>
          <Box title={t("phrase.list")}>
            <Words words={words} />
          </Box>
          <Button onClick={onDone} type="button">
            {t("phrase.written")}
          </Button>
        </>
      )}
    </>
  );
}

/** Words lists the words of a phrase in order. The words are English in every language. */
function Words({ words }: { words: readonly string[] }) {
  return (
    <ol className="v-words" dir="ltr" lang="en" translate="no">
      {words.map((w, i) => (
        <li key={`${i} ${w}`}>{w}</li>
      ))}
    </ol>
  );
}

function Quiz({ onAgain }: { onAgain: () => void }) {
  const { t } = useTranslation();
  const { volens, look } = useDevice();
  const asked = useQuery({ queryKey: ["quiz"], queryFn: () => volens.vault.quiz(), gcTime: 0, networkMode: "always" });
  const [given, setGiven] = useState<Record<number, string>>({});
  const [wrong, setWrong] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const positions = asked.data ?? [];
  const check = async () => {
    setWrong(false);
    try {
      await volens.vault.confirm(positions.map((position) => ({ position, word: (given[position] ?? "").trim().toLowerCase() })));
      await look();
    } catch (e) {
      if (codeOf(e) === "quiz") setWrong(true);
      else setError(e);
    }
  };
  if (asked.isPending) return <Wait />;
  return (
    <div className="v-form">
      {wrong && <Problems list={[{ id: `word-${positions[0] ?? 0}`, text: t("phrase.wrong") }]} />}
      {error !== null && <Fault error={error} />}
      <Title>{t("phrase.quizTitle")}</Title>
      <p>{t("phrase.quizWhat")}</p>
      <form
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          void check();
        }}
      >
        {positions.map((n) => (
          <TextInput
            autoCapitalize="none"
            autoComplete="off"
            dir="ltr"
            id={`word-${n}`}
            key={n}
            label={t("phrase.word", { n })}
            name={`word-${n}`}
            onChange={(e) => setGiven({ ...given, [n]: e.currentTarget.value })}
            spellCheck={false}
            value={given[n] ?? ""}
            width={20}
          />
        ))}
        <div className="v-actions">
          <Button type="submit">{t("app.continue")}</Button>
          <Button onClick={onAgain} secondary type="button">
            {t("phrase.seeAgain")}
          </Button>
        </div>
      </form>
    </div>
  );
}
