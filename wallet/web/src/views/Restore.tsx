import { Button } from "nhsuk-react-components";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { FileField } from "../app/give";
import { Problems } from "../app/parts";
import { useDevice } from "../app/wallet";
import { useWork } from "../app/work";
import { PasswordField } from "./Unlock";

/** Restore opens a wallet file with its password. With replace it takes the place of the wallet that is here, once it is open. */
export function Restore({ replace }: { replace?: boolean }) {
  const { t } = useTranslation();
  const { volens, look } = useDevice();
  const work = useWork(t("unlock.opening"));
  const [file, setFile] = useState("");
  const [password, setPassword] = useState("");
  const [missing, setMissing] = useState<readonly { id: string; text: string }[]>([]);
  const open = async () => {
    const wrong = file === "" ? [{ id: "wallet-file", text: t("restore.none") }] : [];
    setMissing(wrong);
    if (wrong.length > 0) return;
    await work.run(async () => {
      await volens.vault.restore(file, password, replace === true);
      setPassword("");
      await look();
    });
  };
  return (
    <form
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        void open();
      }}
    >
      <Problems list={missing} />
      {work.shown}
      <FileField accept=".json,application/json" error={missing[0]?.text} hint={t("restore.what")} id="wallet-file" label={t("restore.file")} onFile={(f) => void f.text().then(setFile)} />
      <PasswordField autoComplete="current-password" id="file-password" label={t("password.label")} onValue={setPassword} value={password} />
      <Button disabled={work.busy} secondary={replace === true} type="submit">
        {t("restore.go")}
      </Button>
    </form>
  );
}
