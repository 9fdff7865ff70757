import { useQuery } from "@tanstack/react-query";
import { Button } from "nhsuk-react-components";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { FileField } from "../../app/give";
import { Box, Code, Fault, Title, Wait } from "../../app/parts";
import { useDevice } from "../../app/wallet";
import { PasswordField } from "../Unlock";

/** Who is signed in for an organisation. */
export interface Session {
  member: string;
  name: string;
  roles: string[];
}

interface Props {
  title: string;
  roles: readonly string[]; // any of them may use this desk
  children: (session: Session) => ReactNode;
}

/** Desk is the sign-in of an organisation's person: a key that this device keeps locked with a password, and what the ledger
 * says of it. */
export function Desk({ title, roles, children }: Props) {
  const { t } = useTranslation();
  const { standing } = useDevice();
  const { status } = standing;
  const [session, setSession] = useState<Session | null>(null);
  if (session !== null && status.unlocked) {
    const may = session.roles.some((r) => roles.includes(r));
    return (
      <>
        <Title caption={session.name}>{title}</Title>
        {may ? (
          children(session)
        ) : (
          <Box mood="bad">
            <p>{t("desk.noRole")}</p>
          </Box>
        )}
        <p>
          <Button onClick={() => setSession(null)} secondary small type="button">
            {t("desk.signOut")}
          </Button>
        </p>
      </>
    );
  }
  return (
    <div className="v-form">
      <Title>{title}</Title>
      <p>{t("desk.what")}</p>
      {status.exists && !status.unlocked ? <OpenDevice /> : <Keys exists={status.exists} onSession={setSession} />}
    </div>
  );
}

function OpenDevice() {
  const { t } = useTranslation();
  const { volens } = useDevice();
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const open = async () => {
    setBusy(true);
    setError(null);
    try {
      await volens.vault.unlock(password);
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        void open();
      }}
    >
      {error !== null && <Fault error={error} />}
      <PasswordField autoComplete="current-password" hint={t("unlock.what")} id="password" label={t("password.label")} onValue={setPassword} value={password} />
      <Button disabled={busy} type="submit">
        {t("unlock.go")}
      </Button>
      {busy && <Wait>{t("unlock.opening")}</Wait>}
    </form>
  );
}

function Keys({ exists, onSession }: { exists: boolean; onSession: (s: Session) => void }) {
  const { t } = useTranslation();
  const { volens, look } = useDevice();
  const keys = useQuery({ queryKey: ["desk-keys", exists], queryFn: () => (exists ? volens.organisation.keys() : []), networkMode: "always" });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const run = async (work: () => Promise<void>) => {
    setBusy(true);
    setError(null);
    try {
      await work();
    } catch (e) {
      setError(e);
    }
    setBusy(false);
  };
  const signIn = (address: string) =>
    run(async () => {
      const s = await volens.organisation.signIn(address);
      onSession({ member: s.member ?? "", name: s.name ?? s.member ?? "", roles: s.roles });
    });
  return (
    <>
      {error !== null && <Fault error={error} />}
      {(keys.data ?? []).map((k) => (
        <Box alike key={k.address} title={k.name ?? t("desk.unknownKey")}>
          <p>
            <Code>{k.address}</Code>
          </p>
          <div className="v-actions">
            <Button disabled={busy} onClick={() => signIn(k.address)} type="button">
              {t("desk.signIn")}
              <span className="nhsuk-u-visually-hidden">: {k.name ?? k.address}</span>
            </Button>
            <Button
              disabled={busy}
              onClick={() =>
                run(async () => {
                  await volens.organisation.forgetKey(k.address);
                  await keys.refetch();
                })
              }
              secondary
              type="button"
            >
              {t("desk.forget")}
              <span className="nhsuk-u-visually-hidden">: {k.name ?? k.address}</span>
            </Button>
          </div>
        </Box>
      ))}
      <AddKey
        busy={busy}
        exists={exists}
        onAdd={(text, password) =>
          run(async () => {
            await volens.vault.importKey(text, exists ? undefined : password);
            await look();
            await keys.refetch();
          })
        }
      />
    </>
  );
}

function AddKey({ exists, busy, onAdd }: { exists: boolean; busy: boolean; onAdd: (text: string, password: string) => Promise<void> }) {
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const [password, setPassword] = useState("");
  return (
    <form
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        void onAdd(text, password).then(() => setText(""));
      }}
    >
      <h2 className="nhsuk-heading-m">{t("desk.add")}</h2>
      <FileField hint={t("desk.fileHint")} id="key-file" label={t("desk.file")} onFile={(file) => void file.text().then(setText)} />
      {!exists && (
        <>
          <p>{t("desk.passwordWhat")}</p>
          <PasswordField autoComplete="new-password" hint={t("password.hint")} id="new-password" label={t("password.label")} onValue={setPassword} value={password} />
        </>
      )}
      <Button disabled={busy || text === ""} type="submit">
        {t("desk.addKey")}
      </Button>
      {busy && <Wait>{t("app.working")}</Wait>}
    </form>
  );
}
