import { Component, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from 'nhsuk-react-components';

/** Boundary shows a page instead of nothing when a page breaks. What was signed or sent is not touched by it. */
export class Boundary extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError(): { broken: boolean } {
    return { broken: true };
  }

  override render(): ReactNode {
    return this.state.broken ? <Broken /> : this.props.children;
  }
}

function Broken() {
  const { t } = useTranslation();
  return (
    <div role="alert">
      <h1>{t('app.crashed')}</h1>
      <p>{t('app.crashedWhat')}</p>
      <Button onClick={() => window.location.reload()}>{t('app.reload')}</Button>
    </div>
  );
}
