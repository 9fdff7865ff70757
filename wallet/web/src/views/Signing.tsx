import { Button } from "nhsuk-react-components";
import { useEffect, useId, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import type { Draft, Field, Intent, Signed } from "../api/volens.ts";
import { useSay } from "../app/Live";
import { Box, Code, Fault, Fold, Problems, Wait } from "../app/parts";
import { useSayings } from "../app/say";
import { useVolens } from "../app/wallet";
import { useFormat } from "../i18n/format";

interface Props {
  intent: Intent;
  onDone: (signed: Signed) => void | Promise<void>;
  onCancel: () => void;
  label?: string;
  /** What is signed takes something away: the button warns. */
  warning?: boolean;
  /** What has to be done before she can sign, and where. */
  hold?: { id: string; text: string } | undefined;
  children?: ReactNode;
}

/** Signing shows what is about to be signed, made from the message itself, and signs it when the person says so. It is done
 * when the receipt is proved, and not before. */
export function Signing(props: Props) {
  const wanted = JSON.stringify(props.intent);
  return <One {...props} key={wanted} wanted={wanted} />;
}

function One({ wanted, onDone, onCancel, label, warning, hold, children }: Props & { wanted: string }) {
  const { t } = useTranslation();
  const { wallet } = useVolens();
  const say = useSay();
  const [draft, setDraft] = useState<Draft | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const [held, setHeld] = useState<readonly { id: string; text: string }[]>([]);
  useEffect(() => {
    let live = true;
    let id: string | null = null;
    wallet.prepare(JSON.parse(wanted) as Intent).then(
      (d) => {
        id = d.id;
        if (live) setDraft(d);
        else void wallet.discard(d.id);
      },
      (e: unknown) => live && setError(e),
    );
    return () => {
      live = false;
      if (id !== null) wallet.discard(id).catch(() => undefined); // signed ones are gone already
    };
  }, [wallet, wanted]);
  const sign = async (d: Draft) => {
    setHeld(hold === undefined ? [] : [hold]);
    if (hold !== undefined) return;
    setBusy(true);
    setError(null);
    try {
      const signed = await wallet.sign(d.id);
      say(t(signed.file === undefined ? "consent.receiptProved" : "sign.onlyFile"));
      await onDone(signed);
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  const signLabel = label ?? t("sign.sign");
  return (
    <>
      {error !== null && <Fault error={error} />}
      <Problems list={held} />
      {children}
      {draft === null && error === null && <Wait />}
      {draft !== null && <Shown draft={draft} />}
      <div className="v-actions">
        {draft !== null && (
          <Button disabled={busy} onClick={() => sign(draft)} type="button" warning={warning === true}>
            {signLabel}
          </Button>
        )}
        <Button disabled={busy} onClick={onCancel} secondary type="button">
          {t("app.cancel")}
        </Button>
      </div>
      {busy && <Wait>{t("sign.signing")}</Wait>}
    </>
  );
}

function Shown({ draft }: { draft: Draft }) {
  const { t } = useTranslation();
  const id = useId();
  const warnings = [...new Set(draft.fields.flatMap((f) => f.warnings))];
  return (
    <>
      <p>
        <strong>{t("sign.youSign")}:</strong> {t(`sign.${draft.type}`, { defaultValue: draft.type })}
      </p>
      {warnings.length > 0 && (
        <Box mood="warn" title={t("sign.twice")}>
          <ul>
            {warnings.map((w) => (
              <li key={w}>{t(`warn.${w}`)}</li>
            ))}
          </ul>
        </Box>
      )}
      {draft.text !== undefined && draft.text !== "" && (
        <>
          <h2 className="nhsuk-heading-s" id={id}>
            {t("sign.exact")}
          </h2>
          <blockquote aria-labelledby={id} className="v-quote" dir="auto">
            {draft.text}
          </blockquote>
        </>
      )}
      <Fold title={t("sign.technical")}>
        {draft.consent !== undefined && (
          <p>
            {t("sign.hash")}: <Code>{draft.consent.textHash}</Code>
          </p>
        )}
        <Fields fields={draft.fields} />
        <p>
          EIP-712: <Code>{draft.digest}</Code>
        </p>
      </Fold>
    </>
  );
}

/** Fields lists every part of a message. */
function Fields({ fields }: { fields: readonly Field[] }) {
  const { t } = useTranslation();
  return (
    <ul className="v-fields">
      {fields.map((f) => (
        <li key={f.path} style={{ paddingInlineStart: `${f.depth * 1.25}em` }}>
          <span className="v-fields__label">{t(`field.${f.key}`, { defaultValue: apart(f.key) })}</span>
          {f.form !== "none" && f.value !== "" && (
            <>
              : <FieldValue field={f} />
            </>
          )}
          {f.warnings.map((w) => (
            <strong key={w}> ⚠ {t(`warn.${w}`)}</strong>
          ))}
        </li>
      ))}
    </ul>
  );
}

/** apart takes a camel-case name apart. */
const apart = (key: string): string => key.replace(/([A-Z])/g, " $1").toLowerCase();

function FieldValue({ field: f }: { field: Field }) {
  const { t } = useTranslation();
  const format = useFormat();
  const say = useSayings();
  const when = (ms: string) => (ms === "0" ? t("app.none") : format.dateTime(Number(ms)));
  switch (f.form) {
    case "instant":
      return when(f.value);
    case "period": {
      const [start = "0", end = "0"] = f.value.split("/");
      return `${when(start)} – ${when(end)}`;
    }
    case "code": {
      const code = f.value.slice(f.value.indexOf("|") + 1);
      return say.any(code);
    }
    case "count":
      return format.number(Number(f.value));
    case "flag":
      return t(f.value === "yes" || f.value === "true" ? "app.yes" : "app.no");
    case "member":
      return (
        <>
          {f.name === undefined ? null : <bdi>{f.name}</bdi>} <Code>{f.value}</Code>
        </>
      );
    case "effect":
      return t(f.value === "permit" ? "uses.permit" : "uses.deny");
    case "unlimited":
      return t("sign.unlimited");
    case "hash":
      return <Code>{f.value}</Code>;
    default:
      return <bdi>{f.value}</bdi>;
  }
}
