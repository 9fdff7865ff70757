import i18next, { type i18n } from 'i18next';
import { initReactI18next } from 'react-i18next';
import { prefer, preference } from '../app/preference';
import { en } from './en';

/** The languages of the app, by their own names. */
export const languages = { en: 'English', es: 'Español', hi: 'हिन्दी', ar: 'العربية' } as const;
export type Language = keyof typeof languages;

/** What every language has: the keys of English. Languages with more plural forms have more. */
export type Words = Shape<typeof en>;
type Shape<T> = { [K in keyof T]: T[K] extends string ? string : Shape<T[K]> } & Partial<Record<`${string}_${'zero' | 'two' | 'few' | 'many'}`, string>>;

export const isLanguage = (tag: string): tag is Language => Object.hasOwn(languages, tag);

/** Arabic is written from right to left. */
export const directionOf = (language: Language): 'rtl' | 'ltr' => (language === 'ar' ? 'rtl' : 'ltr');

const loaders: Record<Exclude<Language, 'en'>, () => Promise<Words>> = {
  es: async () => (await import('./es')).es,
  hi: async () => (await import('./hi')).hi,
  ar: async () => (await import('./ar')).ar,
};

/** The language that was chosen on this device, else the browser's, else English. */
export function firstLanguage(): Language {
  const kept = preference('language');
  if (kept !== null && isLanguage(kept)) return kept;
  for (const tag of navigator.languages) {
    const base = tag.split('-')[0] ?? '';
    if (isLanguage(base)) return base;
  }
  return 'en';
}

/** Begins with English in memory, which the others fall back to, and changes to the language of this device. */
export async function beginLanguages(language: Language): Promise<i18n> {
  await i18next.use(initReactI18next).init({
    lng: 'en',
    fallbackLng: 'en',
    resources: { en: { translation: en } },
    interpolation: { escapeValue: false }, // React escapes
    returnNull: false,
  });
  await useLanguageFromNow(language);
  return i18next;
}

async function useLanguageFromNow(language: Language): Promise<void> {
  if (language !== 'en' && !i18next.hasResourceBundle(language, 'translation')) {
    i18next.addResourceBundle(language, 'translation', await loaders[language]());
  }
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
  document.documentElement.dir = directionOf(language);
}

/** Changes the language and keeps the choice on this device. */
export async function chooseLanguage(language: Language): Promise<void> {
  await useLanguageFromNow(language);
  prefer('language', language);
}
