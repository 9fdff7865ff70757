import { useTranslation } from 'react-i18next';
import { Button } from 'nhsuk-react-components';
import { Link, useLocation } from 'wouter';

import { chooseLanguage, isLanguage, languages } from '../i18n';
import { useDevice } from './wallet';

/** Header names the app, and has the language, the lock and the menu. */
export function Header() {
  const { t } = useTranslation();
  const { volens, standing } = useDevice();
  return (
    <>
      <a
        className="nhsuk-skip-link"
        href="#main"
        onClick={(e) => {
          e.preventDefault();
          document.getElementById('main')?.focus();
        }}
      >
        {t('app.skip')}
      </a>
      <header className="v-header">
        <div className="nhsuk-width-container v-header__in">
          <Link className="v-header__name" href="/">
            <Mark />
            {t('app.name')}
          </Link>
          <div className="v-header__tools">
            <LanguageChoice />
            {standing.status.unlocked && (
              <Button onClick={() => volens.vault.lock()} reverse small type="button">
                {t('app.lock')}
              </Button>
            )}
          </div>
        </div>
      </header>
      <Menu />
    </>
  );
}

/** Mark is the app's sign: a hand that closes a ring. */
function Mark() {
  return (
    <svg aria-hidden="true" className="v-header__mark" focusable="false" viewBox="0 0 34 34">
      <circle cx="17" cy="17" fill="none" r="14" stroke="#fff" strokeWidth="4" />
      <path d="M10 17l5 6 10-12" fill="none" stroke="#ffeb3b" strokeWidth="4" />
    </svg>
  );
}

/** LanguageChoice changes the language at once. Each language stands by its own name. */
export function LanguageChoice() {
  const { t, i18n } = useTranslation();
  return (
    <>
      <label className="nhsuk-u-visually-hidden" htmlFor="language">
        {t('settings.language')}
      </label>
      <select
        className="nhsuk-select"
        id="language"
        onChange={(e) => {
          if (isLanguage(e.target.value)) void chooseLanguage(e.target.value);
        }}
        value={i18n.language}
      >
        {Object.entries(languages).map(([tag, name]) => (
          <option key={tag} lang={tag} value={tag}>
            {name}
          </option>
        ))}
      </select>
    </>
  );
}

const patient = [
  ['/', 'nav.home'],
  ['/asked', 'nav.asked'],
  ['/consents', 'nav.consents'],
  ['/uses', 'nav.uses'],
  ['/people', 'nav.people'],
  ['/helping', 'nav.helping'],
  ['/documents', 'nav.documents'],
  ['/settings', 'nav.settings'],
] as const;

const withoutRecord = [
  ['/', 'nav.link'],
  ['/helping', 'nav.helping'],
  ['/recover', 'nav.recover'],
  ['/settings', 'nav.settings'],
] as const;

const staff = [
  ['/requests', 'nav.requests'],
  ['/audit', 'nav.audit'],
  ['/custodian', 'nav.custodian'],
] as const;

const under = (path: string, root: string): boolean => (root === '/' ? path === '/' : path === root || path.startsWith(`${root}/`));

/** isConsole tells the pages of organisations from those of patients. */
export const isConsole = (path: string): boolean => staff.some(([root]) => under(path, root));

function Menu() {
  const { t } = useTranslation();
  const [path] = useLocation();
  const { status, subjects } = useDevice().standing;
  const ready = status.unlocked && status.hasPhrase && status.phraseSeen;
  const list = isConsole(path) ? staff : subjects.length > 0 ? patient : ready ? withoutRecord : [];
  if (list.length === 0) return null;
  return (
    <nav aria-label={t('app.menu')} className="v-nav">
      <div className="nhsuk-width-container">
        <ul className="v-nav__list">
          {list.map(([to, key]) => (
            <li className="v-nav__item" key={to}>
              <Link className="v-nav__link" href={to} {...(under(path, to) ? { 'aria-current': 'page' as const } : {})}>
                {t(key)}
              </Link>
            </li>
          ))}
        </ul>
      </div>
    </nav>
  );
}

/** Footer says where the keys are, and leads to the consoles. */
export function Footer() {
  const { t } = useTranslation();
  return (
    <footer className="v-footer">
      <div className="nhsuk-width-container">
        <p>{t('app.footer')}</p>
        <ul>
          <li>
            <Link href="/">{t('app.patients')}</Link>
          </li>
          {staff.map(([to, key]) => (
            <li key={to}>
              <Link href={to}>{t(key)}</Link>
            </li>
          ))}
        </ul>
      </div>
    </footer>
  );
}
