import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';

/** Dates, numbers and lists as the language writes them. Times are of this device. */
export interface Format {
  date: (ms: number) => string;
  dateTime: (ms: number) => string;
  month: (year: number, month: number) => string;
  number: (n: number) => string;
  list: (items: readonly string[]) => string;
}

/** Europe's order of day and month for English; the other tags stand for themselves. */
const localeOf = (language: string): string => (language === 'en' ? 'en-GB' : language);

export function formatFor(language: string): Format {
  const locale = localeOf(language);
  const date = new Intl.DateTimeFormat(locale, { dateStyle: 'long' });
  const dateTime = new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeStyle: 'short' });
  const month = new Intl.DateTimeFormat(locale, { month: 'long', year: 'numeric' });
  const number = new Intl.NumberFormat(locale);
  const list = new Intl.ListFormat(locale, { type: 'conjunction' });
  return {
    date: (ms) => date.format(ms),
    dateTime: (ms) => dateTime.format(ms),
    month: (y, m) => month.format(new Date(y, m, 1)),
    number: (n) => number.format(n),
    list: (items) => list.format(items),
  };
}

/** The format of the language in use. */
export function useFormat(): Format {
  const { i18n } = useTranslation();
  return useMemo(() => formatFor(i18n.language), [i18n.language]);
}
