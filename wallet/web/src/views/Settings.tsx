import { useQuery } from "@tanstack/react-query";
import { Button, Checkboxes, Select } from "nhsuk-react-components";
import { use, useState } from "react";
import { useTranslation } from "react-i18next";

import { Hand } from "../app/give";
import { Box, Code, Copy, Fold, Go, Rows, save, Title } from "../app/parts";
import { SubjectContext, useDevice, useVolens } from "../app/wallet";
import { chooseLanguage, isLanguage, languages } from "../i18n";
import { noticesWanted, wantNotices } from "../app/notices";
import { useWork, type Work } from "../app/work";
import { Restore } from "./Restore";
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
      <EraseRecord />
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

/** Saved shows how it went, in this page's words. */
function Saved({ work }: { work: Work }) {
  const { t } = useTranslation();
  return (
    <>
      {work.shown}
      <p aria-live="polite">{work.done && <>✓ {t("settings.saved")}</>}</p>
    </>
  );
}

function DeviceLock() {
  const { t } = useTranslation();
  const { volens, standing, look } = useDevice();
  const work = useWork();
  const { busy, run } = work;
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
      <Saved work={work} />
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
          <h3 className="nhsuk-heading-s">{s.delegation === undefined ? s.custodianName : t("acting.record", { name: s.label, custodian: s.custodianName })}</h3>
          <Rows
            rows={[
              [t("enrol.handle"), <Code key="h">{s.handle}</Code>],
              [t("settings.keyAddress"), <Code key="a">{s.address}</Code>],
              [t("enrol.server"), <Code key="g">{s.gateway}</Code>],
            ]}
          />
          {s.delegation === undefined && s.erased === undefined && (
            <Fold title={t("guardians.number")}>
              <Hand code={`${window.location.origin}/helping#${s.handle}`} label={t("guardians.number")} text={s.handle} />
            </Fold>
          )}
          {s.delegation === undefined && <p>{t("settings.reminderWhat")}</p>}
          {s.delegation !== undefined ? null : reminder[s.handle] === undefined ? (
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
  const work = useWork();
  const { busy, run } = work;
  return (
    <Box title={t("settings.backup")}>
      <p>{t("settings.backupWhat")}</p>
      <Saved work={work} />
      <Button disabled={busy} onClick={() => run(async () => save("volens-wallet.json", "application/json", await vault.backup()))} secondary type="button">
        {t("settings.backupSave")}
      </Button>
      <Fold title={t("restore.settings")}>
        <p>{t("restore.replaces")}</p>
        <Restore replace />
      </Fold>
    </Box>
  );
}

function Password() {
  const { t } = useTranslation();
  const { vault } = useVolens();
  const work = useWork();
  const { busy, done, run } = work;
  const [old, setOld] = useState("");
  const [next, setNext] = useState("");
  return (
    <Box title={t("settings.password")}>
      <Saved work={work} />
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

/** EraseRecord leads to the end of the record that the pages are about. */
function EraseRecord() {
  const { t } = useTranslation();
  const subject = use(SubjectContext);
  if (subject === null || subject.delegation !== undefined || subject.erased !== undefined) return null;
  return (
    <Box title={t("erase.title")}>
      <p>{t("erase.what", { custodian: subject.custodianName })}</p>
      <Go secondary to="/erase">
        {t("erase.open")}
      </Go>
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
