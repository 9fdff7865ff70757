import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button, PasswordInput } from 'nhsuk-react-components';

import { Fold, Title } from '../app/parts';
import { useDevice } from '../app/wallet';
import { useWork } from '../app/work';

/** Unlock opens the wallet of this device with its password. */
export function Unlock() {
  const { t } = useTranslation();
  const { volens, standing } = useDevice();
  const [password, setPassword] = useState('');
  const { busy, run, shown } = useWork(t('unlock.opening'));
  return (
    <div className="v-form">
      <Title>{t('unlock.title')}</Title>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void run(() => volens.vault.unlock(password));
        }}
      >
        <PasswordField autoComplete="current-password" hint={t('unlock.what')} id="password" label={t('password.label')} onValue={setPassword} value={password} />
        <Button aria-disabled={busy} disabled={busy} type="submit">
          {t('unlock.go')}
        </Button>
        {shown}
      </form>
      {standing.status.passkey && (
        <Button disabled={busy} onClick={() => run(() => volens.vault.unlockWithPasskey())} secondary type="button">
          {t('unlock.device')}
        </Button>
      )}
      <Fold title={t('unlock.forgot')}>
        <p>{t('unlock.forgotWhat')}</p>
        <Forget />
      </Fold>
    </div>
  );
}

/** PasswordField is a password that can be shown, in the language in use. */
export function PasswordField(p: { id: string; label: string; value: string; onValue: (v: string) => void; hint?: string; error?: string | undefined; autoComplete: string }) {
  const { t, i18n } = useTranslation();
  return (
    <PasswordInput
      autoComplete={p.autoComplete}
      error={p.error}
      hint={p.hint}
      i18n={{
        showPassword: t('password.show'),
        hidePassword: t('password.hide'),
        showPasswordAriaLabel: t('password.showPassword'),
        hidePasswordAriaLabel: t('password.hidePassword'),
      }}
      id={p.id}
      key={i18n.language}
      label={p.label}
      name={p.id}
      onChange={(e) => p.onValue(e.currentTarget.value)}
      showPasswordAriaLabelText={t('password.showPassword')}
      showPasswordText={t('password.show')}
      value={p.value}
    />
  );
}

/** Forget removes the wallet from this device, after a second question. */
export function Forget() {
  const { t } = useTranslation();
  const { volens, look } = useDevice();
  const [sure, setSure] = useState(false);
  const forget = async () => {
    await volens.vault.destroy();
    await look();
  };
  if (!sure) {
    return (
      <Button onClick={() => setSure(true)} secondary type="button">
        {t('unlock.remove')}
      </Button>
    );
  }
  return (
    <>
      <p role="alert">{t('unlock.removeSure')}</p>
      <div className="v-actions">
        <Button onClick={forget} type="button" warning>
          {t('unlock.removeYes')}
        </Button>
        <Button onClick={() => setSure(false)} secondary type="button">
          {t('app.cancel')}
        </Button>
      </div>
    </>
  );
}
