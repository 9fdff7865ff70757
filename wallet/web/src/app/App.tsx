import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { Suspense } from 'react';
import { useLocation } from 'wouter';

import type { Volens } from '../api/volens.ts';
import { Boundary } from './Boundary';
import { Live } from './Live';
import { Notice } from './Notice';
import { Pages } from './Pages';
import { Footer, Header } from './Shell';
import { Wait } from './parts';
import { WalletProvider } from './wallet.tsx';

/** Reads are tried again a few times when the network fails, never a write: what is shown as done is on the ledger. */
const queries = new QueryClient({
  defaultOptions: { queries: { retry: 1, staleTime: 5_000, refetchOnWindowFocus: true }, mutations: { retry: false } },
});

/** The whole app: a header with the menu, one page, a footer. */
export function App({ volens }: { volens: Volens }) {
  const [path] = useLocation();
  return (
    <QueryClientProvider client={queries}>
     <WalletProvider volens={volens} waiting={<Wait />}>
      <Live>
        <Header />
        <div className="nhsuk-width-container v-main__outer">
          <main className="v-main" id="main" tabIndex={-1}>
            <Boundary key={path}>
              <Suspense fallback={<Wait />}>
                <Pages />
              </Suspense>
            </Boundary>
          </main>
        </div>
        <Footer />
        <Notice />
      </Live>
     </WalletProvider>
    </QueryClientProvider>
  );
}
