import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Button, Textarea } from "nhsuk-react-components";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";

import type { PaperInfo } from "../api/volens.ts";
import { FileField } from "../app/give";
import { Back, Box, Code, Fault, Fold, Problems, Rows, Title, Wait } from "../app/parts";
import { QR } from "../app/QR";
import { useSubject, useVolens } from "../app/wallet";
import { useWork } from "../app/work";
import { useFormat } from "../i18n/format";
import type { Certificate, Fact } from "../papers/certificate.ts";

const PutDown = lazy(() => import("./PutDown"));

type Doing = { at: "list" } | { at: "add" } | { at: "share"; paper: PaperInfo };

/** Certificates are the health certificates that this device keeps; each is judged anew when they are shown. */
export default function Certificates() {
  const { t } = useTranslation();
  const { papers } = useVolens();
  const queries = useQueryClient();
  const [doing, setDoing] = useState<Doing>({ at: "list" });
  const [told, setTold] = useState<string | null>(null);
  const list = useQuery({ queryKey: ["papers"], queryFn: () => papers.list(), networkMode: "always" });
  const look = async (text: string | null) => {
    setTold(text);
    setDoing({ at: "list" });
    await queries.invalidateQueries({ queryKey: ["papers"] });
  };
  if (doing.at === "add") return <Add onCancel={() => setDoing({ at: "list" })} onDone={() => look(t("health.kept"))} />;
  if (doing.at === "share") return <Share onBack={() => setDoing({ at: "list" })} onDone={() => look(t("health.putDone"))} paper={doing.paper} />;
  return (
    <>
      <Back to="/documents">{t("documents.title")}</Back>
      <Title>{t("health.title")}</Title>
      {told !== null && (
        <Box mood="good">
          <p>✓ {told}</p>
        </Box>
      )}
      <p>{t("health.what")}</p>
      {list.isPending && <Wait />}
      {list.isError && <Fault error={list.error} />}
      {list.data?.length === 0 && <p>{t("health.none")}</p>}
      {list.data?.map((p) => (
        <Paper key={p.id} onRemoved={() => look(null)} onShare={() => setDoing({ at: "share", paper: p })} paper={p} />
      ))}
      <Button onClick={() => setDoing({ at: "add" })} type="button">
        {t("health.add")}
      </Button>
    </>
  );
}

function Paper({ paper, onShare, onRemoved }: { paper: PaperInfo; onShare: () => void; onRemoved: () => Promise<void> }) {
  const { t } = useTranslation();
  const { papers } = useVolens();
  const work = useWork();
  const shown = /^(HC1:|shc:\/)\S*$/.test(paper.text); // one code holds it
  return (
    <>
      {paper.certificates.map((c, i) => (
        <Judged certificate={c} key={i} />
      ))}
      {work.shown}
      {shown && (
        <Fold title={t("health.show")}>
          <QR text={paper.text} title={t("health.qr")} />
        </Fold>
      )}
      <div className="v-actions">
        <Button onClick={onShare} secondary type="button">
          {t("health.share")}
        </Button>
        <Button
          disabled={work.busy}
          onClick={() =>
            work.run(async () => {
              await papers.remove(paper.id);
              await onRemoved();
            })
          }
          secondary
          type="button"
        >
          {t("health.remove")}
        </Button>
      </div>
    </>
  );
}

/** Judged says first whether a certificate can be believed, then what it says. */
function Judged({ certificate: c }: { certificate: Certificate }) {
  const { t } = useTranslation();
  const f = useFormat();
  const valid = c.problems.length === 0;
  const date = (ms: number) => (ms === 0 ? null : f.date(ms));
  const person = [c.person.given, c.person.family].filter((p) => p !== "").join(" ");
  return (
    <Box alike mood={valid ? "good" : "bad"} title={`${valid ? "✓" : "✗"} ${t(valid ? "health.valid" : "health.invalid")}`}>
      {!valid && (
        <ul>
          {[...new Set(c.problems.map((p) => p.code))].map((code) => (
            <li key={code}>{t(`health.problem.${code}`)}</li>
          ))}
        </ul>
      )}
      {c.facts.map((fact, i) => (
        <Stated fact={fact} key={i} />
      ))}
      <Rows
        rows={[
          person !== "" && [t("health.person"), <bdi key="p">{person}</bdi>],
          c.person.born !== "" && [t("health.born"), <bdi key="b">{c.person.born}</bdi>],
          [t("health.issuer"), <bdi key="i">{c.issuer}</bdi>],
          c.issued !== 0 && [t("health.issued"), date(c.issued)],
          c.expires !== 0 && [t("health.expires"), date(c.expires)],
        ]}
      />
      <Fold title={t("app.details")}>
        <Code>{c.key}</Code>
        {c.problems.map((p) => (
          <p key={p.text} lang="en">
            {p.text}
          </p>
        ))}
      </Fold>
    </Box>
  );
}

