import { useEffect, useId, useRef, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Button, Details } from 'nhsuk-react-components';
import { Link } from 'wouter';

import { useSay } from './Live';
import { faultOf } from './fault';

/** The first page leaves the focus where the browser puts it, at the top. */
let arrived = false;

/** Title is the page's only first-level heading; it names the browser's tab too. A new page or step takes the focus to it, as
 * loading a page from a server would. */
export function Title({ children, caption }: { children: string; caption?: string | undefined }) {
  useEffect(() => {
    document.title = `${children} – Volens`;
  }, [children]);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (arrived) {
      window.scrollTo(0, 0);
      heading.current?.focus({ preventScroll: true });
    }
    arrived = true;
  }, []);
  return (
    <h1 className="nhsuk-heading-l" ref={heading} tabIndex={-1}>
      {caption !== undefined && <span className="nhsuk-caption-l">{caption} </span>}
      {children}
    </h1>
  );
}

/** Wait says that something takes time. */
export function Wait({ children }: { children?: string | undefined }) {
  const { t } = useTranslation();
  return (
    <p className="v-wait" role="status">
      <span className="v-wait__dot" aria-hidden="true" />
      <span>{children ?? t('app.loading')}</span>
    </p>
  );
}

type Mood = 'good' | 'bad' | 'warn' | 'urgent' | 'quiet';

/** Box sets a part of a page apart: a landmark by its title, unless it is one of several alike. */
export function Box({ mood, title, level = 2, alike, children }: { mood?: Mood; title?: string; level?: 2 | 3; alike?: boolean; children: ReactNode }) {
  const id = useId();
  const Heading = level === 2 ? 'h2' : 'h3';
  const Part = alike === true || title === undefined ? 'div' : 'section';
  return (
    <Part className={`v-box${mood ? ` v-box--${mood}` : ''}`} {...(Part === 'div' ? {} : { 'aria-labelledby': id })}>
      {title !== undefined && (
        <Heading className="nhsuk-heading-m" id={id}>
          {title}
        </Heading>
      )}
      {children}
    </Part>
  );
}

/** Fault says what went wrong and what to do, and takes the reader there. */
export function Fault({ error }: { error: unknown }) {
  const { t } = useTranslation();
  const at = useRef<HTMLDivElement>(null);
  useEffect(() => at.current?.focus(), [error]);
  const { sentence, code } = faultOf(error);
  return (
    <div className="nhsuk-error-summary" ref={at} role="alert" tabIndex={-1}>
      <h2 className="nhsuk-error-summary__title">{t('app.error')}</h2>
      <div className="nhsuk-error-summary__body">
        <p>{t(`fault.${sentence}`, { defaultValue: t('fault.other') })}</p>
        {code !== undefined && <p className="nhsuk-body-s">{t('fault.code', { code })}</p>}
      </div>
    </div>
  );
}

/** Problems lists what is wrong with a form, each with a way to the field. */
export function Problems({ list }: { list: readonly { id: string; text: string }[] }) {
  const { t } = useTranslation();
  const at = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (list.length > 0) at.current?.focus();
  }, [list]);
  if (list.length === 0) return null;
  return (
    <div className="nhsuk-error-summary" ref={at} role="alert" tabIndex={-1}>
      <h2 className="nhsuk-error-summary__title">{t('app.error')}</h2>
      <div className="nhsuk-error-summary__body">
        <ul className="nhsuk-list nhsuk-error-summary__list">
          {list.map((p) => (
            <li key={p.id}>
              <a
                href={`#${p.id}`}
                onClick={(e) => {
                  e.preventDefault();
                  document.getElementById(p.id)?.focus();
                }}
              >
                {p.text}
              </a>
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}

/** Rows is a list of what something is. Rows without a value are left out. */
export function Rows({ rows }: { rows: readonly (readonly [string, ReactNode] | false | undefined)[] }) {
  return (
    <dl className="nhsuk-summary-list">
      {rows.map((row) =>
        row ? (
          <div className="nhsuk-summary-list__row" key={row[0]}>
            <dt className="nhsuk-summary-list__key">{row[0]}</dt>
            <dd className="nhsuk-summary-list__value">{row[1]}</dd>
          </div>
        ) : null,
      )}
    </dl>
  );
}

/** Code is text for machines: it keeps its direction in every language. */
export const Code = ({ children }: { children: string }) => (
  <code className="v-code" dir="ltr">
    {children}
  </code>
);

/** Fold is what a reader may open. */
export function Fold({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Details className="v-fold">
      <Details.Summary>{title}</Details.Summary>
      <Details.Text>{children}</Details.Text>
    </Details>
  );
}

/** Go is a link that looks like a button. */
export function Go({ to, children, secondary }: { to: string; children: ReactNode; secondary?: boolean }) {
  return (
    <Link className={`nhsuk-button${secondary ? ' nhsuk-button--secondary' : ''}`} href={to}>
      {children}
    </Link>
  );
}

/** Back is the way back. */
export function Back({ to, children }: { to: string; children?: string }) {
  const { t } = useTranslation();
  return (
    <p className="v-noprint">
      <Link className="nhsuk-back-link" href={to}>
        {children ?? t('app.back')}
      </Link>
    </p>
  );
}

/** Copy puts text on the clipboard. */
export function Copy({ text }: { text: string }) {
  const { t } = useTranslation();
  const say = useSay();
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    say(t('app.copied'));
  };
  return (
    <Button secondary small onClick={copy} type="button">
      {t(done ? 'app.copied' : 'app.copy')}
    </Button>
  );
}

/** save offers a file that was made on this device. */
export function save(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const a = document.createElement('a');
  a.href = url;
  a.download = name;
  a.click();
  window.setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Scroll is a part that scrolls by itself; the keyboard must reach it, so it takes the focus. */
export function Scroll({ label, children }: { label: string; children: ReactNode }) {
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- WCAG 2.1.1: what scrolls is reached by keyboard
    <div aria-label={label} className="v-scroll" role="region" tabIndex={0}>
      {children}
    </div>
  );
}

/** Lost is the page that does not exist, with a way on. */
export function Lost() {
  const { t } = useTranslation();
  return (
    <>
      <Title>{t('app.notFound')}</Title>
      <p>{t('app.notFoundWhat')}</p>
      <Go to="/">{t('app.toStart')}</Go>
    </>
  );
}
