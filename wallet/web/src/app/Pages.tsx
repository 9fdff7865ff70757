import { lazy, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Route, Switch, useLocation } from 'wouter';

import type { SubjectInfo } from '../api/volens.ts';
import { Home } from '../views/Home';
import { Unlock } from '../views/Unlock';
import { Welcome } from '../views/Welcome';
import { ActingFor } from './ActingFor';
import { Lost, Title } from './parts';
import { RecordChoice } from './RecordChoice';
import { SubjectContext, useDevice, useSubject } from './wallet';

const Start = lazy(() => import('../views/Start'));
const Phrase = lazy(() => import('../views/Phrase'));
const Enrol = lazy(() => import('../views/Enrol'));
const Requests = lazy(() => import('../views/Requests'));
const Consents = lazy(() => import('../views/Consents'));
const ConsentPage = lazy(() => import('../views/ConsentPage'));
const Give = lazy(() => import('../views/Give'));
const Revoke = lazy(() => import('../views/Revoke'));
const Uses = lazy(() => import('../views/Uses'));
const UsePage = lazy(() => import('../views/UsePage'));
const People = lazy(() => import('../views/People'));
const Guardians = lazy(() => import('../views/Guardians'));
const Helping = lazy(() => import('../views/Helping'));
const Recover = lazy(() => import('../views/Recover'));
const StopRecovery = lazy(() => import('../views/StopRecovery'));
const Erase = lazy(() => import('../views/Erase'));
const Erased = lazy(async () => ({ default: (await import('../views/Erase')).Erased }));
const EndActing = lazy(() => import('../views/EndActing'));
const Certificates = lazy(() => import('../views/Certificates'));
const Shared = lazy(() => import('../views/Shared'));
const Documents = lazy(() => import('../views/Documents'));
const Settings = lazy(() => import('../views/Settings'));
const RequestsConsole = lazy(() => import('../views/console/RequestsConsole'));
const AuditConsole = lazy(() => import('../views/console/AuditConsole'));
const CustodianConsole = lazy(() => import('../views/console/CustodianConsole'));

/** Pages is the page at the address. What belongs to a patient waits behind the wallet; consoles sign in for themselves. */
export function Pages() {
  return (
    <Switch>
      <Route path="/requests/*?" component={RequestsConsole} />
      <Route path="/audit/*?" component={AuditConsole} />
      <Route path="/custodian/*?" component={CustodianConsole} />
      <Route component={PatientPages} />
    </Switch>
  );
}

function PatientPages() {
  const { status, subjects } = useDevice().standing;
  const [path] = useLocation();
  if (!status.exists || (status.unlocked && !status.hasPhrase)) {
    return path === '/start' || path === '/enrol' ? <Start /> : path === '/' ? <Welcome /> : <Lost />;
  }
  if (!status.unlocked) return <Unlock />;
  if (!status.phraseSeen) return <Phrase />;
  if (subjects.length === 0) return <WithoutRecord path={path} />;
  return (
    <OneRecord subjects={subjects}>
      <Switch>
        <Route path="/" component={Home} />
        <Route path="/start" component={Home} />
        <Route path="/enrol" component={Enrol} />
        <Route path="/asked">{() => <Requests />}</Route>
        <Route path="/asked/:id">{({ id }) => <Requests id={id} />}</Route>
        <Route path="/consents" component={Consents} />
        <Route path="/consents/new" component={Give} />
        <Route path="/consents/stop">{() => <Revoke />}</Route>
        <Route path="/consents/:seq/stop">{({ seq }) => <Revoke seq={seq} />}</Route>
        <Route path="/consents/:seq">{({ seq }) => <ConsentPage seq={seq} />}</Route>
        <Route path="/uses" component={Uses} />
        <Route path="/uses/:seq">{({ seq }) => <UsePage seq={seq} />}</Route>
        <Route path="/people" component={People} />
        <Route path="/guardians">{() => <Own><Guardians /></Own>}</Route>
        <Route path="/recovery/stop">{() => <Own><StopRecovery /></Own>}</Route>
        <Route path="/erase">{() => <Own><Erase /></Own>}</Route>
        <Route path="/helping" component={Helping} />
        <Route path="/recover" component={Recover} />
        <Route path="/acting/end" component={EndActing} />
        <Route path="/documents" component={Documents} />
        <Route path="/documents/shared" component={Shared} />
        <Route path="/certificates" component={Certificates} />
        <Route path="/settings" component={Settings} />
        <Route component={Lost} />
      </Switch>
    </OneRecord>
  );
}

/** WithoutRecord is what a wallet can do that is not linked with any record yet. */
function WithoutRecord({ path }: { path: string }) {
  switch (path) {
    case '/settings':
      return <Settings />;
    case '/helping':
      return <Helping />;
    case '/recover':
      return <Recover />;
    default:
      return <Enrol />;
  }
}

/** Pages that are about the wallet, whatever became of the record. */
const anyRecord = ['/settings', '/helping', '/recover', '/enrol'];

/** OneRecord chooses the record that the pages are about, when a person has several. */
function OneRecord({ subjects, children }: { subjects: readonly SubjectInfo[]; children: ReactNode }) {
  const [handle, setHandle] = useState<string | null>(null);
  const [path] = useLocation();
  const chosen = subjects.find((s) => s.handle === handle) ?? subjects.at(-1); // the record that was linked last
  if (chosen === undefined) return null;
  return (
    <SubjectContext value={chosen}>
      {subjects.length > 1 && <RecordChoice chosen={chosen} onChoose={setHandle} subjects={subjects} />}
      <ActingFor />
      {chosen.erased !== undefined && !anyRecord.includes(path) ? <Erased /> : children}
    </SubjectContext>
  );
}

/** Own keeps what only the person herself can do from who acts for her. */
function Own({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const { delegation } = useSubject();
  if (delegation === undefined) return children;
  return <Title>{t('acting.only')}</Title>;
}
