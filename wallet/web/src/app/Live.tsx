import { createContext, use, useCallback, useState, type ReactNode } from 'react';

const Say = createContext<(text: string) => void>(() => undefined);

/** Live keeps one polite live region for the whole app: what changes without a new page is said there. */
export function Live({ children }: { children: ReactNode }) {
  const [text, setText] = useState('');
  const say = useCallback((next: string) => {
    setText(''); // the same words twice are said twice
    window.setTimeout(() => setText(next), 50);
  }, []);
  return (
    <Say value={say}>
      {children}
      <div aria-live="polite" aria-atomic="true" className="nhsuk-u-visually-hidden" role="status">
        {text}
      </div>
    </Say>
  );
}

/** useSay returns the function that speaks in the live region. */
export const useSay = (): ((text: string) => void) => use(Say);
