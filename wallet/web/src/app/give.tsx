import { Textarea } from "nhsuk-react-components";
import { useId, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Code, Copy } from "./parts";
import { QR } from "./QR";

/** FileField reads a file on this device. It is the browser's own field: it needs no script and speaks the person's language. */
export function FileField(p: { id: string; label: string; hint: string; onFile: (file: File) => void; accept?: string; error?: string | undefined }) {
  return (
    <div className={`nhsuk-form-group${p.error === undefined ? "" : " nhsuk-form-group--error"}`}>
      <label className="nhsuk-label" htmlFor={p.id}>
        {p.label}
      </label>
      <div className="nhsuk-hint" id={`${p.id}--hint`}>
        {p.hint}
      </div>
      {p.error !== undefined && (
        <p className="nhsuk-error-message" id={`${p.id}--error`}>
          {p.error}
        </p>
      )}
      <input
        accept={p.accept}
        aria-describedby={`${p.id}--hint${p.error === undefined ? "" : ` ${p.id}--error`}`}
        className="nhsuk-file-upload"
        id={p.id}
        name={p.id}
        onChange={(e) => {
          const file = e.currentTarget.files?.[0];
          if (file !== undefined) p.onFile(file);
        }}
        type="file"
      />
    </div>
  );
}

/** Largest file that is read as text: no file of ours is near it. */
const most = 1 << 20;

/** TextOrFile takes what somebody sent: a file, or its text. */
export function TextOrFile(p: { id: string; label: string; value: string; onValue: (text: string) => void; error?: string | undefined; rows?: number }) {
  const { t } = useTranslation();
  return (
    <>
      <FileField error={p.error} hint={t("app.fileHint")} id={`${p.id}-file`} label={p.label} onFile={(f) => void f.slice(0, most).text().then(p.onValue)} />
      <Textarea
        autoCapitalize="none"
        autoComplete="off"
        dir="ltr"
        id={p.id}
        label={t("app.orText")}
        name={p.id}
        onChange={(e) => p.onValue(e.currentTarget.value)}
        rows={p.rows ?? 4}
        spellCheck={false}
        value={p.value}
      />
    </>
  );
}

/** Hand shows a text that goes to somebody else: to scan, to copy, to read out. */
export function Hand({ label, text, code, children }: { label: string; text: string; code?: string; children?: ReactNode }) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <div aria-labelledby={id} role="group">
      <p id={id}>
        <strong>{label}</strong>
      </p>
      <p>
        <Code>{text}</Code> <Copy text={text} />
      </p>
      {children}
      <QR text={code ?? text} title={t("app.qrOf", { what: label })} />
    </div>
  );
}
