import { useQuery } from "@tanstack/react-query";
import { Button, Checkboxes, Select } from "nhsuk-react-components";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Box, Code, Copy, Fault, Go, Rows, save, Title, Wait } from "../app/parts";
import { useDevice, useVolens } from "../app/wallet";
import { chooseLanguage, isLanguage, languages } from "../i18n";
import { noticesWanted, wantNotices } from "../app/notices";
import { Forget, PasswordField } from "./Unlock";

/** Settings of this device. Nothing of it leaves the device. */
export default function Settings() {
  const { t, i18n } = useTranslation();
  return (
    <>
      <Title>{t("settings.title")}</Title>
      <Box title={t("settings.language")}>
        <Select id="settings-language" label={t("settings.language")} onChange={(e) => isLanguage(e.currentTarget.value) && void chooseLanguage(e.currentTarget.value)} value={i18n.language}>
          {Object.entries(languages).map(([tag, name]) => (
            <Select.Option key={tag} lang={tag} value={tag}>
              {name}
            </Select.Option>
          ))}
        </Select>
      </Box>
      <Notices />
      <Lock />
      <DeviceLock />
      <Keys />
      <Backup />
      <Password />
      <Box title={t("settings.remove")}>
        <p>{t("unlock.forgotWhat")}</p>
        <Forget />
      </Box>
      <About />
    </>
  );
}

function Notices() {
  const { t } = useTranslation();
  const [on, setOn] = useState(noticesWanted);
  return (
    <Box title={t("settings.notices")}>
      <p>{t("settings.noticesWhat")}</p>
      <Checkboxes idPrefix="notices" name="notices">
        <Checkboxes.Item
          checked={on}
          onChange={(e) => {
            setOn(e.currentTarget.checked);
            wantNotices(e.currentTarget.checked);
          }}
          value="on"
        >
          {t("settings.noticesOn")}
        </Checkboxes.Item>
      </Checkboxes>
    </Box>
  );
}

const minutes = [1, 5, 15, 30] as const;

function Lock() {
  const { t } = useTranslation();
  const { volens, standing, look } = useDevice();
  return (
    <Box title={t("settings.lockTitle")}>
      <Select
        id="autolock"
        label={t("settings.lockAfter")}
        onChange={async (e) => {
          await volens.vault.setAutoLock(Number(e.currentTarget.value));
          await look();
        }}
        value={String(standing.status.autoLockMinutes)}
      >
        {[...new Set([...minutes, standing.status.autoLockMinutes])].sort((a, b) => a - b).map((n) => (
          <Select.Option key={n} value={String(n)}>
            {t("settings.minutes", { count: n })}
          </Select.Option>
        ))}
      </Select>
      <Button onClick={() => volens.vault.lock()} secondary type="button">
        {t("settings.lockNow")}
      </Button>
    </Box>
  );
}

/** useWork runs something that may fail, and says when it is done. */
function useWork(): { busy: boolean; done: boolean; run: (work: () => Promise<void>) => Promise<void>; shown: ReactNode } {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const run = async (work: () => Promise<void>) => {
    setBusy(true);
    setDone(false);
    setError(null);
    try {
      await work();
      setDone(true);
    } catch (e) {
      setError(e);
    }
    setBusy(false);
  };
  const shown = (
    <>
      {error !== null && <Fault error={error} />}
      {busy && <Wait>{t("app.working")}</Wait>}
      <p aria-live="polite">{done && <>✓ {t("settings.saved")}</>}</p>
    </>
  );
  return { busy, done, run, shown };
}

function DeviceLock() {
  const { t } = useTranslation();
  const { volens, standing, look } = useDevice();
  const { busy, run, shown } = useWork();
  const [password, setPassword] = useState("");
  const on = standing.status.passkey;
  const change = () =>
    run(async () => {
      await (on ? volens.vault.removePasskey() : volens.vault.addPasskey(password));
      setPassword("");
      await look();
    });
  return (
    <Box title={t("settings.device")}>
      {shown}
      {!on && <PasswordField autoComplete="current-password" id="device-password" label={t("password.label")} onValue={setPassword} value={password} />}
      <Button disabled={busy} onClick={change} secondary type="button">
        {t(on ? "settings.deviceOff" : "settings.deviceOn")}
      </Button>
    </Box>
  );
}

function Keys() {
  const { t } = useTranslation();
  const { standing } = useDevice();
  const volens = useVolens();
  const [reminder, setReminder] = useState<Record<string, string>>({});
  const show = async (handle: string) => {
    const text = await volens.wallet.reminder(handle);
    setReminder((r) => ({ ...r, [handle]: text }));
  };
  return (
    <Box title={t("settings.keys")}>
      {standing.subjects.map((s) => (
        <div key={s.handle}>
          <h3 className="nhsuk-heading-s">{s.custodianName}</h3>
          <Rows
            rows={[
              [t("enrol.handle"), <Code key="h">{s.handle}</Code>],
              [t("settings.keyAddress"), <Code key="a">{s.address}</Code>],
              [t("enrol.server"), <Code key="g">{s.gateway}</Code>],
            ]}
          />
          <p>{t("settings.reminderWhat")}</p>
          {reminder[s.handle] === undefined ? (
            <Button onClick={() => show(s.handle)} secondary small type="button">
              {t("settings.reminder")}
              <span className="nhsuk-u-visually-hidden">: {s.custodianName}</span>
            </Button>
          ) : (
            <p>
              <Code>{reminder[s.handle] ?? ""}</Code> <Copy text={reminder[s.handle] ?? ""} />
            </p>
          )}
        </div>
      ))}
      <p>
        <Go secondary to="/enrol">
          {t("enrol.another")}
        </Go>
      </p>
    </Box>
  );
}

function Backup() {
  const { t } = useTranslation();
  const { vault } = useVolens();
  const { busy, run, shown } = useWork();
  return (
    <Box title={t("settings.backup")}>
      <p>{t("settings.backupWhat")}</p>
      {shown}
      <Button disabled={busy} onClick={() => run(async () => save("volens-wallet.json", "application/json", await vault.backup()))} secondary type="button">
        {t("settings.backupSave")}
      </Button>
    </Box>
  );
}

function Password() {
  const { t } = useTranslation();
  const { vault } = useVolens();
  const { busy, done, run, shown } = useWork();
  const [old, setOld] = useState("");
  const [next, setNext] = useState("");
  return (
    <Box title={t("settings.password")}>
      {shown}
      {done ? null : (
        <form
          className="v-form"
          noValidate
          onSubmit={(e) => {
            e.preventDefault();
            void run(async () => {
              await vault.changePassword(old, next);
              setOld("");
              setNext("");
            });
          }}
        >
          <PasswordField autoComplete="current-password" id="old-password" label={t("password.old")} onValue={setOld} value={old} />
          <PasswordField autoComplete="new-password" hint={t("password.hint")} id="new-password" label={t("password.new")} onValue={setNext} value={next} />
          <Button disabled={busy} secondary type="submit">
            {t("settings.password")}
          </Button>
        </form>
      )}
    </Box>
  );
}

function About() {
  const { t } = useTranslation();
  const volens = useVolens();
  const build = useQuery({ queryKey: ["build"], queryFn: () => volens.build(), networkMode: "always", staleTime: Infinity });
  return (
    <Box title={t("settings.about")}>
      <p>
        {t("settings.build")}: <Code>{build.data?.hash ?? "…"}</Code>
      </p>
      <p>{t("settings.buildWhat")}</p>
    </Box>
  );
}
