import { Button, Checkboxes, TextInput } from "nhsuk-react-components";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { FileField } from "../app/give";
import { Problems } from "../app/parts";
import { useRefresh, useSubject, useVolens } from "../app/wallet";
import { useWork } from "../app/work";

interface Props {
  /** What is put down; absent: a file is asked for. */
  bytes?: Uint8Array;
  contentType?: string;
  title?: string;
  onDone: () => Promise<void>;
  onCancel?: () => void;
}

const most = 1_000_000;

const base64 = (bytes: Uint8Array): string => {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
};

/** PutDown puts a document down at the hospital. Nobody gets it by that alone. */
export default function PutDown(p: Props) {
  const { t } = useTranslation();
  const { papers } = useVolens();
  const { handle } = useSubject();
  const refresh = useRefresh();
  const work = useWork();
  const [file, setFile] = useState<File | null>(null);
  const [title, setTitle] = useState(p.title ?? "");
  const [secret, setSecret] = useState(false);
  const [problems, setProblems] = useState<readonly { id: string; text: string }[]>([]);
  const asks = p.bytes === undefined;
  const put = async () => {
    const wrong = [
      ...(asks && file === null ? [{ id: "document", text: t("restore.none") }] : []),
      ...(asks && file !== null && file.size > most ? [{ id: "document", text: t("health.tooLarge") }] : []),
      ...(title.trim() === "" ? [{ id: "document-title", text: t("health.nameMissing") }] : []),
    ];
    setProblems(wrong);
    if (wrong.length > 0) return;
    await work.run(async () => {
      const bytes = p.bytes ?? new Uint8Array((await file?.arrayBuffer()) ?? new ArrayBuffer());
      const contentType = p.contentType ?? (file === null || file.type === "" ? "application/octet-stream" : file.type);
      await papers.put(handle, { title: title.trim(), contentType, data: base64(bytes), secret });
      await refresh();
      await p.onDone();
    });
  };
  const of = (id: string) => problems.find((x) => x.id === id)?.text;
  return (
    <form
      className="v-form"
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        void put();
      }}
    >
      <Problems list={problems} />
      {work.shown}
      <p>{t("health.shareWhat")}</p>
      {asks && <FileField error={of("document")} hint={t("health.documentHint")} id="document" label={t("health.document")} onFile={setFile} />}
      <TextInput
        autoComplete="off"
        error={of("document-title")}
        hint={t("health.nameHint")}
        id="document-title"
        label={t("health.name")}
        name="document-title"
        onChange={(e) => setTitle(e.currentTarget.value)}
        value={title}
      />
      <Checkboxes idPrefix="secret" name="secret">
        <Checkboxes.Item checked={secret} hint={t("health.secretHint")} onChange={(e) => setSecret(e.currentTarget.checked)} value="yes">
          {t("health.secret")}
        </Checkboxes.Item>
      </Checkboxes>
      <div className="v-actions">
        <Button disabled={work.busy} type="submit">
          {t("health.put")}
        </Button>
        {p.onCancel !== undefined && (
          <Button onClick={p.onCancel} secondary type="button">
            {t("app.cancel")}
          </Button>
        )}
      </div>
    </form>
  );
}