/** useKind is the word for what a certificate is about. */
function useKind(): (kind: string) => string {
  const { t } = useTranslation();
  return (kind) => t(`health.kind.${kind}`, { defaultValue: t("health.kind.other", { kind }) });
}

function Stated({ fact }: { fact: Fact }) {
  const { t } = useTranslation();
  const kind = useKind();
  return (
    <>
      <h3 className="nhsuk-heading-s">{kind(fact.kind)}</h3>
      <Rows
        rows={[
          fact.date !== "" && [t("health.date"), <bdi key="d">{fact.date}</bdi>],
          fact.code !== "" && [t("health.code"), <Code key="c">{fact.code.slice(fact.code.lastIndexOf("|") + 1)}</Code>],
          fact.text !== "" && [fact.kind === "vaccination" ? t("health.dose") : t("health.said"), <bdi key="t">{fact.text}</bdi>],
        ]}
      />
    </>
  );
}

const most = 1 << 20;

/** Add reads a certificate from a picture, a file or a text, and shows it before it is kept. */
function Add({ onDone, onCancel }: { onDone: () => Promise<void>; onCancel: () => void }) {
  const { t } = useTranslation();
  const { papers } = useVolens();
  const work = useWork();
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const [read, setRead] = useState<{ text: string; certificates: Certificate[] } | null>(null);
  const take = async (file: File) => {
    setProblem(null);
    if (!file.type.startsWith("image/")) {
      setText((await file.slice(0, most).text()).trim());
      return;
    }
    const { scan } = await import("../app/scan");
    const found = await scan(file);
    if (found === null) setProblem(t("health.noCode"));
    else setText(found);
  };
  const open = async () => {
    const given = text.trim();
    setProblem(given === "" ? t("health.empty") : null);
    if (given === "") return;
    await work.run(async () => setRead({ text: given, certificates: await papers.read(given) }));
  };
  if (read !== null) {
    return (
      <>
        <Title>{t("health.check")}</Title>
        {work.shown}
        {read.certificates.map((c, i) => (
          <Judged certificate={c} key={i} />
        ))}
        <div className="v-actions">
          <Button
            disabled={work.busy}
            onClick={() =>
              work.run(async () => {
                await papers.keep(read.text);
                await onDone();
              })
            }
            type="button"
          >
            {t("health.keep")}
          </Button>
          <Button onClick={() => setRead(null)} secondary type="button">
            {t("app.back")}
          </Button>
        </div>
      </>
    );
  }
  return (
    <form
      className="v-form"
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        void open();
      }}
    >
      <Problems list={problem === null ? [] : [{ id: "certificate-file", text: problem }]} />
      {work.shown}
      <Title>{t("health.add")}</Title>
      <FileField
        accept="image/*,.smart-health-card,.txt,application/smart-health-card,application/json"
        error={problem ?? undefined}
        hint={t("health.fileHint")}
        id="certificate-file"
        label={t("health.file")}
        onFile={(file) => void take(file)}
      />
      <Textarea
        autoCapitalize="none"
        autoComplete="off"
        dir="ltr"
        hint={t("health.textHint")}
        id="certificate-text"
        label={t("health.text")}
        name="certificate-text"
        onChange={(e) => setText(e.currentTarget.value)}
        rows={6}
        spellCheck={false}
        value={text}
      />
      <div className="v-actions">
        <Button disabled={work.busy} type="submit">
          {t("health.read")}
        </Button>
        <Button onClick={onCancel} secondary type="button">
          {t("app.cancel")}
        </Button>
      </div>
    </form>
  );
}

/** Share puts a certificate down at the hospital, where consents decide who gets it. */
function Share({ paper, onDone, onBack }: { paper: PaperInfo; onDone: () => Promise<void>; onBack: () => void }) {
  const { t } = useTranslation();
  const { custodianName } = useSubject();
  const kind = useKind();
  const first = paper.certificates[0]?.facts[0]?.kind ?? "";
  const file = new TextEncoder().encode(paper.text);
  return (
    <>
      <Title caption={custodianName}>{t("health.shareTitle")}</Title>
      <Suspense fallback={<Wait />}>
        <PutDown
          bytes={file}
          contentType={paper.text.startsWith("{") ? "application/smart-health-card" : "text/plain"}
          onCancel={onBack}
          onDone={onDone}
          title={first === "" ? "" : kind(first)}
        />
      </Suspense>
    </>
  );
}
